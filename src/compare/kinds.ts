import { AUTO } from '../drafting/auto.js'
import { CUSTOM } from '../drafting/custom-strategy.js'
import { type StrategyName, type StrategyRow, strategies } from '../drafting/table.js'

export type KindName = StrategyName | 'beam-sample' | 'diverse-beam' | 'auto' | 'custom'

/** The kinds of strategies that can be compared: those of `llm generate`, and beam search's modes by their names. */
export const KINDS: Readonly<Record<KindName, StrategyRow>> = {
  ...strategies,
  'beam-sample': {
    summary: 'beams that are drawn',
    fixed: { do_sample: true },
    defaults: { num_beams: 4 },
    modes: ['beam_sample'],
    drafts: null,
  },
  'diverse-beam': {
    summary: 'beams that differ by group',
    fixed: { do_sample: false },
    defaults: { num_beams: 4, num_beam_groups: 2, diversity_penalty: 1 },
    modes: ['group_beam_search'],
    drafts: null,
  },
  auto: AUTO,
  custom: CUSTOM,
}
