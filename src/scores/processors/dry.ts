import { tokensOf } from '../../model/prefix.js'
import type { LogitsProcessor } from '../../strategies/strategy.js'
import type { SequenceBreakers } from './breakers.js'

export interface DrySettings {
  readonly multiplier: number
  /** At least 1. */
  readonly base: number
  /** Tokens that may be repeated before the penalty begins. */
  readonly allowedLength: number
  /** Last tokens that are searched, prompt included; -1 for all. */
  readonly last: number
  readonly breakers: () => SequenceBreakers
}

/** log of the largest float32: powers beyond it are not computed. */
const LARGEST_LOG = 88.7228391

/** Rounded as llama.cpp does. */
function largestExponent(base: number): number {
  return base > 1.000001 ? Math.floor(Math.fround(LARGEST_LOG / Math.log(base))) : Infinity
}

/**
 * Lowers the score of a token that would go on with a repetition by multiplier · base^(n - allowed length), where the n last tokens, at least
 * as many as allowed, occurred before it earlier on (DRY, text-generation-webui's pull request 5677; llama.cpp's
 * `llama_sampler_dry_apply`). A repetition begins after the last breaker, and a token that is a breaker has no penalty. Takes time in
 * proportion to the tokens that are searched.
 */
export function dry({ multiplier, base, allowedLength, last, breakers }: DrySettings): LogitsProcessor {
  const mostExponent = largestExponent(base)
  return (logits, prefix) => {
    if (last === 0) return
    const recent = tokensOf(prefix, last < 0 ? prefix.length : last).reverse()
    const { tails } = breakers()
    const unbroken = unbrokenLength(recent, tails)
    if (recent.length <= allowedLength || unbroken < allowedLength) return
    for (const [token, length] of longestRepetitions(recent, unbroken)) {
      if (length < allowedLength || token >= logits.length) continue
      if (tails.get(token)?.some((tail) => tail.length === 0)) continue
      logits[token] -= multiplier * base ** Math.min(length - allowedLength, mostExponent)
    }
  }
}

/** Tokens, newest first, before the first one that belongs to a breaker. */
function unbrokenLength(recent: readonly number[], tails: SequenceBreakers['tails']): number {
  for (const [i, token] of recent.entries()) {
    const matching = (tails.get(token) ?? []).filter(
      (tail) => tail.length <= i && tail.every((next, at) => recent[i - 1 - at] === next),
    )
    if (matching.length > 0) return i - Math.max(...matching.map((tail) => tail.length))
  }
  return recent.length
}

/** By token the most of the last tokens that it followed before, at most `limit`. @param recent newest first */
function longestRepetitions(recent: readonly number[], limit: number): Map<number, number> {
  const longest = new Map<number, number>()
  for (const [i, length] of repeatedBeginnings(recent).entries()) {
    if (i === 0) continue
    const next = recent[i - 1]
    longest.set(next, Math.max(longest.get(next) ?? 0, Math.min(length, limit)))
  }
  return longest
}

/** By place how many items from there on are those at the beginning: the Z-function (Gusfield 1997), in linear time; 0 at place 0. */
function repeatedBeginnings(items: readonly number[]): Int32Array {
  const lengths = new Int32Array(items.length)
  // The match that reaches farthest.
  let left = 0
  let right = 0
  for (let i = 1; i < items.length; i++) {
    let length = i < right ? Math.min(right - i, lengths[i - left]) : 0
    while (i + length < items.length && items[length] === items[i + length]) length++
    lengths[i] = length
    if (i + length > right) {
      left = i
      right = i + length
    }
  }
  return lengths
}
