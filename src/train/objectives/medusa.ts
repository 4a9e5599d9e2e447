import { MEDUSA } from '../../heads/kinds.js'
import { draftRows } from '../../models/heads/draft-vocabulary.js'
import { MEDUSA_PREFIX, type MedusaSpec, medusaParameters, TOKEN_NORM } from '../../models/heads/medusa.js'
import { headName } from '../../models/parameters.js'
import { elements } from '../../onnx/shapes.js'
import { MedusaDecoder } from '../graphs/medusa-decoder.js'
import { headObjective, type TrainableHeads } from './heads.js'

/** The weight of each head's loss is this to the power of its number (Cai et al. 2024, section 2.2.1). */
const DECAY = 0.8

/** Medusa's heads on their target. */
export const MEDUSA_TRAINING: TrainableHeads<MedusaSpec> = {
  ...MEDUSA,

  /** Heads that change nothing at first: W, U and b are 0, and own vocabulary matrices copies of the target's. */
  initial(spec, target, weights) {
    const vocabulary = draftRows(weights.get(headName(target))!, target.hiddenSize, spec)
    return new Map(
      medusaParameters(spec, target).map(({ name, shape }) => {
        const isVocabulary = name.endsWith(`.${spec.layers}.weight`)
        const values = isVocabulary ? vocabulary.slice() : new Float32Array(elements(shape))
        if (name === TOKEN_NORM) values.fill(1 - target.normOffset)
        return [MEDUSA_PREFIX + name, values]
      }),
    )
  },

  /**
   * Σ 0.8^k · cross-entropy of head k, from 1: Medusa-1. With `joint`, Medusa-2's λ0, the loss is that of the language model and λ0
   * times that of the heads (Cai et al. 2024, section 2.2.2).
   */
  objective(target, spec, options = {}) {
    const count = spec.heads
    return headObjective(target, spec, options, {
      Decoder: MedusaDecoder,
      count,
      tokensGiven: spec.sequential ? count : 0,
      factors: Array.from({ length: count }, (_, i) => DECAY ** (i + 1)),
      share: options.joint,
    })
  },
}
