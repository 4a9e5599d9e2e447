/** What settings that name text need of a tokenizer. */
export interface TextTokens {
  /** One more than the highest id that has a token. */
  readonly vocabSize: number
  encode(text: string, options: { addSpecialTokens: false }): number[]
  decode(ids: readonly number[]): string
}

const texts = new WeakMap<TextTokens, readonly string[]>()

/** The text of each token by itself, by id; a token before it shields its space, which decoders take from the beginning of a text. */
export function tokenTexts(tokenizer: TextTokens): readonly string[] {
  const known = texts.get(tokenizer)
  if (known) return known
  const before = tokenizer.encode('a', { addSpecialTokens: false })
  const { length } = tokenizer.decode(before)
  const found = Array.from({ length: tokenizer.vocabSize }, (_, id) =>
    tokenizer.decode([...before, id]).slice(length),
  )
  texts.set(tokenizer, found)
  return found
}
