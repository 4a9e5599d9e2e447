import type { GenerationMode } from '../config/mode.js'

/** The settings that a strategy consists in. */
export interface StrategyKind {
  /** Settings that the user may not contradict. */
  readonly fixed?: Readonly<Record<string, unknown>>
  /** Settings that stand over the model's own, and under the user's. */
  readonly defaults?: Readonly<Record<string, unknown>>
  /** The modes that it is for; by default all. */
  readonly modes?: readonly GenerationMode[]
}

const oneBeam = { num_beams: 1 }
const plain: readonly GenerationMode[] = ['greedy_search', 'sample']
const assisted: readonly GenerationMode[] = ['assisted_generation']

/** Tokens of the longest chains of prompt lookup, where their length is what pays. */
export const MOST_LOOKED_UP = 24

/** By the names of the commands of `llm generate`. */
export const STRATEGY_KINDS = {
  greedy: { fixed: { ...oneBeam, do_sample: false } },
  sample: { fixed: { ...oneBeam, do_sample: true } },
  beam: {
    defaults: { num_beams: 4, do_sample: false },
    modes: ['beam_search', 'beam_sample', 'group_beam_search', 'constrained_beam_search'],
  },
  contrastive: {
    fixed: { ...oneBeam, do_sample: false },
    defaults: { penalty_alpha: 0.6, top_k: 4 },
    modes: ['contrastive_search'],
  },
  dola: { fixed: oneBeam, defaults: { dola_layers: 'low' }, modes: ['dola_generation'] },
  lookup: { fixed: oneBeam, defaults: { prompt_lookup_num_tokens: MOST_LOOKED_UP }, modes: assisted },
  recycling: { fixed: oneBeam, modes: plain },
  speculative: { fixed: oneBeam, modes: assisted },
  'early-exit': { fixed: oneBeam, modes: assisted },
  medusa: { fixed: oneBeam, modes: plain },
  mtp: { fixed: oneBeam, modes: plain },
} as const satisfies Readonly<Record<string, StrategyKind>>
