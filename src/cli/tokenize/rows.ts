import type { EncodedToken } from '../../tokenizer/offsets.js'
import type { Tokenizer } from '../../tokenizer/tokenizer.js'

/** A token of a text as `llm tokenize --json` has it. */
export interface TokenJson extends EncodedToken {
  /** As the vocabulary spells it. */
  readonly token: string
  /** The characters of the text that it stands for; none for a token that is put around the text. */
  readonly text: string
  readonly special: boolean
}

/** JSON of `llm tokenize --json`. */
export interface TokenizationJson {
  readonly count: number
  /** Code points of the text. */
  readonly characters: number
  readonly ids: readonly number[]
  readonly tokens: readonly TokenJson[]
  /** The text that a chat template has made. */
  readonly prompt?: string
}

export function tokenization(
  text: string,
  tokenizer: Tokenizer,
  addSpecialTokens: boolean,
): Omit<TokenizationJson, 'prompt'> {
  const characters = [...text]
  const tokens = tokenizer.encodeWithOffsets(text, { addSpecialTokens }).map(({ id, start, end }) => ({
    id,
    token: tokenizer.idToToken(id) ?? '',
    text: characters.slice(start, end).join(''),
    start,
    end,
    special: tokenizer.specialIds.has(id),
  }))
  return { count: tokens.length, characters: characters.length, ids: tokens.map(({ id }) => id), tokens }
}

/** A line a token: id, characters, the token as the vocabulary spells it, and the text. */
export function tokenLines(tokens: readonly TokenJson[]): string[] {
  const cells = tokens.map(({ id, token, text, start, end }) => [
    String(id),
    `${start}-${end}`,
    token,
    JSON.stringify(text),
  ])
  const width = (column: number) => cells.reduce((most, row) => Math.max(most, [...row[column]].length), 0)
  const [ids, spans, spellings] = [0, 1, 2].map(width)
  return cells.map(([id, span, token, text]) =>
    [id.padStart(ids), span.padEnd(spans), token + ' '.repeat(spellings - [...token].length), text].join(
      '  ',
    ),
  )
}
