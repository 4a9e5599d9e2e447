/**
 * Divides a file of books, with an empty line between them, in two: every so manieth book goes into REST.
 *
 *     npx tsx scripts/built-in/split-books.ts BOOKS EVERY OUT REST
 *
 * BOOKS is text, also as .br.
 */
import { writeFileSync } from 'node:fs'
import { readDocuments } from '../../src/train/data/documents.js'

const [source, every, out, rest] = process.argv.slice(2)

const books: string[] = []
for await (const part of readDocuments([source], { separator: '\n\n' })) {
  if (part.kind !== 'text') continue
  if (part.start) books.push('')
  books[books.length - 1] += part.text
}
const isRest = (index: number) => index % Number(every) === Number(every) - 1
const write = (path: string, wanted: (index: number) => boolean) =>
  writeFileSync(path, books.filter((_, i) => wanted(i)).join('\n\n'))
write(rest, isRest)
write(out, (index) => !isRest(index))
