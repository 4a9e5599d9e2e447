import { usageError } from '../../errors.js'
import type { Prefix } from '../../model/prefix.js'
import { exponentiator, logSumExp } from '../../strategies/softmax.js'
import type { LogitsProcessor } from '../../strategies/strategy.js'

export interface MirostatSettings {
  /** Surprise that is aimed at, bits a token. */
  readonly tau: number
  /** Learning rate. */
  readonly eta: number
  readonly promptLength: number
}

/** What a token was chosen from. */
interface Candidates {
  /** As they were left, [vocab]. */
  readonly scores: Float32Array
  readonly logTotal: number
}

/**
 * Places whose candidates are remembered: a text's next place comes right after its last one, and one of a tree after a few others. Where a
 * tree has more, a place has the limit of the one before it.
 */
const REMEMBERED = 16

/**
 * Mirostat 2.0 (Basu et al. 2021, algorithm 2; llama.cpp's `llama_sampler_mirostat_v2_apply`): drops tokens with more than μ bits of surprise,
 * but for the best one; μ begins at 2 τ and moves by -η (surprise of the chosen token among those left - τ). μ belongs to a prefix, and
 * follows from the tokens chosen before it: a place is to be visited after the one before it, whatever else is visited between them.
 * @throws UserError where a strategy visits places in another order, or chose a token that was dropped
 */
export function mirostat({ tau, eta, promptLength }: MirostatSettings): LogitsProcessor {
  const limits = new WeakMap<Prefix, number>()
  const remembered = new Map<Prefix, Candidates>()
  const exponentiate = exponentiator()
  const limitOf = (prefix: Prefix): number => {
    const known = limits.get(prefix)
    if (known !== undefined) return known
    const before = prefix.parent && limits.get(prefix.parent)
    if (before === undefined) {
      if (prefix.length <= promptLength) return 2 * tau
      throw outOfOrder()
    }
    const candidates = remembered.get(prefix.parent!)
    return candidates ? before - eta * (surpriseOf(prefix.token, candidates) - tau) : before
  }
  return (logits, prefix) => {
    const limit = limitOf(prefix)
    limits.set(prefix, limit)
    const { logTotal, best } = exponentiate(logits)
    // The least score of a token with `limit` bits of surprise.
    const least = Math.min(best, logTotal - limit * Math.LN2)
    for (let i = 0; i < logits.length; i++) if (logits[i] < least) logits[i] = -Infinity
    remembered.delete(prefix)
    remembered.set(prefix, { scores: logits.slice(), logTotal: logSumExp(logits) })
    if (remembered.size > REMEMBERED) remembered.delete(remembered.keys().next().value!)
  }
}

/** Bits of surprise. @throws UserError for a token that was dropped */
function surpriseOf(token: number, { scores, logTotal }: Candidates): number {
  const surprise = (logTotal - scores[token]) / Math.LN2
  if (Number.isFinite(surprise)) return surprise
  throw outOfOrder()
}

function outOfOrder() {
  return usageError(
    'mirostat follows the text token by token, each drawn from what it left, which this strategy does not do: set mirostat to 0.',
  )
}
