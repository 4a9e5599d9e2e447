import { timed } from '../../src/bench/rounds.js'
import type { KVCache, Model } from '../../src/model/model.js'
import { createRandom } from '../../src/random.js'
import { argmax } from '../../src/strategies/choose.js'

/** Sequences of `batch` times `context` random tokens, after which `steps` are decoded greedily. */
export interface DecodeTask {
  readonly context: number
  readonly batch: number
  readonly steps: number
  readonly seed: number
}

/** Seconds. */
export interface DecodeTimes {
  readonly prefill: number
  /** Of each step, all sequences together. */
  readonly steps: readonly number[]
}

/** Greedy decoding needs the best score alone. */
const GREEDY = { topK: 1 }

/** Each sequence is a branch of one tree, as in `llm batch`. */
export async function measureDecode(
  model: Model,
  { context, batch, steps, seed }: DecodeTask,
): Promise<DecodeTimes> {
  const random = createRandom(seed)
  const cache = model.newCache()
  try {
    let leaves: number[] = []
    let next: number[] = []
    const pass = async (tokens: readonly number[], parents: readonly number[], nodes: readonly number[]) => {
      const start = cache.length
      const output = await model.forward(cache, tokens, parents, nodes, GREEDY)
      next = nodes.map((node) => argmax(output.logits(node), random))
      leaves = nodes.map((node) => start + node)
    }
    const prompt = randomTokens(model, batch * context, random)
    const parents = prompt.map((_, i) => (i % context === 0 ? -1 : i - 1))
    const ends = Array.from({ length: batch }, (_, row) => (row + 1) * context - 1)
    const prefill = await timed(() => pass(prompt, parents, ends))
    const times: number[] = []
    for (let step = 0; step < steps; step++) {
      times.push(await timed(() => pass(next, leaves, [...next.keys()])))
    }
    return { prefill, steps: times }
  } finally {
    cache.dispose()
  }
}

/** Seconds of a pass of each number of tokens after a context, with the choice after each of them. */
export async function measurePasses(
  model: Model,
  context: number,
  tokens: readonly number[],
  seed: number,
): Promise<number[]> {
  const random = createRandom(seed)
  const cache = model.newCache()
  try {
    await model.forward(cache, randomTokens(model, context, random), chain(0, context), [])
    const times: number[] = []
    for (const count of tokens) times.push(await timed(() => runPass(model, cache, context, count, random)))
    return times
  } finally {
    cache.dispose()
  }
}

async function runPass(model: Model, cache: KVCache, context: number, count: number, random: () => number) {
  const tokens = randomTokens(model, count, random)
  const output = await model.forward(cache, tokens, chain(context, count), [...tokens.keys()], GREEDY)
  for (const node of tokens.keys()) argmax(output.logits(node), random)
  cache.keep([...Array(context).keys()])
}

function chain(start: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => start + i - 1)
}

function randomTokens({ vocabSize }: Model, count: number, random: () => number): number[] {
  return Array.from({ length: count }, () => Math.floor(random() * vocabSize))
}
