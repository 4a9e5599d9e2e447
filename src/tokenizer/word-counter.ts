import { gpt2Words } from './words.js'

/** Rust's white space, which JavaScript's `\s` is not exactly. */
const WORDS = new RegExp(
  gpt2Words
    .replaceAll('[^\\s', '[^\\p{White_Space}')
    .replaceAll('\\s', '\\p{White_Space}')
    .replaceAll('\\S', '\\P{White_Space}'),
  'gu',
)

/** Counts the words of a text as a ByteLevel pre-tokenizer splits it. */
export class WordCounter {
  readonly counts = new Map<string, number>()

  /** @param text a part that is cut where the pre-tokenizer cuts, too */
  add(text: string): void {
    for (const word of text.match(WORDS) ?? []) {
      this.counts.set(word, (this.counts.get(word) ?? 0) + 1)
    }
  }
}
