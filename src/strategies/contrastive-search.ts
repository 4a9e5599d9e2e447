import type { Output } from '../model/model.js'
import { extend, type Prefix } from '../model/prefix.js'
import { PrefixTree } from '../model/prefix-tree.js'
import { breathe } from './breathe.js'
import { contrasted } from './choose.js'
import { Ranking } from './ranking.js'
import { softmax } from './softmax.js'
import type { Request, Strategy } from './strategy.js'

export interface ContrastiveOptions {
  /** Weight of the degeneration penalty, from 0 to 1. */
  readonly penaltyAlpha: number
  /** Candidates by step. */
  readonly topK: number
}

/**
 * Contrastive search (Su et al. 2022, eq. 5; HF's `_contrastive_search`): of the `topK` most probable tokens the one with
 * the largest (1 - α) · probability - α · (largest cosine of its hidden state with those of all tokens before it). The
 * candidates of a step are siblings of one tree, run in one pass; that of the winner is also the next step's.
 */
export function contrastiveSearch({ penaltyAlpha, topK }: ContrastiveOptions): Strategy {
  return async function* (request) {
    const { prompt, limit } = request
    // The hidden states of the prompt are needed too.
    request.cache.keep([])
    const tree = new PrefixTree(request.model, request.cache, prompt, ['hidden'])
    const context = new UnitVectors(request.model.hiddenSize)
    const ranking = new Ranking()
    let current = await readPrompt(tree, context, request)
    while (current.prefix.length < limit) {
      const { prefix, logits, hidden, scores } = current
      for (const process of request.processors) process(scores, prefix)
      const probabilities = softmax(scores)
      const candidates = ranking
        .read(scores)
        .top(topK)
        // What processors forbid is no candidate, however few are left.
        .filter((token) => scores[token] !== -Infinity)
        .map((token) => extend(prefix, token))
      const output = await tree.run(candidates)
      const ratings: number[] = []
      for (const [i, { token }] of candidates.entries()) {
        const penalty = context.largestCosine(output.hidden(i))
        ratings.push((1 - penaltyAlpha) * probabilities[token] - penaltyAlpha * penalty)
        await breathe()
      }
      const winner = ratings.reduce((best, rating, i) => (rating > ratings[best] ? i : best), 0)
      const chosen = candidates[winner]
      current = stateOf(output, winner, chosen, request)
      context.push(current.hidden)
      tree.prune([chosen])
      yield {
        choices: [{ token: chosen.token, logits, scores, hidden }],
        drafted: 0,
        accepted: 0,
      }
    }
  }
}

/** Prompt tokens by pass: the pass computes scores for each of them, and memory has to hold them. */
const CHUNK = 64

/** A sequence, and what its last token's pass gave: copies, since candidates run before they are used. */
interface State {
  readonly prefix: Prefix
  readonly logits: Float32Array
  readonly scores: Float32Array
  readonly hidden: Float32Array
}

function stateOf(output: Output, leaf: number, prefix: Prefix, request: Request): State {
  const logits = output.logits(leaf).slice()
  const scores = contrasted(output, leaf, prefix, request) ?? logits.slice()
  return { prefix, logits, scores, hidden: output.hidden(leaf).slice() }
}

/** Enters the hidden states of all tokens of the prompt; gives the state after the last one. */
async function readPrompt(tree: PrefixTree, context: UnitVectors, request: Request): Promise<State> {
  const { prompt } = request
  const prefixes: Prefix[] = []
  for (let node: Prefix | undefined = prompt; node; node = node.parent) prefixes.push(node)
  prefixes.reverse()
  for (let start = 0; ; start += CHUNK) {
    const chunk = prefixes.slice(start, start + CHUNK)
    const output = await tree.run(chunk)
    for (const leaf of chunk.keys()) context.push(output.hidden(leaf))
    if (chunk.at(-1) === prompt) return stateOf(output, chunk.length - 1, prompt, request)
  }
}

/** Vectors scaled to length 1, one after the other. */
class UnitVectors {
  private values = new Float32Array(0)
  private count = 0

  constructor(private readonly width: number) {}

  push(vector: Float32Array): void {
    const { width, count } = this
    if ((count + 1) * width > this.values.length) {
      const grown = new Float32Array(2 * (count + CHUNK) * width)
      grown.set(this.values)
      this.values = grown
    }
    const length = Math.sqrt(dot(vector, vector, 0))
    for (let i = 0; i < width; i++) this.values[count * width + i] = vector[i] / length
    this.count++
  }

  /** The largest cosine between `vector` and any of these. */
  largestCosine(vector: Float32Array): number {
    let largest = -Infinity
    for (let i = 0; i < this.count; i++) largest = Math.max(largest, dot(vector, this.values, i * this.width))
    return largest / Math.sqrt(dot(vector, vector, 0))
  }
}

/** The product of `a` with as many numbers of `b` from `offset` on. */
function dot(a: Float32Array, b: Float32Array, offset: number): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * b[offset + i]
  return sum
}
