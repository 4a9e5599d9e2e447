import { incomparable } from '../report/changes.js'
import type { Comparison, Estimate, StrategyResult } from '../report/comparison.js'
import { languageText } from '../report/language-text.js'
import { nearTies } from '../report/near-ties.js'
import {
  differingConditions,
  findRegressions,
  type NamedComparison,
  type Regression,
  strategyOf,
} from './regressions.js'

/** Cells by row. */
export interface Table {
  /** So many of the first columns are names; the others are figures. */
  readonly names: number
  readonly titles: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

type Column = readonly [title: string, cell: (strategy: StrategyResult) => string]

const NONE = '–'

const speedColumns: readonly Column[] = [
  ['tok/s', ({ tokens_per_second }) => estimateInterval(tokens_per_second)],
  ['speed', ({ speed_ratio }) => `${estimateInterval(speed_ratio)} ×`],
  ['first', ({ time_to_first_token }) => milliseconds(time_to_first_token.median)],
  ['tok/pass', ({ tokens_per_forward }) => tokens_per_forward.toFixed(2)],
  ['same', ({ identical }) => percent(identical)],
]

const textColumns: readonly Column[] = [
  ['log-prob', ({ mean_log_probability }) => thousandths(mean_log_probability)],
  ['distinct-1/2/3', ({ distinct }) => distinct.map((share) => share.toFixed(2)).join(' ')],
  ['repeated', ({ repetition }) => percent(repetition)],
  ['memory', ({ peak_memory }) => (peak_memory === null ? NONE : megabytes(peak_memory))],
]

const draftColumns: readonly Column[] = [
  ['accepted by depth', ({ acceptance_by_depth }) => acceptance(acceptance_by_depth ?? [])],
  ['draft/tok', ({ draft_time }) => (draft_time === null ? NONE : milliseconds(draft_time))],
  ['verify/tok', ({ verify_time }) => (verify_time === null ? NONE : milliseconds(verify_time))],
]

/** Characters of a language that are written out. */
const LANGUAGE = 40

const languageColumns: readonly Column[] = [
  ['held to', ({ language }) => languageText(language!, LANGUAGE)],
  ['valid', ({ language }) => percent(language!.valid)],
  ['forced', ({ language }) => percent(language!.forced)],
  ['masks', ({ language }) => percent(language!.mask_time, 1)],
]

/** Depths that are written out. */
const DEPTHS = 6

/** Speeds, texts, and where there are some drafts, languages and scores. */
export function tablesOf({ strategies, scorers }: Comparison): Table[] {
  const drafted = strategies.filter(({ acceptance_by_depth }) => acceptance_by_depth !== null)
  const held = strategies.filter(({ language }) => language !== null)
  const scoreColumns = scorers.map(
    (name): Column => [name, ({ scores }) => thousandths(scores[name] ?? Number.NaN)],
  )
  return [
    tableOf(strategies, speedColumns),
    ...(drafted.length > 0 ? [tableOf(drafted, draftColumns)] : []),
    ...(held.length > 0 ? [{ ...tableOf(held, languageColumns), names: 2 }] : []),
    tableOf(strategies, textColumns),
    ...(scorers.length > 0 ? [tableOf(strategies, scoreColumns)] : []),
  ]
}

function tableOf(strategies: readonly StrategyResult[], columns: readonly Column[]): Table {
  return {
    names: 1,
    titles: ['strategy', ...columns.map(([title]) => title)],
    rows: strategies.map((strategy) => [strategy.name, ...columns.map(([, cell]) => cell(strategy))]),
  }
}

/** Each strategy in each comparison, a row each, with what has become of its speed since the first. */
export function sideBySide(comparisons: readonly NamedComparison[]): Table {
  const [first] = comparisons
  const names = new Set(
    comparisons.flatMap(({ comparison }) => comparison.strategies.map(({ name }) => name)),
  )
  const regressions = findRegressions(comparisons)
  const rows = [...names].flatMap((name) =>
    comparisons.map((named): string[] => {
      const strategy = strategyOf(named.comparison, name)
      if (!strategy) return [name, named.name, NONE, NONE, NONE, NONE, '']
      const isHeld = named !== first && incomparable(first.comparison, named.comparison).length === 0
      const earlier = isHeld ? strategyOf(first.comparison, name) : undefined
      const own = regressions.filter(({ strategy, after }) => strategy === name && after === named.name)
      return [
        name,
        named.name,
        estimateInterval(strategy.tokens_per_second),
        earlier ? change(earlier.tokens_per_second.median, strategy.tokens_per_second.median) : NONE,
        milliseconds(strategy.time_to_first_token.median),
        percent(strategy.identical),
        own.map(({ measure }) => WORSE[measure]).join(', '),
      ]
    }),
  )
  return { names: 2, titles: ['strategy', 'run', 'tok/s', 'change', 'first', 'same', 'regression'], rows }
}

const WORSE: Readonly<Record<Regression['measure'], string>> = {
  tokens_per_second: 'slower',
  identical: 'other texts',
}

/** What a reader has to know to trust the figures, a line each. */
export function conditionsOf(comparison: Comparison): string[] {
  const { machine, versions, model, prompts, repetitions, warm_up, seed, reference } = comparison
  const lossy = comparison.strategies.flatMap(({ name, lossy }) => (lossy ? [name] : []))
  const count = (value: number, name: string) => `${value} ${name}${value === 1 ? '' : 's'}`
  const ties = nearTies(comparison)
  return [
    `${count(prompts.length, 'prompt')}, ${count(repetitions, 'run')} each after ${warm_up} to warm up, in turns; seed ${seed}`,
    `speed and same texts against ${reference}; medians with intervals of 95%`,
    `${model.name}: ${model.parameters === null ? '' : `${model.parameters.toLocaleString('en-US')} parameters, `}${model.dtype}, ${model.device}, ${model.fingerprint.slice(0, 12)}`,
    `${machine.cpu}, ${count(machine.cores, 'core')}, ${count(machine.threads, 'thread')}, ${megabytes(machine.memory)}, ${machine.os}`,
    `llm ${versions.llm}, Node ${versions.node}, ONNX Runtime ${versions.onnxruntime}`,
    `settings ${JSON.stringify(comparison.settings)}`,
    ...(lossy.length > 0
      ? [`lossy, as texts are not distributed as the model's own: ${lossy.join(', ')}`]
      : []),
    ...(ties === undefined ? [] : [ties]),
  ]
}

/** Sentences on why comparisons may differ, and on what has become worse. */
export function remarksOf(comparisons: readonly NamedComparison[]): string[] {
  const [first, ...later] = comparisons
  const conditions = later.flatMap(({ name, comparison }) => {
    const differing = differingConditions(first.comparison, comparison)
    const other = incomparable(first.comparison, comparison)
    return [
      ...(differing.length > 0 ? [`${name} differs from ${first.name} in ${differing.join(', ')}.`] : []),
      ...(other.length > 0
        ? [`${name} is not comparable with ${first.name}, which has another ${other.join(' and other ')}.`]
        : []),
    ]
  })
  const worse = findRegressions(comparisons).map(({ strategy, before, after, measure, from, to }) =>
    measure === 'identical'
      ? `Regression: ${strategy} wrote the reference's text for ${percent(from)} of prompts in ${before}, and for ${percent(to)} in ${after}.`
      : `Regression: ${strategy} has fallen from ${figure(from)} tok/s in ${before} to ${figure(to)} in ${after}.`,
  )
  const isHeld = later.some(({ comparison }) => incomparable(first.comparison, comparison).length === 0)
  return [...conditions, ...(worse.length === 0 && isHeld ? ['No regressions.'] : worse)]
}

/** `512 [498–530]`. */
export function estimateInterval({ median, low, high }: Estimate): string {
  return `${figure(median)} [${figure(low)}–${figure(high)}]`
}

/** Three digits, or more of a large number. */
function figure(value: number): string {
  if (Number.isNaN(value)) return NONE
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2)
}

function thousandths(value: number): string {
  return Number.isNaN(value) ? NONE : value.toFixed(3)
}

function acceptance(shares: readonly number[]): string {
  const written = shares.slice(0, DEPTHS).map((share) => percent(share))
  return [...written, ...(shares.length > DEPTHS ? ['…'] : [])].join(' ')
}

function change(before: number, after: number): string {
  if (!(before > 0)) return NONE
  const share = Math.round(100 * (after / before - 1))
  return `${share > 0 ? '+' : ''}${share}%`
}

/** 100% is for all alone. */
function percent(share: number, decimals = 0): string {
  if (Number.isNaN(share)) return NONE
  const largest = 100 - 10 ** -decimals
  return `${share < 1 ? Math.min(largest, 100 * share).toFixed(decimals) : 100}%`
}

function milliseconds(seconds: number): string {
  return Number.isNaN(seconds) ? NONE : `${figure(1000 * seconds)} ms`
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6).toLocaleString('en-US')} MB`
}
