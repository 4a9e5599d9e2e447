import { type MtpSpec, mtpParameters } from '../../models/heads/mtp.js'
import type { DecoderSpec } from '../../models/spec.js'
import { crossEntropy } from '../graphs/losses.js'
import { MtpDecoder } from '../graphs/mtp-decoder.js'
import { type BuildObjective, sequences, sumOf, tokenArrays, tokenInputs } from '../objective.js'
import {
  type HeadLossOptions,
  headArrays,
  headLosses,
  teacherOf,
  tokensAhead,
  weightedLosses,
} from './heads.js'

/**
 * Multi-token prediction: λ / D · Σ cross-entropy at each of D depths (DeepSeek-AI 2024, equations 24 and 25). λ is
 * `joint`, beside the loss of the language model; without it λ is 1, and the loss is that of the modules alone. With `distillation` they
 * learn from the model's distributions as well.
 */
export function multiToken(
  spec: DecoderSpec,
  mtp: MtpSpec,
  { joint, statesGiven, distillation }: HeadLossOptions = {},
): BuildObjective {
  const depths = Array.from({ length: mtp.parallel ? mtp.modules : mtp.depth }, (_, i) => i + 1)
  const arrays = headArrays(depths.length, spec.vocabSize, mtp)
  const given = tokensAhead(mtp.parallel ? 0 : depths.length)
  return (shape) => {
    const decoder = new MtpDecoder(spec, shape, { statesGiven })
    const { graph } = decoder
    const { next, beyond } = decoder.predictions(mtp, given.inputs(graph, shape))
    const teacher = teacherOf(decoder, next.hidden, mtp, distillation)
    const ofHeads = headLosses(graph, shape, beyond, mtp, teacher)
    const metrics = { ...ofHeads.metrics }
    const share = (joint ?? 1) / depths.length
    const factors = ofHeads.losses.map(() => share)
    let loss = weightedLosses(graph, ofHeads.losses, factors)
    if (joint !== undefined) {
      const { targets, weights } = tokenInputs(graph, shape, 0)
      const ofNext = crossEntropy(graph, next, targets, weights)
      metrics.cross_entropy = { sum: ofNext.loss, weight: sumOf(graph, weights) }
      loss = weightedLosses(graph, [ofNext.loss, loss], [1, 1])
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

/** Whether a parameter is the modules', and not their model's. */
export function isMtp(spec: DecoderSpec, mtp: MtpSpec): (name: string) => boolean {
  const names = new Set(mtpParameters(spec, mtp).map(({ name }) => name))
  return (name) => names.has(name)
}
