import type { Statistics } from '../generation/statistics.js'
import { median } from '../median.js'
import type { Estimate, LanguageResult, PromptOutput, StrategyResult } from '../report/comparison.js'
import { estimate } from './estimate.js'
import type { MeasuredRun } from './measure.js'
import type { Trial } from './run.js'
import type { Specification } from './specification.js'
import { differsAt, distinct, repetition } from './text-measures.js'

/** What one strategy did for all prompts. */
export interface StrategyTrials {
  readonly specification: Specification
  readonly settings: Readonly<Record<string, unknown>>
  readonly lossy: boolean
  /** By prompt. */
  readonly trials: readonly Trial[]
}

export interface SummaryOptions {
  /** Ids of the prompts. */
  readonly ids: readonly string[]
  readonly scorers: readonly string[]
  /** By prompt, of the strategy that others are compared with. */
  readonly reference: readonly Trial[]
  /** Of the bootstrap. */
  readonly seed: number
}

export function summarise(
  { specification, settings, lossy, trials }: StrategyTrials,
  { ids, scorers, reference, seed }: SummaryOptions,
): StrategyResult {
  const runs = trials.flatMap((trial) => trial.runs)
  const total = sumOf(runs)
  const outputs = trials.map((trial, p) => outputOf(ids[p], trial, reference[p].runs[0].text))
  const texts = trials.map((trial) => trial.runs[0].ids)
  const isDrafted = total('drafted_tokens') > 0
  const perToken = (name: 'draft_time' | 'verify_time') =>
    isDrafted ? total(name) / total('generated_tokens') : null
  const ofRuns = (value: (run: MeasuredRun) => number) => estimate(runs.map(value), seed)
  return {
    name: specification.name,
    specification: specification.text,
    settings,
    lossy,
    time_to_first_token: ofRuns(({ statistics }) => statistics.time_to_first_token),
    tokens_per_second: estimate(speeds(runs), seed),
    speed_ratio: speedRatio(trials, reference, seed),
    tokens_per_forward: total('generated_tokens') / total('steps'),
    acceptance_by_depth: isDrafted ? acceptanceByDepth(runs) : null,
    draft_time: perToken('draft_time'),
    verify_time: perToken('verify_time'),
    language: languageOf(trials),
    peak_memory: largest(runs.map(({ peakMemory }) => peakMemory)),
    identical: mean(outputs.map(({ differs_at }) => Number(differs_at === null))),
    mean_log_probability: meanByToken(outputs),
    distinct: [distinct(texts, 1), distinct(texts, 2), distinct(texts, 3)],
    repetition: repetition(texts),
    scores: Object.fromEntries(
      scorers.map((name) => [name, mean(outputs.map(({ scores }) => scores[name]))]),
    ),
    token_times: medianTimes(runs),
    outputs,
  }
}

type Total = 'generated_tokens' | 'steps' | 'drafted_tokens' | 'draft_time' | 'verify_time'

function sumOf(runs: readonly MeasuredRun[]): (name: Total) => number {
  return (name) => runs.reduce((sum, { statistics }) => sum + statistics[name], 0)
}

function languageOf(trials: readonly Trial[]): LanguageResult | null {
  const [{ language } = {}] = trials.flatMap(({ runs }) => runs)
  if (!language) return null
  const statistics = trials.flatMap(({ runs }) => runs.map((run) => run.statistics))
  const share = (part: (of: Statistics) => number | undefined, whole: (of: Statistics) => number) =>
    sum(statistics.map((each) => part(each) ?? 0)) / sum(statistics.map(whole))
  return {
    field: language.field,
    value: language.value,
    valid: mean(trials.map(({ runs: [run] }) => Number(run.language?.isValid))),
    forced: share(
      ({ forced_tokens }) => forced_tokens,
      ({ generated_tokens }) => generated_tokens,
    ),
    mask_time: share(
      ({ mask_time }) => mask_time,
      ({ total_time }) => total_time,
    ),
  }
}

/** A run of a single token has no speed of decoding. */
function speeds(runs: readonly MeasuredRun[]): number[] {
  return runs.map(({ statistics }) => statistics.tokens_per_second).filter((speed) => speed > 0)
}

function speedRatio(trials: readonly Trial[], reference: readonly Trial[], seed: number): Estimate {
  const pairs = trials.flatMap(({ runs }, p) => runs.map((run, i) => speeds([run, reference[p].runs[i]])))
  return estimate(
    pairs.filter(({ length }) => length === 2).map(([own, other]) => own / other),
    seed,
  )
}

/** By depth, of all runs together. */
function acceptanceByDepth(runs: readonly MeasuredRun[]): number[] {
  const deepest = Math.max(...runs.map(({ statistics }) => statistics.drafts_by_depth.length))
  return Array.from({ length: deepest }, (_, i) => {
    const drafts = runs.map(({ statistics }) => statistics.drafts_by_depth[i] ?? 0)
    const accepted = runs.map(({ statistics }, run) => drafts[run] * (statistics.acceptance_by_depth[i] ?? 0))
    return sum(accepted) / sum(drafts)
  })
}

/** Of the tokens after the first. */
function medianTimes(runs: readonly MeasuredRun[]): number[] {
  const longest = Math.max(...runs.map(({ tokenTimes }) => tokenTimes.length))
  return Array.from({ length: longest - 1 }, (_, i) =>
    median(runs.flatMap(({ tokenTimes }) => tokenTimes.slice(i + 1, i + 2))),
  )
}

function outputOf(id: string, { runs, judgement }: Trial, reference: string): PromptOutput {
  const [{ text, finish_reason, ids, language }] = runs
  return {
    id,
    text,
    finish_reason,
    valid: language ? language.isValid : null,
    tokens: ids.length,
    differs_at: differsAt(text, reference),
    ...judgement,
    runs: runs.map(({ statistics: { time_to_first_token, tokens_per_second } }) => ({
      time_to_first_token,
      tokens_per_second,
    })),
  }
}

function meanByToken(outputs: readonly PromptOutput[]): number {
  const tokens = sum(outputs.map((output) => output.tokens))
  return sum(outputs.map((output) => output.tokens * output.mean_log_probability)) / tokens
}

function largest(sizes: readonly (number | null)[]): number | null {
  const known = sizes.filter((size) => size !== null)
  return known.length > 0 ? Math.max(...known) : null
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
