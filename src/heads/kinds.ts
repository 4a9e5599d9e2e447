import type { DraftVocabulary } from '../models/heads/draft-vocabulary.js'
import { MEDUSA_PREFIX, type MedusaSpec, medusaParameters } from '../models/heads/medusa.js'
import { type MtpSpec, mtpParameters } from '../models/heads/mtp.js'
import type { HeadKind } from './files.js'

type Config = Readonly<Record<string, unknown>>

/** Heads, and blocks of one: published ones have up to 5. What a file says is not made before its tensors are looked at. */
const MOST = 100

/** A positive integer of a configuration, of which it takes some memory to make as many things. */
function count(config: Config, name: string, fallback?: number): number | undefined {
  const value = config[name] ?? fallback
  return Number.isSafeInteger(value) && (value as number) > 0 && (value as number) <= MOST
    ? (value as number)
    : undefined
}

function draftFields(draftTokens: DraftVocabulary['draftTokens']) {
  return draftTokens ? { draft_vocab_size: draftTokens.length, draft_token_ids: draftTokens } : {}
}

/** @returns undefined for a list that is not one of ascending ids */
function draftVocabulary({ draft_token_ids: ids }: Config): DraftVocabulary | undefined {
  if (ids === undefined) return {}
  const isAscending =
    Array.isArray(ids) &&
    ids.length > 0 &&
    ids.every((id, i) => Number.isSafeInteger(id) && id > (i === 0 ? -1 : ids[i - 1]))
  return isAscending ? { draftTokens: ids } : undefined
}

/** As FasterDecoding/Medusa lays them out; its older checkpoints share the target's vocabulary matrix. */
export const MEDUSA: HeadKind<MedusaSpec> = {
  name: 'Medusa heads',
  file: 'medusa_lm_head.safetensors',
  prefix: MEDUSA_PREFIX,
  parameters: medusaParameters,
  toConfig: ({ heads, layers, ownVocabulary, sequential, draftTokens }) => ({
    medusa_num_heads: heads,
    medusa_num_layers: layers,
    medusa_own_vocabulary: ownVocabulary,
    ...(sequential && { medusa_sequential: true }),
    ...draftFields(draftTokens),
  }),
  fromConfig(config) {
    const heads = count(config, 'medusa_num_heads')
    const layers = count(config, 'medusa_num_layers', 1)
    const ownVocabulary = config.medusa_own_vocabulary !== false
    const sequential = config.medusa_sequential === true && { sequential: true }
    const draft = draftVocabulary(config)
    return heads && layers && draft ? { heads, layers, ownVocabulary, ...sequential, ...draft } : undefined
  },
}

/** By DeepSeek-V3's names. */
export const MTP: HeadKind<MtpSpec> = {
  name: 'MTP modules',
  file: 'mtp.safetensors',
  prefix: '',
  parameters: (spec, target) => mtpParameters(target, spec),
  toConfig: ({ depth, modules, hiddenStatesFirst, parallel, draftTokens }) => ({
    num_nextn_predict_layers: modules,
    mtp_depth: depth,
    mtp_hidden_states_first: hiddenStatesFirst,
    mtp_parallel_heads: parallel,
    ...draftFields(draftTokens),
  }),
  fromConfig(config) {
    const modules = count(config, 'num_nextn_predict_layers')
    const depth = count(config, 'mtp_depth', modules)
    const hiddenStatesFirst = config.mtp_hidden_states_first === true
    const draft = draftVocabulary(config)
    return modules && depth && draft
      ? { depth, modules, hiddenStatesFirst, parallel: config.mtp_parallel_heads === true, ...draft }
      : undefined
  },
}
