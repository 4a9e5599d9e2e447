import type { GenerationConfig } from '../config/index.js'
import { generationMode } from '../config/mode.js'
import { delegate } from '../model/delegate.js'
import type { ForwardOptions, Model } from '../model/model.js'
import { buildProcessors, type ProcessorContext } from '../scores/processors/index.js'
import type { GenerateOptions } from './options.js'

/**
 * So many of the best scores of each token are enough for the same text and the same figures; undefined where all may count.
 * Greedy decoding needs one, and sampling the `top_k` that its warper leaves, if nothing else looks at the scores before.
 * Any verifier of drafts is then given the scores that it would have had.
 */
export function shortlistOf(
  config: GenerationConfig,
  context: ProcessorContext,
  { strategy, assistant, logprobs }: Pick<GenerateOptions, 'strategy' | 'assistant' | 'logprobs'>,
): number | undefined {
  const { guidance_scale: scale = 1, dola_layers, return_dict_in_generate: details } = config
  if (strategy !== undefined || logprobs !== undefined || scale !== 1 || dola_layers !== undefined) return
  if (details && (config.output_scores || config.output_logits)) return
  if (!MODES.includes(generationMode(config, assistant !== undefined))) return
  const { do_sample, top_k, top_h } = config
  if (!do_sample) return buildProcessors(config, context).length === 0 ? 1 : undefined
  const before = { ...config, do_sample: false, watermarking_config: undefined, renormalize_logits: false }
  const isFirst = top_k > 0 && top_h === undefined && buildProcessors(before, context).length === 0
  return isFirst ? top_k : undefined
}

const MODES = ['greedy_search', 'sample', 'assisted_generation']

/**
 * The same model, of which these states are wanted beside those that a strategy reads itself: the hidden ones, where the result has
 * them. Passes end with the signal.
 */
export function wanting(model: Model, { states = [], signal }: Omit<ForwardOptions, 'shortlist'>): Model {
  return delegate(model, {
    forward: (cache, tokens, parents, nodes, own) =>
      model.forward(cache, tokens, parents, nodes, {
        ...own,
        signal,
        states: own?.states && [...new Set([...own.states, ...states])],
      }),
  })
}
