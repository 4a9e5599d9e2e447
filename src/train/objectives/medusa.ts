import { MEDUSA_PREFIX, type MedusaSpec } from '../../models/heads/medusa.js'
import type { DecoderSpec } from '../../models/spec.js'
import { crossEntropy } from '../graphs/losses.js'
import { MedusaDecoder } from '../graphs/medusa-decoder.js'
import { type BuildObjective, sequences, sumOf, tokenArrays, tokenInputs } from '../objective.js'
import {
  type HeadLossOptions,
  headArrays,
  headLosses,
  teacherOf,
  tokensAhead,
  weightedLosses,
} from './heads.js'

/** The weight of each head's loss is this to the power of its number (Cai et al. 2024, section 2.2.1). */
const DECAY = 0.8

/**
 * Medusa's heads on their target: Σ 0.8^k · cross-entropy of head k, from 1. With `joint`, Medusa-2's λ0, the loss is that of
 * the language model and λ0 times that of the heads (Cai et al. 2024, section 2.2.2); without it, that of Medusa-1. With
 * `distillation` the heads learn from the target's distributions as well.
 */
export function medusa(
  spec: DecoderSpec,
  heads: MedusaSpec,
  { joint, statesGiven, distillation }: HeadLossOptions = {},
): BuildObjective {
  const arrays = headArrays(heads.heads, spec.vocabSize, heads)
  const given = tokensAhead(heads.sequential ? heads.heads : 0)
  return (shape) => {
    const decoder = new MedusaDecoder(spec, shape, { statesGiven })
    const { graph } = decoder
    const hidden = decoder.hidden()
    const projections = decoder.predictions(hidden, heads, given.inputs(graph, shape))
    const teacher = teacherOf(decoder, hidden, heads, distillation)
    const ofHeads = headLosses(graph, shape, projections, heads, teacher)
    const factors = ofHeads.losses.map((_, i) => DECAY ** (i + 1))
    const metrics = { ...ofHeads.metrics }
    let loss = weightedLosses(graph, ofHeads.losses, factors)
    if (joint !== undefined) {
      const { targets, weights } = tokenInputs(graph, shape, 0)
      const next = crossEntropy(graph, { hidden, weight: decoder.head() }, targets, weights)
      metrics.cross_entropy = { sum: next.loss, weight: sumOf(graph, weights) }
      loss = weightedLosses(graph, [next.loss, loss], [1, joint])
    }
    return {
      graph,
      loss,
      metrics,
      parameters: decoder.parameters,
      inputs: (batch, scale) =>
        new Map([
          ...sequences(batch),
          ...(joint === undefined ? [] : tokenArrays(batch, 0, scale)),
          ...arrays(batch, scale),
          ...given.arrays(batch),
        ]),
    }
  }
}

export function isMedusa(name: string): boolean {
  return name.startsWith(MEDUSA_PREFIX)
}
