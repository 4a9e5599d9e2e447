import { excerpt, usageError } from '../../errors.js'
import { isJsonObject, parseJson } from '../../json.js'
import type { Tokenizer } from '../../tokenizer/tokenizer.js'

/**
 * The token ids of a text: numbers with spaces or commas between them, a JSON list, or the object that `llm tokenize --json` prints.
 * @throws UserError, exit code 2, for what is no id
 */
export function readIds(text: string): number[] {
  const trimmed = text.trim()
  if (trimmed.startsWith('{')) {
    const value = parseJson(trimmed, 'The ids', 2)
    const ids = isJsonObject(value) ? value.ids : undefined
    if (Array.isArray(ids)) return ids.map((id) => idOf(id))
    throw usageError('The object of the ids has no list "ids": give the output of `llm tokenize --json`.')
  }
  const list = /^\[(.*)\]$/s.exec(trimmed)?.[1] ?? trimmed
  return list.split(/[\s,]+/).flatMap((word) => (word === '' ? [] : [idOf(word)]))
}

function idOf(word: unknown): number {
  const text = String(word)
  const id = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(id)) return id
  throw usageError(
    `${excerpt(JSON.stringify(word) ?? text, 60)} is no token id: give whole numbers from 0 on.`,
  )
}

/** @throws UserError, exit code 2, for an id that stands for no token */
export function requireTokens(ids: readonly number[], { idToToken, vocabSize }: Tokenizer): void {
  const unknown = ids.find((id) => idToToken(id) === undefined)
  if (unknown === undefined) return
  const why =
    unknown < vocabSize
      ? 'the vocabulary has a gap there'
      : `the highest one of the vocabulary is ${vocabSize - 1}`
  throw usageError(`There is no token ${unknown}: ${why}.`)
}
