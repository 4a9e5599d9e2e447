import { median } from '../median.js'
import type { KVCache, Model } from '../model/model.js'
import { createRandom } from '../random.js'
import { argmax } from '../strategies/choose.js'
import { rounds, timed } from './rounds.js'

/** What is measured; lengths are tokens. */
export interface ForwardTask {
  /** Ascending. */
  readonly contexts: readonly number[]
  /** Of forward passes after the shortest context, ascending, from 1 on. */
  readonly tokens: readonly number[]
  readonly seed: number
  readonly seconds: number
  readonly signal?: AbortSignal
  readonly onRound?: (round: number) => void
}

/** Medians in seconds. */
export interface ForwardTimes {
  readonly rounds: number
  /** Of a whole prompt, by context. */
  readonly prefill: readonly number[]
  /** Of a token after it, by context. */
  readonly decode: readonly number[]
  /** By tokens. */
  readonly passes: readonly number[]
}

/** Tokens decoded after each context in a round. */
export const STEPS = 16
/** Passes of each length in a round. */
const PASSES = 3

/** Measures prefill, decoding and passes of several tokens in turns, on random tokens: no text makes them faster. */
export async function measureForwards(model: Model, task: ForwardTask): Promise<ForwardTimes> {
  const { contexts, tokens, seconds, signal, onRound } = task
  await new Round(model, task).run(contexts.slice(0, 1))
  const samples = {
    prefill: contexts.map(() => [] as number[]),
    decode: contexts.map(() => [] as number[]),
    passes: tokens.map(() => [] as number[]),
  }
  const count = await rounds(seconds, signal, async (i) => {
    onRound?.(i + 1)
    const round = new Round(model, task)
    await round.run(contexts)
    for (const kind of ['prefill', 'decode', 'passes'] as const) {
      for (const [at, own] of round[kind].entries()) samples[kind][at].push(...own)
    }
  })
  return {
    rounds: count,
    prefill: samples.prefill.map(median),
    decode: samples.decode.map(median),
    passes: samples.passes.map(median),
  }
}

/** One round's times, in seconds. */
class Round {
  readonly prefill: number[][] = []
  readonly decode: number[][] = []
  readonly passes: number[][]
  private readonly random: () => number

  constructor(
    private readonly model: Model,
    private readonly task: ForwardTask,
  ) {
    this.random = createRandom(task.seed)
    this.passes = task.tokens.map(() => [])
  }

  async run(contexts: readonly number[]): Promise<void> {
    for (const [i, context] of contexts.entries()) {
      this.task.signal?.throwIfAborted()
      const cache = this.model.newCache()
      try {
        this.prefill.push([await timed(() => this.forward(cache, context, [context - 1]))])
        if (i === 0) await this.runPasses(cache)
        const steps: number[] = []
        for (let step = 0; step < STEPS; step++) steps.push(await timed(() => this.forward(cache, 1)))
        this.decode.push(steps)
      } finally {
        cache.dispose()
      }
    }
  }

  private async runPasses(cache: KVCache): Promise<void> {
    const slots = [...Array(cache.length).keys()]
    for (let i = 0; i < PASSES; i++) {
      for (const [at, count] of this.task.tokens.entries()) {
        this.passes[at].push(await timed(() => this.forward(cache, count)))
        cache.keep(slots)
      }
    }
  }

  /** With the choice of a token after each one asked for, as decoding and verifying have it. */
  private async forward(cache: KVCache, count: number, nodes?: readonly number[]): Promise<void> {
    const { length } = cache
    const { vocabSize } = this.model
    const tokens = Array.from({ length: count }, () => Math.floor(this.random() * vocabSize))
    const parents = tokens.map((_, i) => length + i - 1)
    const output = await this.model.forward(cache, tokens, parents, nodes, { states: [] })
    for (const node of nodes ?? tokens.keys()) argmax(output.logits(node), this.random)
  }
}
