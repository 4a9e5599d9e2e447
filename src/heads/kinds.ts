import { MEDUSA_PREFIX, type MedusaSpec, medusaParameters } from '../models/heads/medusa.js'
import { type MtpSpec, mtpParameters } from '../models/heads/mtp.js'
import type { HeadKind } from './files.js'

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
