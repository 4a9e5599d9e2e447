import type { Comparison, StrategyResult } from './comparison.js'

const QUANTISED = ['int8', 'int4', 'int4f16']

/**
 * A sentence on strategies that draft, leave the text as it is, and wrote other texts than greedy decoding of the same language all the same, since
 * quantised weights round a pass over several tokens otherwise; undefined where there are none.
 */
export function nearTies({ model, reference, settings, strategies }: Comparison): string | undefined {
  const isGreedy = (own: Readonly<Record<string, unknown>>) =>
    ({ ...settings, ...own }).do_sample !== true && Number(own.num_beams ?? 1) === 1
  const languageOf = ({ language, settings: own }: StrategyResult) => {
    const { any_order, pretty, format, schema_in_prompt } = { ...settings, ...own } as Record<string, unknown>
    return JSON.stringify(
      language && [language.field, language.value, any_order, pretty, format, schema_in_prompt],
    )
  }
  const first = strategies.find(({ name }) => name === reference)
  if (!QUANTISED.includes(model.dtype) || !first || !isGreedy(first.settings)) return undefined
  const names = strategies
    .filter(({ lossy, identical, acceptance_by_depth }) => acceptance_by_depth && !lossy && identical < 1)
    .filter((strategy) => isGreedy(strategy.settings) && languageOf(strategy) === languageOf(first))
    .map(({ name }) => name)
  if (names.length === 0) return undefined
  return `${model.dtype}: near-ties differ for ${names.join(', ')}, as a pass over several tokens rounds otherwise than one over a single token; --exact keeps the texts the same`
}
