import { UserError } from '../../errors.js'
import { applyMask } from '../../grammar/mask.js'
import { maximum } from '../../strategies/ranking.js'
import type { LogitsProcessor, RandomProcessor } from '../../strategies/strategy.js'
import type { GrammarState } from '../grammar-state.js'

/** Processors that hold scores to a grammar. */
export interface GrammarProcessors {
  /** Scores what is not allowed -Infinity. */
  readonly mask: LogitsProcessor
  /**
   * One processor for several, which see nothing but what is allowed, and cannot allow more. Where they forbid all of it, the grammar wins:
   * the scores are what they were before them.
   */
  hold(processors: readonly RandomProcessor[]): RandomProcessor
  /** Seconds that masks have taken so far. */
  readonly maskTime: number
}

/** @param onConflict told once where processors forbid all that is allowed */
export function grammarProcessors(state: GrammarState, onConflict?: () => void): GrammarProcessors {
  let milliseconds = 0
  const mask: LogitsProcessor = (logits, prefix) => {
    // What drafts say after the end of a text is not looked at.
    if (state.isDead(prefix)) return
    const start = performance.now()
    const allowed = state.allowed(prefix)
    if (allowed.count > 0) applyMask(logits, allowed)
    else if (!state.isOver(prefix)) throw deadEnd(state.placeAfter(prefix))
    milliseconds += performance.now() - start
  }
  let isTold = false
  return {
    mask,
    get maskTime() {
      return milliseconds / 1000
    },
    hold: (processors) => (logits, prefix, random) => {
      mask(logits, prefix)
      if (processors.length === 0) return
      const own = logits.slice()
      for (const process of processors) process(logits, prefix, random)
      mask(logits, prefix)
      if (maximum(logits) !== -Infinity) return
      logits.set(own)
      if (!isTold) onConflict?.()
      isTold = true
    },
  }
}

function deadEnd(place: string): UserError {
  return new UserError(
    `The grammar has come to a place that none of the model’s tokens can go on from: the vocabulary cannot spell what must follow. ${place}`,
  )
}
