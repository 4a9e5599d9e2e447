import { availableParallelism, loadavg } from 'node:os'
import { interpolated } from '../drafting/step-costs.js'
import { usageError } from '../errors.js'
import type { LanguageModel } from '../language-model/load.js'
import { requireGraph } from '../language-model/own-graph.js'
import { parameterCount } from '../models/parameters.js'
import { type Machine, machineOf, type Versions, versionsOf } from '../runtime/machine.js'
import { bytesReadPerToken } from '../runtime/storage.js'
import { readBandwidth } from './bandwidth.js'
import {
  type BenchedDrafter,
  type DrafterRuns,
  type GreedyRuns,
  loadDrafters,
  measureRuns,
} from './drafters.js'
import { type ForwardTimes, measureForwards, STEPS } from './forwards.js'
import { bestChain, breakEven } from './speedup.js'

/** What `llm bench --json` prints. Times are in seconds, sizes in bytes; figures are medians of rounds. */
export interface BenchJson {
  readonly format: 'llm-bench/1'
  /** ISO 8601. */
  readonly created: string
  /** What a reader types to repeat it. */
  readonly command: string
  /** Of the random tokens that forward passes are measured with. */
  readonly seed: number
  readonly machine: Machine & {
    /** Processes that wanted to run in the minute before, as a mean; 0 where the system does not tell. */
    readonly load: number
  }
  readonly versions: Versions
  readonly model: {
    readonly name: string
    readonly dtype: string
    readonly device: string
    readonly parameters: number
  }
  readonly rounds: { readonly forwards: number; readonly runs: number }
  /** Bytes per second that the memory gives to readers on the sessions' threads; null off the CPU. */
  readonly memory_bandwidth: number | null
  readonly contexts: readonly ContextFigures[]
  /** Passes of several tokens after the shortest context; `relative` is to one token. */
  readonly forwards: {
    readonly context: number
    readonly passes: readonly {
      readonly tokens: number
      readonly seconds: number
      readonly relative: number
    }[]
  }
  readonly greedy: GreedyRuns
  readonly drafters: readonly DrafterFigures[]
  /** The drafter whose runs were fastest, and clearly faster than greedy ones; null where there is none. */
  readonly pays: string | null
}

export interface ContextFigures {
  readonly context: number
  readonly prefill_tokens_per_second: number
  readonly decode_tokens_per_second: number
  /** Weights and cache that a decoded token reads. */
  readonly bytes_per_token: number
  readonly bytes_per_second: number
  /** Of the memory's bandwidth; above 1 where processor caches hold the weights. */
  readonly bandwidth_share: number | null
}

export interface DrafterFigures extends DrafterRuns {
  readonly name: string
  /** Least acceptance at which a chain pays; null where none does. */
  readonly break_even: number | null
  /** What the best chain promises where each token is accepted with this probability if the one before it was. */
  readonly expected: readonly {
    readonly acceptance: number
    readonly drafted: number
    readonly speedup: number
  }[]
}

export interface BenchOptions {
  /** As the user named it. */
  readonly name: string
  readonly command: string
  /** Of llm. */
  readonly version: string
  readonly threads?: number
  /** By default those of `CONTEXTS` that the model has room for. */
  readonly contexts?: readonly number[]
  readonly tokens?: readonly number[]
  /** To measure for, about. */
  readonly seconds: number
  readonly signal?: AbortSignal
  readonly onPhase?: (phase: string) => void
}

const CONTEXTS = [128, 512, 1024]
const TOKENS = [1, 2, 4, 8, 16, 32]
const SEED = 0
/** Of the seconds; the rest is for runs with drafters. */
const FORWARD_SHARE = 0.5
const ACCEPTANCES = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]

/** @throws UserError, exit code 2, for a context or passes that the model has no room for, and for an export to ONNX */
export async function bench(model: LanguageModel, options: BenchOptions): Promise<BenchJson> {
  requireGraph(model, 'A benchmark needs the sizes of all weights')
  const { threads = availableParallelism(), seconds, signal, onPhase } = options
  const [load] = loadavg()
  const { contexts, tokens } = lengths(model.model.maxPositions, options)
  onPhase?.('memory bandwidth')
  const bandwidth = model.device === 'cpu' ? await readBandwidth(threads) : null
  const times = await measureForwards(model.model, {
    contexts,
    tokens,
    seed: SEED,
    seconds: FORWARD_SHARE * seconds,
    signal,
    onRound: (round) => onPhase?.(`forward passes, round ${round}`),
  })
  onPhase?.('what drafts cost')
  const pass = interpolated(tokens.map((count, i) => [count, times.passes[i]]))
  const drafters = await loadDrafters(model, pass, { threads })
  try {
    const runs = await measureRuns(model, drafters, {
      seconds: (1 - FORWARD_SHARE) * seconds,
      signal,
      onRound: (round) => onPhase?.(`greedy decoding and drafters, round ${round}`),
    })
    const figures = drafters.map((drafter, i) => drafterFigures(drafter, runs.drafters[i]))
    return {
      ...conditions(model, { threads, load }, options),
      rounds: { forwards: times.rounds, runs: runs.rounds },
      memory_bandwidth: bandwidth,
      contexts: contextFigures(model, contexts, times, bandwidth),
      forwards: { context: contexts[0], passes: passFigures(tokens, times.passes) },
      greedy: runs.greedy,
      drafters: figures,
      pays: fastest(figures),
    }
  } finally {
    await Promise.all(drafters.map((drafter) => drafter.dispose()))
  }
}

/** Lengths that fit into the model's positions; a pass of one token is among them, which others are compared with. */
export function lengths(
  positions: number,
  { contexts: asked, tokens = TOKENS }: Pick<BenchOptions, 'contexts' | 'tokens'>,
): { contexts: number[]; tokens: number[] } {
  const ascending = (values: readonly number[]) => [...new Set(values)].sort((a, b) => a - b)
  const passes = ascending([1, ...tokens])
  const room = positions - STEPS
  const fitting = CONTEXTS.filter((context) => context <= room)
  const contexts = ascending(
    asked ?? (fitting.length > 0 ? fitting : [Math.max(1, room - Math.max(...TOKENS))]),
  )
  const longest = contexts.at(-1)!
  if (longest > room || contexts[0] < 1) {
    throw usageError(
      `A context of ${longest} tokens and ${STEPS} decoded ones do not fit into the model's ${positions} positions: give smaller ones with --context.`,
    )
  }
  if (contexts[0] + passes.at(-1)! > positions) {
    throw usageError(
      `A pass of ${passes.at(-1)} tokens after ${contexts[0]} does not fit into the model's ${positions} positions: give fewer with --tokens.`,
    )
  }
  return { contexts, tokens: passes }
}

function conditions(
  { spec, dtype, device }: LanguageModel,
  use: { readonly threads: number; readonly load: number },
  options: BenchOptions,
) {
  return {
    format: 'llm-bench/1',
    created: new Date().toISOString(),
    command: options.command,
    seed: SEED,
    machine: { ...machineOf(use.threads), load: use.load },
    versions: versionsOf(options.version),
    model: {
      name: options.name,
      dtype,
      device,
      parameters: parameterCount(spec!),
    },
  } as const
}

function contextFigures(
  { spec, dtype }: Pick<LanguageModel, 'spec' | 'dtype'>,
  contexts: readonly number[],
  { prefill, decode }: ForwardTimes,
  bandwidth: number | null,
): ContextFigures[] {
  return contexts.map((context, i) => {
    // In the middle of the decoded tokens.
    const bytes = bytesReadPerToken(spec!, dtype, context + STEPS / 2)
    const perSecond = bytes / decode[i]
    return {
      context,
      prefill_tokens_per_second: context / prefill[i],
      decode_tokens_per_second: 1 / decode[i],
      bytes_per_token: bytes,
      bytes_per_second: perSecond,
      bandwidth_share: bandwidth === null ? null : perSecond / bandwidth,
    }
  })
}

/** @param tokens from 1 on */
export function passFigures(tokens: readonly number[], seconds: readonly number[]) {
  return tokens.map((count, i) => ({
    tokens: count,
    seconds: seconds[i],
    relative: seconds[i] / seconds[0],
  }))
}

function drafterFigures({ name, costs, longest }: BenchedDrafter, runs: DrafterRuns): DrafterFigures {
  const expected = ACCEPTANCES.map((acceptance) => ({ acceptance, ...bestChain(costs, acceptance, longest) }))
  return { name, break_even: breakEven(costs, longest), expected, ...runs }
}

/** Speed-ups below it are no more than rounds differ by. */
const CLEAR = 1.05

/** @param drafters those that drafted nothing, since it did not pay, can be faster by chance alone */
export function fastest(
  drafters: readonly Pick<DrafterFigures, 'name' | 'speedup' | 'acceptance'>[],
): string | null {
  const [first] = drafters
    .filter(({ speedup, acceptance }) => acceptance !== null && speedup >= CLEAR)
    .sort((a, b) => b.speedup - a.speedup)
  return first?.name ?? null
}
