import type { Row } from '../batch/row.js'
import type { ResolvedConfig } from '../config/index.js'
import type { LoadedDrafter } from '../drafting/drafter.js'
import { UserError } from '../errors.js'
import { scoreTokens } from '../evaluate/evaluate.js'
import { generatePrepared } from '../generation/generate.js'
import type { GenerateOptions, GenerationModel } from '../generation/options.js'
import { type Prepared, prepare } from '../generation/prepare.js'
import type { Prompt } from '../generation/prompt.js'
import type { Model } from '../model/model.js'
import { type MeasuredRun, measure } from './measure.js'
import type { Scorer } from './scorers.js'
import type { Specification } from './specification.js'

/** A strategy that is ready to decode. */
export interface Contestant {
  readonly specification: Specification
  /** The model, or one with the same weights that gives the strategy what it needs. */
  readonly model: GenerationModel
  /** All its settings, the seed included. */
  readonly resolved: ResolvedConfig
  readonly options: LoadedDrafter['options'] & Pick<GenerateOptions, 'amateur'>
}

/** A prompt that is ready to be decoded. */
export interface ComparedPrompt {
  readonly row: Row
  readonly prompt: Prompt
  readonly ids: readonly number[]
}

/** What a text is worth, apart from how it came. */
export interface Judgement {
  /** Of its tokens under the model, on average. */
  readonly mean_log_probability: number
  /** By scorer; NaN where it failed. */
  readonly scores: Readonly<Record<string, number>>
}

/** All runs of a prompt by a strategy. */
export interface Trial {
  readonly runs: readonly MeasuredRun[]
  /** Of the first run's text. */
  readonly judgement: Judgement
}

export interface RunOptions {
  readonly chatTemplate?: string
  readonly scorers: readonly Scorer[]
  readonly repetitions: number
  readonly warmUp: number
  /** Ends the comparison with the repetitions that are whole. */
  readonly signal: AbortSignal
  /** Called before each run. */
  readonly onRun?: (run: RunState) => void
  /** Called with what kept a text from being scored, or ended the comparison before its last repetition. */
  readonly onFailure?: (error: UserError) => void
}

export interface RunState {
  /** Runs done so far, and of all. */
  readonly done: number
  readonly total: number
  readonly strategy: string
}

/**
 * Decodes every prompt with every strategy, in turns: for each repetition, for each prompt, for each strategy, of which
 * another one begins each time. What fails in a later repetition ends the comparison as the signal does.
 * @param model scores the texts
 * @returns by strategy and prompt; as many runs each as there were whole repetitions
 * @throws UserError as `generate`, and where it is interrupted, before the first repetition is whole
 */
export async function runInTurns(
  model: Model,
  contestants: readonly Contestant[],
  prompts: readonly ComparedPrompt[],
  options: RunOptions,
): Promise<Trial[][]> {
  const { repetitions, warmUp, signal } = options
  const runs = contestants.map(() => prompts.map((): MeasuredRun[] => []))
  const total = (warmUp + repetitions) * contestants.length * prompts.length
  const judge = new Judge(model, options)
  const prepared = contestants.map(() => prompts.map((): Prepared | undefined => undefined))
  let done = 0
  for (let repetition = -warmUp; repetition < repetitions; repetition++) {
    const round = contestants.map(() => [] as MeasuredRun[])
    for (const [p, prompt] of prompts.entries()) {
      for (const s of rotated(contestants.length, repetition + warmUp + p)) {
        const { specification, model: own, resolved, options: drafting } = contestants[s]
        options.onRun?.({ done: done++, total, strategy: specification.name })
        try {
          prepared[s][p] ??= prepare(own, prompt.prompt, resolved, options.chatTemplate)
          const ready = prepared[s][p]
          round[s][p] = await measure(() => generatePrepared(own, ready, { ...drafting, signal }))
        } catch (error) {
          const failure = failureOf(error, specification, prompt)
          if (repetition <= 0) throw failure
          options.onFailure?.(failure)
          return judged(runs, prompts, judge, signal)
        }
        if (signal.aborted) return judged(runs, prompts, judge, signal)
      }
    }
    if (repetition < 0) continue
    for (const [s, byPrompt] of round.entries()) {
      for (const [p, run] of byPrompt.entries()) {
        runs[s][p].push(run)
        // Judged as they come, so that an interrupted comparison is whole.
        if (repetition === 0) await judge.judge(prompts[p], run)
      }
    }
  }
  return judged(runs, prompts, judge, signal)
}

/** What a strategy said of a prompt; what is no sentence for users stays as it is. */
function failureOf(error: unknown, { name }: Specification, { row }: ComparedPrompt): UserError {
  if (!(error instanceof UserError)) throw error
  const { message, exitCode } = error
  return new UserError(`${name}, prompt ${JSON.stringify(row.id)}: ${message}`, exitCode, { cause: error })
}

/** 0 to `count` - 1, beginning at another one for each turn. */
export function rotated(count: number, turn: number): number[] {
  return Array.from({ length: count }, (_, i) => (i + turn) % count)
}

async function judged(
  runs: readonly (readonly (readonly MeasuredRun[])[])[],
  prompts: readonly ComparedPrompt[],
  judge: Judge,
  signal: AbortSignal,
): Promise<Trial[][]> {
  if (runs.some((byPrompt) => byPrompt.some(({ length }) => length === 0))) signal.throwIfAborted()
  return Promise.all(
    runs.map((byPrompt) =>
      Promise.all(
        byPrompt.map(async (own, p) => ({ runs: own, judgement: await judge.judge(prompts[p], own[0]) })),
      ),
    ),
  )
}

/** Judges each text of a prompt once. */
class Judge {
  private readonly known = new Map<string, Promise<Judgement>>()
  /** Scorers that are not asked again: what fails once fails for long. */
  private readonly failed = new Set<string>()

  constructor(
    private readonly model: Model,
    private readonly options: Pick<RunOptions, 'scorers' | 'signal' | 'onFailure'>,
  ) {}

  judge(prompt: ComparedPrompt, run: MeasuredRun): Promise<Judgement> {
    const key = JSON.stringify([prompt.row.id, run.ids, run.text])
    const known = this.known.get(key) ?? this.compute(prompt, run)
    this.known.set(key, known)
    return known
  }

  private async compute({ row, ids }: ComparedPrompt, run: MeasuredRun): Promise<Judgement> {
    const { scorers } = this.options
    const scores: [string, number][] = []
    for (const scorer of scorers) scores.push([scorer.name, await this.score(scorer, run.text, row)])
    return {
      mean_log_probability: await meanLogProbability(this.model, ids, run.ids),
      scores: Object.fromEntries(scores),
    }
  }

  /** NaN where the scorer fails or is interrupted: what was measured is worth keeping all the same. */
  private async score({ name, score }: Scorer, text: string, row: Row): Promise<number> {
    const { signal, onFailure } = this.options
    if (this.failed.has(name)) return Number.NaN
    try {
      return await score(text, row, signal)
    } catch (error) {
      if (signal.aborted) return Number.NaN
      if (!(error instanceof UserError)) throw error
      this.failed.add(name)
      onFailure?.(error)
      return Number.NaN
    }
  }
}

/** The mean log-probability of tokens after a prompt, in one pass and without processors. */
export async function meanLogProbability(
  model: Model,
  prompt: readonly number[],
  ids: readonly number[],
): Promise<number> {
  const { maxPositions: window } = model
  let sum = 0
  const isGenerated = (index: number) => index >= prompt.length
  const all = [...prompt, ...ids]
  for await (const { logprob } of scoreTokens(model, all, { window, stride: window - 1 }, isGenerated)) {
    sum += logprob
  }
  return sum / ids.length
}
