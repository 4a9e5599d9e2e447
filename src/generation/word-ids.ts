import { type GenerationConfig, TOKENS_IN_WORDS } from '../config/index.js'
import { usageError } from '../errors.js'
import type { Tokenizer } from '../tokenizer/tokenizer.js'

type Ids = readonly number[]

/** Cuts words into the model's tokens. */
type Speller = Pick<Tokenizer, 'encode' | 'tokenToId' | 'idToToken' | 'unkToken'>

/**
 * Settings whose words are token ids as well: those of `bad_words` are among `bad_words_ids`, and so on. `logit_bias` becomes part of
 * `sequence_bias`.
 * @param vocabSize of the model, whose tokens `logit_bias` may name
 * @throws UserError, exit code 2, for a word that the model has no tokens for, for one of several tokens where the field takes one, and
 * for an id beyond the vocabulary
 */
export function withWordIds(
  config: GenerationConfig,
  tokenizer: Speller,
  vocabSize: number,
): GenerationConfig {
  const { bad_words, logit_bias, suppress_words, begin_suppress_words, force_words } = config
  const forms = (field: string) => (word: string) => wordForms(word, tokenizer, field)
  const singles = (field: string, words: readonly string[]) =>
    words.flatMap((word) => singleForms(word, tokenizer, field))
  const all = <Item>(given: readonly Item[] | undefined, more: readonly Item[]) => [...(given ?? []), ...more]
  return {
    ...config,
    ...tokensOf(config, tokenizer),
    ...(bad_words && { bad_words_ids: all(config.bad_words_ids, bad_words.flatMap(forms('bad_words'))) }),
    ...(logit_bias && {
      logit_bias: undefined,
      sequence_bias: sumsOf(config.sequence_bias ?? [], biasesOf(logit_bias, tokenizer, vocabSize)),
    }),
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

type Bias = NonNullable<GenerationConfig['sequence_bias']>[number]

/** The biases of token ids and of both forms of words. */
function biasesOf(
  biases: NonNullable<GenerationConfig['logit_bias']>,
  tokenizer: Speller,
  vocabSize: number,
): Bias[] {
  return Object.entries(biases).flatMap(([key, bias]) => {
    const isId = /^(?:0|[1-9]\d*)$/.test(key)
    if (isId && Number(key) >= vocabSize) {
      throw usageError(`logit_bias names the token ${key}, but the model's vocabulary has ${vocabSize}.`)
    }
    const forms = isId ? [[Number(key)]] : wordForms(key, tokenizer, 'logit_bias')
    return forms.map((ids): Bias => [ids, bias])
  })
}

/** Biases to which others are added: what several name has their sum. */
function sumsOf(given: readonly Bias[], added: readonly Bias[]): Bias[] {
  const sums = new Map(given.map((entry) => [entry[0].join(), entry]))
  for (const [ids, bias] of added) {
    const [, sum] = sums.get(ids.join()) ?? [ids, 0]
    sums.set(ids.join(), [ids, bias === false || sum === false ? false : sum + bias])
  }
  return [...sums.values()]
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
