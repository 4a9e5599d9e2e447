import type { GenerationConfig } from '../config/index.js'
import { usageError } from '../errors.js'
import { type Prefix, tokensOf } from '../model/prefix.js'
import type { FinishReason, StoppingCriterion } from '../strategies/strategy.js'

/** The text of the last tokens of a sequence; what precedes them is not known. */
export type DecodeSuffix = (tokens: number[]) => string

/** Where a stop string lies, in UTF-16 units counted back from the end of the text. */
export interface StopMatch {
  readonly stopString: string
  /** From the stop string's first character to the text's end: cut these to leave the stop string out. */
  readonly startFromEnd: number
  /** From the stop string's last character to the text's end: cut these to keep the stop string. */
  readonly endFromEnd: number
}

export interface StoppingContext {
  /** The most tokens that the sequence may have, prompt included. */
  readonly maxLength: number
  readonly eosTokenIds: readonly number[]
  /** Needed where `stop_strings` is set. */
  readonly decodeSuffix?: DecodeSuffix
  readonly userCriteria?: readonly StoppingCriterion[]
  /** Milliseconds from any origin. */
  readonly now?: () => number
}

/**
 * The stopping criteria that `config` asks for, combined: the first one that holds gives the reason. Time runs
 * from this call.
 * @throws UserError where stop strings come without a tokenizer.
 */
export function buildStoppingCriterion(
  config: GenerationConfig,
  context: StoppingContext,
): StoppingCriterion {
  const { maxLength, eosTokenIds, decodeSuffix, userCriteria = [], now } = context
  const criteria = [eosToken(eosTokenIds)]
  if (config.stop_strings) {
    if (!decodeSuffix) throw usageError('stop_strings needs a tokenizer: pass decodeSuffix.')
    criteria.push(stopStrings(config.stop_strings, decodeSuffix))
  }
  criteria.push(...userCriteria, lengthReached(maxLength))
  if (config.max_time !== undefined) criteria.push(timeReached(config.max_time, now))
  return anyOf(criteria)
}

/** Holds where one of `criteria` does; gives the first one's reason. */
export function anyOf(criteria: readonly StoppingCriterion[]): StoppingCriterion {
  return (prefix) => {
    for (const criterion of criteria) {
      const reason = criterion(prefix)
      if (reason) return reason
    }
    return undefined
  }
}

/** Stops after one of `eosTokenIds` (HF EosTokenCriteria). */
export function eosToken(eosTokenIds: readonly number[]): StoppingCriterion {
  const ids = new Set(eosTokenIds)
  return ({ token }) => (ids.has(token) ? 'eos' : undefined)
}

/** Stops at `maxLength` tokens, prompt included (HF MaxLengthCriteria). */
export function lengthReached(maxLength: number): StoppingCriterion {
  return ({ length }) => (length >= maxLength ? 'length' : undefined)
}

/** Stops once more than `seconds` have passed since this call (HF MaxTimeCriteria). */
export function timeReached(seconds: number, now: () => number = () => performance.now()): StoppingCriterion {
  const start = now()
  return () => (now() - start > seconds * 1000 ? 'time' : undefined)
}

/** Stops where the last token completes one of `strings` (HF StopStringCriteria). */
export function stopStrings(strings: readonly string[], decodeSuffix: DecodeSuffix): StoppingCriterion {
  const match = stopStringMatcher(strings, decodeSuffix)
  return (prefix): FinishReason | undefined => (match(prefix) ? 'stop' : undefined)
}

/**
 * Finds the stop string that ends inside the last token, wherever it begins, also across token borders and
 * in the prompt; of several the one that begins first.
 */
export function stopStringMatcher(
  strings: readonly string[],
  decodeSuffix: DecodeSuffix,
): (prefix: Prefix) => StopMatch | undefined {
  // A token holds at least one byte; one token more shields the first from a decoder that trims its space.
  const window = 1 + strings.reduce((most, string) => Math.max(most, Buffer.byteLength(string)), 0)
  return (prefix) => {
    const tokens = tokensOf(prefix, window)
    const text = decodeSuffix(tokens)
    const before = commonLength(text, decodeSuffix(tokens.slice(0, -1)))
    let first: { start: number; stopString: string } | undefined
    for (const stopString of strings) {
      const start = text.indexOf(stopString, Math.max(0, before - stopString.length + 1))
      if (start >= 0 && (!first || start < first.start)) first = { start, stopString }
    }
    if (!first) return undefined
    const { start, stopString } = first
    return {
      stopString,
      startFromEnd: text.length - start,
      endFromEnd: text.length - start - stopString.length,
    }
  }
}

function commonLength(a: string, b: string): number {
  let length = 0
  while (length < Math.min(a.length, b.length) && a[length] === b[length]) length++
  return length
}
