/** What settings that name text need of a tokenizer. */
export interface TextTokens {
  /** One more than the highest id that has a token. */
  readonly vocabSize: number
  encode(text: string, options: { addSpecialTokens: false }): number[]
  idToToken(id: number): string | undefined
  /** Gives the text that each token, as the vocabulary spells it, makes certain. */
  newDecoder(): { push(token: string): string }
}

/** Stands between tokens: half a character ends before it, and a space after it stays. */
const BETWEEN = 'a'

const texts = new WeakMap<TextTokens, readonly string[]>()

/** The text of each token by itself, by id; empty where there is none. */
export function tokenTexts(tokenizer: TextTokens): readonly string[] {
  const known = texts.get(tokenizer)
  if (known) return known
  const decoder = tokenizer.newDecoder()
  const between = tokenizer
    .encode(BETWEEN, { addSpecialTokens: false })
    .map((id) => tokenizer.idToToken(id) ?? '')
  const pushBetween = () => between.map((token) => decoder.push(token)).join('')
  pushBetween()
  // In the middle of a text, where its space is not taken away.
  const shield = pushBetween()
  const found = Array.from({ length: tokenizer.vocabSize }, (_, id) => {
    const token = tokenizer.idToToken(id)
    if (token === undefined) return ''
    const text = decoder.push(token) + pushBetween()
    return text.endsWith(shield) ? text.slice(0, text.length - shield.length) : text
  })
  texts.set(tokenizer, found)
  return found
}
