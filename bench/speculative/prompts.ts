import { readFileSync } from 'node:fs'
import { readDocuments } from '../../src/train/data/documents.js'

/** Prompts of one kind. */
export interface PromptSet {
  readonly name: string
  readonly prompts: readonly string[]
}

/** Words of a passage that is to be summed up or copied. */
const PASSAGE = { least: 90, most: 200 }

/** Where prompts come from. */
export interface PromptTexts {
  /** MT-bench's questions, JSON Lines with `turns`. */
  readonly mtBench: string
  /** A text with a paragraph a line, also as .br. */
  readonly books: string
  /** Beginnings of stories, JSON Lines with `prompt`. */
  readonly stories?: string
}

/**
 * The sets: the first turns of MT-bench's questions, passages of books to be summed up and to be copied, and beginnings of stories. A model
 * without a chat template does not follow instructions: for it the passage is followed by its own first words.
 * @param count prompts of a set
 */
export async function promptSets(
  { mtBench, books, stories }: PromptTexts,
  count: number,
  isChat: boolean,
): Promise<PromptSet[]> {
  const questions = linesOf<{ turns: string[] }>(mtBench).map(({ turns }) => turns[0])
  const passages = await passagesOf(books, count)
  const opening = (passage: string) => passage.split(' ').slice(0, 8).join(' ')
  const copying = (passage: string) =>
    isChat ? `Repeat this text word for word:\n\n${passage}` : `${passage}\n\n${opening(passage)}`
  const summarising = (passage: string) =>
    isChat ? `Sum up this text in three sentences:\n\n${passage}` : `${passage}\n\nIn short:`
  return [
    { name: 'MT-bench', prompts: spread(questions, count) },
    { name: 'summarising', prompts: passages.map(summarising) },
    { name: 'copying', prompts: passages.map(copying) },
    ...(stories
      ? [
          {
            name: 'stories',
            prompts: spread(linesOf<{ prompt: string }>(stories), count).map(({ prompt }) => prompt),
          },
        ]
      : []),
  ]
}

function linesOf<T>(file: string): T[] {
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

/** Paragraphs of a fitting length, from all over the books' beginning. */
async function passagesOf(books: string, count: number): Promise<string[]> {
  const found: string[] = []
  for await (const part of readDocuments([books], { separator: '\n\n' })) {
    if (part.kind !== 'text') continue
    for (const paragraph of part.text.split('\n')) {
      const words = paragraph.split(' ').length
      if (words >= PASSAGE.least && words <= PASSAGE.most) found.push(paragraph)
    }
    if (found.length >= 40 * count) break
  }
  return spread(found, count)
}

function spread<T>(items: readonly T[], count: number): T[] {
  const step = Math.max(1, items.length / count)
  return Array.from({ length: Math.min(count, items.length) }, (_, i) => items[Math.floor(i * step)])
}
