import { BEST_FIRST, loadAlone } from '../drafting/auto.js'
import { findFiles, type LoadedDrafter } from '../drafting/drafter.js'
import { type CostOptions, measureStepCosts } from '../drafting/step-costs.js'
import { type StrategyName, strategies } from '../drafting/table.js'
import { generate, type Prompt } from '../generation/generate.js'
import type { GenerationResult } from '../generation/options.js'
import type { LanguageModel } from '../language-model/load.js'
import { median } from '../median.js'
import type { StepCosts } from '../strategies/draft-control.js'
import { rounds } from './rounds.js'

/** A drafter that is ready, and what its steps cost here. */
export interface BenchedDrafter extends LoadedDrafter {
  /** As `llm generate` calls its command. */
  readonly name: string
  readonly costs: StepCosts
  /** Tokens of its longest chain. */
  readonly longest: number
}

/** Nodes of the largest drafts that are measured. */
const MOST = 32

/**
 * Every drafter of the table that a model can serve: those in its directory, and those that need no files.
 * @param pass what the target's passes take by tokens; it is all that a drafter costs that is free. What the others' steps take is
 *   measured in the loop that decodes.
 */
export async function loadDrafters(
  model: LanguageModel,
  pass: StepCosts['pass'],
  options: CostOptions,
): Promise<BenchedDrafter[]> {
  const drafters: BenchedDrafter[] = []
  for (const name of new Set([...BEST_FIRST, ...(Object.keys(strategies) as StrategyName[])])) {
    const { drafts } = strategies[name]
    if (!drafts || drafts.alone === null) continue
    const { files, free } = drafts
    if (files && (await findFiles(files, { model, own: {} })) === undefined) continue
    const loaded = await loadAlone(drafts, model, {}, options)
    if (free !== undefined) {
      drafters.push({ ...loaded, name, costs: { pass, draft: () => 0 }, longest: free })
      continue
    }
    const { createDrafter } = loaded.options
    const costs = await measureStepCosts(model, { createDrafter: createDrafter!, most: MOST })
    drafters.push({ ...loaded, name, costs, longest: costs.depth })
  }
  return drafters
}

/** One that goes on as it likes, one that repeats itself, one with facts. */
export const PROMPTS = [
  'Once upon a time there was a little girl who had a red ball.',
  'Tom has a red ball and a blue hat. Sam has a red ball and a blue hat. Ann has',
  'The capital of France is Paris. The capital of Italy is Rome. The capital of Spain is',
]

/** Tokens that each run generates. */
export const RUN_TOKENS = 48

/** What a strategy wrote in one round, over all prompts. */
export interface RunSums {
  readonly tokens: number
  /** From the call on, prompt included. */
  readonly seconds: number
  readonly passes: number
  readonly drafted: number
  readonly accepted: number
  /** The tokens of all texts. */
  readonly ids: string
}

/** A drafter's runs beside plain decoding's of the same rounds. */
export interface DrafterRuns {
  readonly tokens_per_second: number
  readonly speedup: number
  readonly tokens_per_pass: number
  /** Share of drafted tokens that were accepted; null where nothing was drafted. */
  readonly acceptance: number | null
  readonly same_text: boolean
}

/** Plain decoding's own. */
export type GreedyRuns = Pick<DrafterRuns, 'tokens_per_second' | 'tokens_per_pass'>

export interface Runs {
  readonly rounds: number
  readonly greedy: GreedyRuns
  /** In the order of the drafters. */
  readonly drafters: readonly DrafterRuns[]
}

/** Decodes the same prompts greedily and with each drafter, in turns. */
export async function measureRuns(
  model: LanguageModel,
  drafters: readonly BenchedDrafter[],
  options: {
    readonly seconds: number
    readonly signal?: AbortSignal
    readonly onRound?: (n: number) => void
  },
): Promise<Runs> {
  const { seconds, signal, onRound } = options
  const sides = [undefined, ...drafters]
  const sums: RunSums[][] = sides.map(() => [])
  const count = await rounds(seconds, signal, async (round) => {
    onRound?.(round + 1)
    for (const [i, drafter] of sides.entries()) sums[i].push(await runAll(model, drafter, signal))
  })
  const [greedy, ...drafted] = sums
  const { tokens_per_second, tokens_per_pass } = runsBeside(greedy, greedy)
  return {
    rounds: count,
    greedy: { tokens_per_second, tokens_per_pass },
    drafters: drafted.map((own) => runsBeside(greedy, own)),
  }
}

function rate({ tokens, seconds }: RunSums): number {
  return tokens / seconds
}

/** Medians over rounds; speeds are compared within each. */
export function runsBeside(greedy: readonly RunSums[], own: readonly RunSums[]): DrafterRuns {
  const total = (field: 'tokens' | 'passes' | 'drafted' | 'accepted') =>
    own.reduce((sum, round) => sum + round[field], 0)
  const drafted = total('drafted')
  return {
    tokens_per_second: median(own.map(rate)),
    speedup: median(own.map((round, i) => rate(round) / rate(greedy[i]))),
    tokens_per_pass: total('tokens') / total('passes'),
    acceptance: drafted > 0 ? total('accepted') / drafted : null,
    same_text: own.every(({ ids }, i) => ids === greedy[i].ids),
  }
}

async function runAll(
  model: LanguageModel,
  drafter: BenchedDrafter | undefined,
  signal: AbortSignal | undefined,
): Promise<RunSums> {
  const results: GenerationResult[] = []
  for (const prompt of PROMPTS) {
    const length = { max_new_tokens: RUN_TOKENS, min_new_tokens: RUN_TOKENS }
    const settings = { ...length, do_sample: false, num_beams: 1 }
    results.push(
      await generate(model, asked(model, prompt), settings, { ...drafter?.options, signal }).result(),
    )
    // What an interrupt cut short is no measurement.
    signal?.throwIfAborted()
  }
  const sum = (of: (result: GenerationResult) => number) =>
    results.reduce((total, result) => total + of(result), 0)
  return {
    tokens: sum(({ statistics }) => statistics.generated_tokens),
    seconds: sum(({ statistics }) => statistics.total_time),
    passes: sum(({ statistics }) => statistics.steps),
    drafted: sum(({ statistics }) => statistics.drafted_tokens),
    accepted: sum(({ statistics }) => statistics.accepted_tokens),
    ids: results.map(({ ids }) => ids.join(' ')).join('\n'),
  }
}

function asked({ tokenizer }: LanguageModel, content: string): Prompt {
  return tokenizer.hasChatTemplate ? [{ role: 'user', content }] : content
}
