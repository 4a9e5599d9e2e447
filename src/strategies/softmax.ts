import { noToken } from './no-token.js'
import { maximum } from './ranking.js'

/** exp(-i / 64), i = 0 … 4095. */
const POWERS = Float64Array.from({ length: 4096 }, (_, i) => Math.exp(-i / 64))

/**
 * exp(x) for x ≤ 0, to 1e-11 relative, in less than half of Math.exp's time: a table for the multiple of 1/64, and a
 * Taylor polynomial of degree 4 for the rest.
 */
export function expNegative(x: number): number {
  const steps = -64 * x
  if (!(steps < 4096)) return Math.exp(x)
  const whole = steps | 0
  const rest = (whole - steps) * (1 / 64)
  const square = rest * rest
  return POWERS[whole] * (1 + rest + square * (1 / 2 + rest * (1 / 6) + square * (1 / 24)))
}

/** A distribution over the vocabulary, not yet divided by its total. */
export interface Exponentials {
  /** exp(score - the best score), [vocab]; valid until the next call with the same buffer. */
  readonly weights: Float32Array
  readonly best: number
  /** The sum of `weights`. */
  readonly total: number
  /** log Σ exp(score). */
  readonly logTotal: number
}

/** Fills `into`, [vocab], with exp(score - best); gives the sum. @throws UserError for scores that are Infinity or no numbers */
function exponentiate(scores: Float32Array, best: number, into: Float32Array): number {
  let total = 0
  for (let i = 0; i < scores.length; i++) {
    const weight = scores[i] === -Infinity ? 0 : expNegative(scores[i] - best)
    into[i] = weight
    total += weight
  }
  if (Number.isNaN(total)) throw noToken()
  return total
}

/** A function that exponentiates scores into a buffer of its own, which it reuses from call to call. */
export function exponentiator(): (scores: Float32Array) => Exponentials {
  let weights = new Float32Array(0)
  return (scores) => {
    if (weights.length !== scores.length) weights = new Float32Array(scores.length)
    const best = maximum(scores)
    const total = exponentiate(scores, best, weights)
    return { weights, best, total, logTotal: best + Math.log(total) }
  }
}

/** log Σ exp(score). */
export function logSumExp(scores: Float32Array): number {
  const best = maximum(scores)
  let total = 0
  for (let i = 0; i < scores.length; i++) if (scores[i] !== -Infinity) total += expNegative(scores[i] - best)
  return best + Math.log(total)
}

/** The entropy of softmax(scores) in nats: log Σ w - Σ w (s - best) / Σ w. */
export function entropy(scores: Float32Array, { weights, best, total }: Exponentials): number {
  let sum = 0
  for (let i = 0; i < scores.length; i++) if (weights[i] > 0) sum += weights[i] * (scores[i] - best)
  return Math.log(total) - sum / total
}

/** Replaces scores by their log-probabilities, in place (HF LogitNormalization). */
export function logSoftmax(scores: Float32Array): Float32Array {
  const logTotal = logSumExp(scores)
  for (let i = 0; i < scores.length; i++) scores[i] -= logTotal
  return scores
}

/**
 * The probabilities of `scores`, [vocab]; `into` may be `scores` itself or a buffer to reuse.
 * @throws UserError where no token can be chosen by the scores
 */
export function softmax(scores: Float32Array, into = new Float32Array(scores.length)): Float32Array {
  const total = exponentiate(scores, maximum(scores), into)
  if (total === 0) throw noToken()
  for (let i = 0; i < into.length; i++) into[i] /= total
  return into
}
