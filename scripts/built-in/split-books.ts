/**
 * Divides a file of books, with an empty line between them, into those that are learnt and those that are held out.
 *
 *     npx tsx scripts/built-in/split-books.ts BOOKS TRAIN HELD_OUT
 *
 * BOOKS is text, also as .br; every 40th book is held out.
 */
import { writeFileSync } from 'node:fs'
import { readDocuments } from '../../src/train/data/documents.js'

const EVERY = 40
const [source, train, heldOut] = process.argv.slice(2)

const books: string[] = []
for await (const part of readDocuments([source], { separator: '\n\n' })) {
  if (part.kind !== 'text') continue
  if (part.start) books.push('')
  books[books.length - 1] += part.text
}
const isHeldOut = (index: number) => index % EVERY === EVERY - 1
const write = (path: string, wanted: (index: number) => boolean) =>
  writeFileSync(path, books.filter((_, i) => wanted(i)).join('\n\n'))
write(heldOut, isHeldOut)
write(train, (index) => !isHeldOut(index))
