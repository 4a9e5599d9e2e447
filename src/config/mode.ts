import type { GenerationConfig } from './schema.js'

/** HF's generation modes. */
export const MODES = [
  'greedy_search',
  'sample',
  'beam_search',
  'beam_sample',
  'group_beam_search',
  'constrained_beam_search',
  'contrastive_search',
  'assisted_generation',
  'dola_generation',
] as const

export type GenerationMode = (typeof MODES)[number]

/** One token after the other, which drafts leave as it is. */
export const PLAIN_MODES: readonly GenerationMode[] = ['greedy_search', 'sample']

/** The modes in which a user's own drafter or strategy can take part. */
export const OPEN_MODES: readonly GenerationMode[] = [...PLAIN_MODES, 'dola_generation']

/**
 * The mode that `config` asks for, by the rules of HF's `GenerationConfig.get_generation_mode`.
 * @param isAssisted whether there is an assistant model
 */
export function generationMode(config: GenerationConfig, isAssisted = false): GenerationMode {
  const base = baseMode(config)
  if (base !== 'greedy_search' && base !== 'sample') return base
  const assisted =
    isAssisted ||
    config.use_mtp ||
    config.prompt_lookup_num_tokens !== undefined ||
    config.assistant_early_exit !== undefined
  if (assisted) return 'assisted_generation'
  return config.dola_layers !== undefined ? 'dola_generation' : base
}

function baseMode(config: GenerationConfig): GenerationMode {
  if (config.constraints || config.force_words_ids || config.force_words) return 'constrained_beam_search'
  if (config.num_beams === 1) {
    if (config.do_sample) return 'sample'
    return config.top_k > 1 && (config.penalty_alpha ?? 0) > 0 ? 'contrastive_search' : 'greedy_search'
  }
  if (config.num_beam_groups > 1) return 'group_beam_search'
  return config.do_sample ? 'beam_sample' : 'beam_search'
}
