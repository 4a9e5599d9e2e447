import { UserError } from '../errors.js'
import { draftVerify } from '../strategies/draft-verify.js'
import type { Strategy } from '../strategies/types.js'
import { type Choose, follow } from '../strategies/verifiers.js'
import type { GenerationConfig } from './config.js'
import { softmax } from './processors/index.js'
import { sampleIndex } from './random.js'

/** HF's generation modes. */
export type GenerationMode =
  | 'greedy_search'
  | 'sample'
  | 'beam_search'
  | 'beam_sample'
  | 'group_beam_search'
  | 'constrained_beam_search'
  | 'contrastive_search'
  | 'assisted_generation'
  | 'dola_generation'

/** The strategy of each mode that is served; a configuration that asks for another one is refused before. */
const strategies: Partial<Record<GenerationMode, () => Strategy>> = {
  greedy_search: () => draftVerify(undefined, follow(best)),
  sample: () => draftVerify(undefined, follow(sampler())),
}

export const servedModes: ReadonlySet<GenerationMode> = new Set(Object.keys(strategies) as GenerationMode[])

/** A new strategy for what `config` asks for. */
export function strategyFor(config: GenerationConfig): Strategy {
  const mode = generationMode(config)
  const create = strategies[mode]
  if (!create) throw new UserError(`The mode ${mode} is not served.`, 2)
  return create()
}

/** The mode that `config` asks for, by the rules of HF's `GenerationConfig.get_generation_mode`. */
export function generationMode(config: GenerationConfig): GenerationMode {
  const base = baseMode(config)
  if (base !== 'greedy_search' && base !== 'sample') return base
  const assisted =
    config.use_mtp ||
    config.prompt_lookup_num_tokens !== undefined ||
    config.assistant_early_exit !== undefined
  if (assisted) return 'assisted_generation'
  return config.dola_layers !== undefined ? 'dola_generation' : base
}

function baseMode(config: GenerationConfig): GenerationMode {
  if (config.constraints || config.force_words_ids) return 'constrained_beam_search'
  if (config.num_beams === 1) {
    if (config.do_sample) return 'sample'
    return config.top_k > 1 && (config.penalty_alpha ?? 0) > 0 ? 'contrastive_search' : 'greedy_search'
  }
  if (config.num_beam_groups > 1) return 'group_beam_search'
  return config.do_sample ? 'beam_sample' : 'beam_search'
}

/** The token with the highest score; of equals the first. */
const best: Choose = (scores) => {
  let best = -1
  let highest = -Infinity
  for (let i = 0; i < scores.length; i++) {
    if (scores[i] > highest) {
      best = i
      highest = scores[i]
    }
  }
  if (best >= 0) return best
  throw noToken()
}

/** Draws from softmax(scores), with a buffer of its own. */
function sampler(): Choose {
  let probabilities = new Float32Array(0)
  return (scores, random) => {
    if (probabilities.length !== scores.length) probabilities = new Float32Array(scores.length)
    softmax(scores, probabilities)
    try {
      return sampleIndex(probabilities, random)
    } catch {
      throw noToken()
    }
  }
}

function noToken(): UserError {
  return new UserError(
    'No token can follow: every score is -Infinity, or some are not numbers. Loosen what forbids tokens, or set remove_invalid_values.',
  )
}
