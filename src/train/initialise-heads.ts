import { draftRows } from '../models/heads/draft-vocabulary.js'
import { MEDUSA_PREFIX, type MedusaSpec, medusaParameters, TOKEN_NORM } from '../models/heads/medusa.js'
import { type MtpSpec, mtpParameters } from '../models/heads/mtp.js'
import { headName } from '../models/parameters.js'
import type { DecoderSpec } from '../models/spec.js'
import { elements } from '../onnx/shapes.js'
import { createRandom } from '../random.js'
import type { Weights } from '../weights/index.js'
import { normal } from './initialise.js'

/** Heads that change nothing at first: W, U and b are 0, and own vocabulary matrices copies of the target's. */
export function initialMedusa(spec: MedusaSpec, target: DecoderSpec, weights: Weights): Weights {
  const vocabulary = draftRows(weights.get(headName(target))!, target.hiddenSize, spec)
  return new Map(
    medusaParameters(spec, target).map(({ name, shape }) => {
      const isVocabulary = name.endsWith(`.${spec.layers}.weight`)
      const values = isVocabulary ? vocabulary.slice() : new Float32Array(elements(shape))
      if (name === TOKEN_NORM) values.fill(unit(target))
      return [MEDUSA_PREFIX + name, values]
    }),
  )
}

/** What makes a norm's weight 1. */
function unit({ gemmaNorms }: DecoderSpec): number {
  return gemmaNorms ? 0 : 1
}

/** Norms 1 (0 where the family adds 1), biases 0, and matrices normal as those of a new decoder. */
export function initialMtp(spec: MtpSpec, target: DecoderSpec, seed: number): Weights {
  const gaussian = normal(createRandom(seed))
  const deviation = Math.sqrt(2 / (5 * target.hiddenSize))
  return new Map(
    mtpParameters(target, spec).map(({ name, kind, shape }) => {
      const values = new Float32Array(elements(shape))
      if (kind === 'vector') return [name, values.fill(name.endsWith('.bias') ? 0 : unit(target))]
      for (let i = 0; i < values.length; i++) values[i] = gaussian() * deviation
      return [name, values]
    }),
  )
}
