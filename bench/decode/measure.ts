import { createRandom } from '../../src/random.js'
import { median } from '../common.js'
import type { Engine, Setup } from './engine.js'

export type EngineName = 'ours' | 'llama.cpp' | 'transformers.js'

/** One side of the comparison; every round starts a new process for it. */
export interface Side {
  readonly engine: EngineName
  /** Our dtype, or the peer's file. */
  readonly variant: string
}

/** What every side does. */
export interface Task {
  readonly contexts: readonly number[]
  /** Tokens decoded at each context. */
  readonly steps: number
  /** Tokens of the prompt whose prefill is timed. */
  readonly prefill: number
  /**
   * Milliseconds for which an engine generates before it is timed: node-llama-cpp is several times slower in its first second, which
   * would flatter us.
   */
  readonly warmUp: number
  readonly vocabSize: number
  readonly seed: number
}

export interface Measurement {
  /** Median time of a decoded token by context, ms. */
  readonly decode: readonly number[]
  /** tok/s. */
  readonly prefill: number
  /** The process's peak resident memory, bytes. */
  readonly peakMemory: number
}

export type Job =
  | { readonly kind: 'bandwidth'; readonly threads: number }
  | { readonly kind: 'engine'; readonly engine: EngineName; readonly setup: Setup; readonly task: Task }

const PREFILLS = 3
export async function measure(engine: Engine, task: Task): Promise<Measurement> {
  const random = createRandom(task.seed)
  const prompt = (length: number) => Array.from({ length }, () => Math.floor(random() * task.vocabSize))
  const start = performance.now()
  while (performance.now() - start < task.warmUp) await engine.generate(prompt(task.contexts[0]), task.steps)
  const decode: number[] = []
  for (const context of task.contexts) {
    const times = await engine.generate(prompt(context), task.steps + 1)
    decode.push(median(times.slice(1).map((time, i) => time - times[i])))
  }
  const prefills: number[] = []
  for (let i = 0; i < PREFILLS; i++) {
    const [time] = await engine.generate(prompt(task.prefill), 1)
    prefills.push((1e3 * task.prefill) / time)
  }
  return { decode, prefill: median(prefills), peakMemory: process.resourceUsage().maxRSS * 1024 }
}
