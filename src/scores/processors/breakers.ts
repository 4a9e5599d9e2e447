import { usageError } from '../../errors.js'
import { type TextTokens, tokenTexts } from './text-tokens.js'

/** Tokens of a breaker's end that are told apart: llama.cpp's limit. */
const LONGEST_TAIL = 20

/** Text as the tokens that can spell it: by the first one the tails of which one follows; an empty tail where the token has all of the text. */
export interface SequenceBreakers {
  readonly tails: ReadonlyMap<number, readonly (readonly number[])[]>
}

const NONE: SequenceBreakers = { tails: new Map() }

/**
 * The tokens that break repetitions (llama.cpp's `llama_sampler_init_dry`): those whose text holds one of `texts`, and those whose text ends
 * as one of them begins, followed by the tokens of its rest. The single text `none` is none, as in llama.cpp's command line. They are looked
 * up when they are first asked for.
 * @throws UserError for texts without a tokenizer
 */
export function sequenceBreakers(
  texts: readonly string[],
  tokenizer: TextTokens | undefined,
): () => SequenceBreakers {
  if (texts.length === 0 || (texts.length === 1 && texts[0] === 'none')) return () => NONE
  if (!tokenizer) throw usageError('dry_sequence_breakers is text, which needs a tokenizer: set it to [].')
  let found: SequenceBreakers | undefined
  return () => {
    found ??= findBreakers(texts, tokenizer)
    return found
  }
}

function findBreakers(texts: readonly string[], tokenizer: TextTokens): SequenceBreakers {
  const tails = new Map<number, number[][]>()
  const add = (token: number, tail: number[]) => {
    const others = tails.get(token)
    if (others) others.push(tail)
    else tails.set(token, [tail])
  }
  for (const text of new Set(texts)) {
    const encodeRest = encoderOfRests(text, tokenizer)
    for (const [token, own] of tokenTexts(tokenizer).entries()) {
      if (own.includes(text)) add(token, [])
      else for (const length of overlaps(own, text)) add(token, encodeRest(length))
    }
  }
  return { tails }
}

/** How many of a breaker's first characters a text ends with: all numbers for which it does. */
function overlaps(own: string, breaker: string): number[] {
  const longest = Math.min(own.length, breaker.length - 1)
  const lengths = Array.from({ length: longest }, (_, i) => longest - i)
  return lengths.filter((length) => own.endsWith(breaker.slice(0, length)))
}

function encoderOfRests(text: string, tokenizer: TextTokens): (from: number) => number[] {
  const known = new Map<number, number[]>()
  return (from) => {
    const rest =
      known.get(from) ??
      tokenizer.encode(text.slice(from), { addSpecialTokens: false }).slice(0, LONGEST_TAIL)
    known.set(from, rest)
    return rest
  }
}
