import { type GenerationConfig, TOKENS_IN_WORDS } from '../config/index.js'
import { usageError } from '../errors.js'
import type { Tokenizer } from '../tokenizer/tokenizer.js'

type Ids = readonly number[]

/** Cuts words into the model's tokens. */
type Speller = Pick<Tokenizer, 'encode' | 'tokenToId' | 'idToToken' | 'unkToken'>

/**
 * Settings whose words are token ids as well: those of `bad_words` are among `bad_words_ids`, and so on.
 * @throws UserError, exit code 2, for a word that the model has no tokens for, and for one of several tokens where the field takes one
 */
export function withWordIds(config: GenerationConfig, tokenizer: Speller): GenerationConfig {
  const { bad_words, word_bias, suppress_words, begin_suppress_words, force_words } = config
  const forms = (field: string) => (word: string) => wordForms(word, tokenizer, field)
  const singles = (field: string, words: readonly string[]) =>
    words.flatMap((word) => singleForms(word, tokenizer, field))
  const all = <Item>(given: readonly Item[] | undefined, more: readonly Item[]) => [...(given ?? []), ...more]
  const biases = Object.entries(word_bias ?? {}).flatMap(([word, bias]) =>
    wordForms(word, tokenizer, 'word_bias').map((ids): [number[], number] => [ids, bias]),
  )
  return {
    ...config,
    ...tokensOf(config, tokenizer),
    ...(bad_words && { bad_words_ids: all(config.bad_words_ids, bad_words.flatMap(forms('bad_words'))) }),
    ...(word_bias && { sequence_bias: all(config.sequence_bias, biases) }),
    ...(suppress_words && {
      suppress_tokens: all(config.suppress_tokens, singles('suppress_words', suppress_words)),
    }),
    ...(begin_suppress_words && {
      begin_suppress_tokens: all(
        config.begin_suppress_tokens,
        singles('begin_suppress_words', begin_suppress_words),
      ),
    }),
    ...(force_words && {
      force_words_ids: all<number[] | number[][]>(
        config.force_words_ids,
        force_words.map((words) => withoutLonger([words].flat().flatMap(forms('force_words')))),
      ),
    }),
  }
}

/** The ids of fields that name whole tokens. */
function tokensOf(config: GenerationConfig, tokenizer: Speller): Partial<GenerationConfig> {
  const given = TOKENS_IN_WORDS.flatMap((field) => {
    const texts = config[field]
    if (texts === undefined) return []
    const ids = [texts].flat().map((text) => tokenId(text, tokenizer, field))
    return [[`${field}_id`, Array.isArray(texts) ? ids : ids[0]]]
  })
  return Object.fromEntries(given)
}

/**
 * A word as it may stand in a text: with a space before it and without (vLLM's `bad_words` has both; HF's users encode one of them). One
 * that begins with white space is taken as it is. A form that ends with another one is left out.
 */
function wordForms(word: string, tokenizer: Speller, field: string): number[][] {
  const plain = idsWithin(word, tokenizer, field)
  if (/^\s/.test(word)) return [plain]
  const spaced = idsWithin(` ${word}`, tokenizer, field)
  return endsWith(spaced, plain) ? [plain] : [plain, spaced]
}

/** The forms of a word that are one token. @throws UserError where none is */
function singleForms(word: string, tokenizer: Speller, field: string): number[] {
  const forms = wordForms(word, tokenizer, field)
  const singles = forms.filter(({ length }) => length === 1).flat()
  if (singles.length > 0) return singles
  throw usageError(
    `${field} has ${JSON.stringify(word)}, which is ${forms[0].length} tokens (${spelled(forms[0], tokenizer)}), but takes words of one: give it as one of bad_words, or its tokens.`,
  )
}

/** The one token of a text. @throws UserError where it is not one */
function tokenId(text: string, tokenizer: Speller, field: string): number {
  const exact = tokenizer.tokenToId(text)
  if (exact !== undefined) return exact
  const ids = idsWithin(text, tokenizer, field)
  if (ids.length === 1) return ids[0]
  throw usageError(
    `${field} has ${JSON.stringify(text)}, which is ${ids.length} tokens (${spelled(ids, tokenizer)}), but takes one: give another text, or its id as ${field}_id.`,
  )
}

/** What stands before a word to see its tokens within a text, where SentencePiece puts no space of its own before it. */
const BEFORE = '\n'

/** The tokens of a text within another one. @throws UserError for a text without tokens, or with characters that the model lacks */
export function idsWithin(text: string, tokenizer: Speller, field: string): number[] {
  const encode = (of: string) => tokenizer.encode(of, { addSpecialTokens: false })
  const before = encode(BEFORE)
  const both = encode(BEFORE + text)
  const isWithin = both.length > before.length && before.every((id, i) => both[i] === id)
  const ids = isWithin ? both.slice(before.length) : encode(text)
  const unknown = tokenizer.unkToken === undefined ? undefined : tokenizer.tokenToId(tokenizer.unkToken)
  if (ids.length > 0 && (unknown === undefined || text === tokenizer.unkToken || !ids.includes(unknown)))
    return ids
  throw usageError(`${field} has ${JSON.stringify(text)}, for which the model has no tokens: leave it out.`)
}

function endsWith(ids: Ids, end: Ids): boolean {
  return ids.length >= end.length && end.every((id, i) => ids[ids.length - end.length + i] === id)
}

/** Alternatives without those that another one begins, which is there already where they are. */
function withoutLonger(forms: readonly number[][]): number[][] {
  const begins = (short: Ids, long: Ids) => short.every((id, i) => long[i] === id)
  return forms.filter(
    (form, i) =>
      !forms.some((other, j) => i !== j && begins(other, form) && (other.length < form.length || j < i)),
  )
}

function spelled(ids: Ids, { idToToken }: Speller): string {
  return ids.map((id) => idToToken(id)).join(' ')
}
