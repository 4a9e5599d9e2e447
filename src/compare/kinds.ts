import type { FieldKind } from '../config/index.js'
import { STRATEGY_KINDS, type StrategyKind } from '../drafting/strategy-kinds.js'

/** A field of a kind that is no GenerationConfig field. */
export interface OwnField {
  readonly kind: FieldKind
  /** Of a number. */
  readonly min?: number
  readonly max?: number
}

/** What a specification of a kind may say. */
export interface ComparedKind extends StrategyKind {
  readonly own?: Readonly<Record<string, OwnField>>
}

const text: OwnField = { kind: 'string' }
const nodes: OwnField = { kind: 'integer', min: 1, max: 256 }
const flag: OwnField = { kind: 'boolean' }
const share: OwnField = { kind: 'number', min: 0, max: 1 }

/** The kinds of strategies that can be compared: those of `llm generate`, and beam search's modes by their names. */
export const KINDS = {
  ...STRATEGY_KINDS,
  greedy: { ...STRATEGY_KINDS.greedy, modes: ['greedy_search'] },
  sample: { ...STRATEGY_KINDS.sample, modes: ['sample'] },
  'beam-sample': {
    fixed: { do_sample: true },
    defaults: { num_beams: 4 },
    modes: ['beam_sample'],
  },
  'diverse-beam': {
    fixed: { do_sample: false },
    defaults: { num_beams: 4, num_beam_groups: 2, diversity_penalty: 1 },
    modes: ['group_beam_search'],
  },
  lookup: { ...STRATEGY_KINDS.lookup, own: { corpus: { kind: 'strings' } } },
  recycling: { ...STRATEGY_KINDS.recycling, own: { lookup: flag } },
  speculative: { ...STRATEGY_KINDS.speculative, own: { model: text, nodes } },
  medusa: {
    ...STRATEGY_KINDS.medusa,
    own: {
      heads: text,
      nodes,
      lookup: flag,
      typical_acceptance: flag,
      posterior_threshold: share,
      posterior_alpha: { kind: 'number', min: 0 },
    },
  },
  mtp: {
    ...STRATEGY_KINDS.mtp,
    own: { modules: text, depth: { kind: 'integer', min: 1, max: 16 }, lookup: flag },
  },
  auto: { fixed: { num_beams: 1 }, modes: ['greedy_search', 'sample'] },
  custom: {
    fixed: { num_beams: 1 },
    modes: ['greedy_search', 'sample', 'dola_generation'],
    own: { file: text },
  },
} as const satisfies Readonly<Record<string, ComparedKind>>

export type KindName = keyof typeof KINDS
