import { MEDUSA_PREFIX, type MedusaSpec, medusaParameters } from '../models/heads/medusa.js'
import { type MtpSpec, mtpParameters } from '../models/heads/mtp.js'
import { headName } from '../models/parameters.js'
import type { DecoderSpec } from '../models/spec.js'
import { elements } from '../onnx/shapes.js'
import { createRandom } from '../random.js'
import type { HeadKind } from './head-files.js'
import { normal } from './initialise.js'
import type { Weights } from './trainer.js'

type Config = Readonly<Record<string, unknown>>

/** A positive integer of a configuration. */
function count(config: Config, name: string, fallback?: number): number | undefined {
  const value = config[name] ?? fallback
  return Number.isSafeInteger(value) && (value as number) > 0 ? (value as number) : undefined
}

/** As FasterDecoding/Medusa lays them out; its older checkpoints share the target's vocabulary matrix. */
export const MEDUSA: HeadKind<MedusaSpec> = {
  name: 'Medusa heads',
  file: 'medusa_lm_head.safetensors',
  prefix: MEDUSA_PREFIX,
  parameters: medusaParameters,
  toConfig: ({ heads, layers, ownVocabulary }) => ({
    medusa_num_heads: heads,
    medusa_num_layers: layers,
    medusa_own_vocabulary: ownVocabulary,
  }),
  fromConfig(config) {
    const heads = count(config, 'medusa_num_heads')
    const layers = count(config, 'medusa_num_layers', 1)
    const ownVocabulary = config.medusa_own_vocabulary !== false
    return heads && layers ? { heads, layers, ownVocabulary } : undefined
  },
}

/** By DeepSeek-V3's names. */
export const MTP: HeadKind<MtpSpec> = {
  name: 'MTP modules',
  file: 'mtp.safetensors',
  prefix: '',
  parameters: (spec, target) => mtpParameters(target, spec),
  toConfig: ({ depth, modules, hiddenStatesFirst, parallel }) => ({
    num_nextn_predict_layers: modules,
    mtp_depth: depth,
    mtp_hidden_states_first: hiddenStatesFirst,
    mtp_parallel_heads: parallel,
  }),
  fromConfig(config) {
    const modules = count(config, 'num_nextn_predict_layers')
    const depth = count(config, 'mtp_depth', modules)
    const hiddenStatesFirst = config.mtp_hidden_states_first === true
    return modules && depth
      ? { depth, modules, hiddenStatesFirst, parallel: config.mtp_parallel_heads === true }
      : undefined
  },
}

/** Heads that change nothing at first: W and b are 0, and own vocabulary matrices copies of the target's. */
export function initialMedusa(spec: MedusaSpec, target: DecoderSpec, weights: Weights): Weights {
  return new Map(
    medusaParameters(spec, target).map(({ name, shape }) => {
      const isVocabulary = name.endsWith(`.${spec.layers}.weight`)
      const values = isVocabulary ? weights.get(headName(target))!.slice() : new Float32Array(elements(shape))
      return [MEDUSA_PREFIX + name, values]
    }),
  )
}

/** Norms 1 (0 where the family adds 1), biases 0, and matrices normal as those of a new decoder. */
export function initialMtp(spec: MtpSpec, target: DecoderSpec, seed: number): Weights {
  const gaussian = normal(createRandom(seed))
  const deviation = Math.sqrt(2 / (5 * target.hiddenSize))
  return new Map(
    mtpParameters(target, spec).map(({ name, kind, shape }) => {
      const values = new Float32Array(elements(shape))
      if (kind === 'vector') return [name, values.fill(name.endsWith('.bias') || target.gemmaNorms ? 0 : 1)]
      for (let i = 0; i < values.length; i++) values[i] = gaussian() * deviation
      return [name, values]
    }),
  )
}
