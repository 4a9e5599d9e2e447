import type { GrammarVocabulary } from '../../src/grammar/token-expressions.js'

/** A vocabulary of some control tokens and some tokens of text, by id. */
export function tinyVocabulary(
  controls: Record<number, string>,
  text: Record<number, string>,
): GrammarVocabulary {
  const all = { ...text, ...controls }
  return {
    controls: Object.keys(controls).map(Number),
    idOf: (token) => {
      const found = Object.entries(all).find(([, each]) => each === token)
      return found && Number(found[0])
    },
    bytesOf: (id) => (text[id] === undefined ? undefined : Buffer.from(text[id])),
  }
}
