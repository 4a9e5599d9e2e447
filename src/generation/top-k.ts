import type { GenerationConfig } from '../config/index.js'
import { generationMode, PLAIN_MODES } from '../config/mode.js'
import { delegate } from '../model/delegate.js'
import type { ForwardOptions, Model } from '../model/model.js'
import { type ProcessorContext, processorsBeforeWarpers } from '../scores/processors/index.js'
import type { GenerateOptions } from './options.js'

/**
 * Top-k of the scores that is enough for the same text and the same figures; undefined where all may count.
 * Greedy decoding needs one, and sampling the `top_k` that its warper leaves, if nothing else looks at the scores before.
 * Any verifier of drafts is then given the scores that it would have had.
 */
export function topKOf(
  config: GenerationConfig,
  context: ProcessorContext,
  {
    strategy,
    verifier,
    assistant,
    amateur,
    logprobs,
  }: Pick<GenerateOptions, 'strategy' | 'verifier' | 'assistant' | 'amateur' | 'logprobs'>,
): number | undefined {
  const { guidance_scale: scale = 1, dola_layers, return_dict_in_generate: details } = config
  if ([strategy, verifier, logprobs, amateur, dola_layers].some((given) => given !== undefined)) return
  if (scale !== 1) return
  if (details && (config.output_scores || config.output_logits)) return
  const mode = generationMode(config, assistant !== undefined)
  if (!PLAIN_MODES.includes(mode) && mode !== 'assisted_generation') return
  const { do_sample, top_k, top_h, top_n_sigma, mirostat } = config
  if (processorsBeforeWarpers(config, context).length > 0) return
  if (!do_sample) return config.watermarking_config || config.renormalize_logits ? undefined : 1
  const looksAtAll = top_h !== undefined || top_n_sigma > 0 || mirostat !== 0
  return top_k > 0 && !looksAtAll ? top_k : undefined
}

/**
 * The same model, of which these states are wanted beside those that a strategy reads itself: the hidden ones, where the result has
 * them. Passes end with the signal.
 */
export function wanting(model: Model, { states = [], signal }: Omit<ForwardOptions, 'topK'>): Model {
  return delegate(model, {
    forward: (cache, tokens, parents, nodes, own) =>
      model.forward(cache, tokens, parents, nodes, {
        ...own,
        signal,
        states: own?.states && [...new Set([...own.states, ...states])],
      }),
  })
}
