/**
 * Beginnings from which a model writes texts of its own kinds: those of stories, and in turn with them as many of books.
 *
 *     npx tsx scripts/built-in/mixed-prompts.ts OPENINGS.jsonl BOOKS > prompts.jsonl
 */
import { readFileSync } from 'node:fs'

/** Words of a paragraph that is taken a beginning of, and of the beginning. */
const WORDS = { paragraph: 40, beginning: 12 }

const [openings, books] = process.argv.slice(2)
const stories = readFileSync(openings, 'utf8').trim().split('\n')
const paragraphs = readFileSync(books, 'utf8')
  .split('\n')
  .map((line) => line.split(' '))
  .filter((words) => words.length > WORDS.paragraph)
const step = Math.floor(paragraphs.length / stories.length)
for (const [i, story] of stories.entries()) {
  const prompt = paragraphs[i * step].slice(0, WORDS.beginning).join(' ')
  console.log(`${story}\n${JSON.stringify({ prompt })}`)
}
