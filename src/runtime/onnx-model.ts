import { UserError } from '../errors.js'
import { INPUT_PREFIX } from '../models/decoder.js'
import type { CacheLayout } from '../models/layers.js'
import { rotaryTables } from '../models/rope.js'
import type { DecoderSpec } from '../models/spec.js'
import type { EarlyExit, KVCache, Model, Output } from '../strategies/types.js'
import { TreeCache } from './kv-cache.js'
import * as ort from './ort.js'
import { isOutOfMemory, outOfMemory } from './session.js'

/** Tokens of one run of the graph: longer prompts go in several, which bounds the memory of activations. */
const CHUNK = 128

/** A model on ONNX Runtime, whose graph is a `decoderGraph`. */
export class OnnxModel implements Model {
  readonly vocabSize: number
  readonly hiddenSize: number
  readonly maxPositions: number

  constructor(
    private readonly session: ort.InferenceSession,
    private readonly spec: DecoderSpec,
    private readonly layout: CacheLayout,
    readonly exits: readonly number[] = [],
  ) {
    this.vocabSize = spec.vocabSize
    this.hiddenSize = spec.hiddenSize
    this.maxPositions = spec.maxPositions
  }

  newCache(): TreeCache {
    return new TreeCache(this.spec)
  }

  async forward(
    cache: KVCache,
    tokens: readonly number[],
    parents: readonly number[],
    nodes: readonly number[] = tokens.map((_, i) => i),
  ): Promise<Output> {
    if (!(cache instanceof TreeCache)) throw new TypeError('The cache is of another kind of model.')
    this.check(cache, tokens, parents)
    const before = cache.length
    const results = new Map<number, Row>()
    try {
      cache.reserve(tokens.length)
      for (let start = 0; start < tokens.length; start += CHUNK) {
        const end = Math.min(start + CHUNK, tokens.length)
        const wanted = nodes.filter((node) => node >= start && node < end)
        const rows = wanted.map((node) => node - start)
        const chunk = await this.run(cache, tokens.slice(start, end), parents.slice(start, end), rows)
        for (const [i, node] of wanted.entries()) results.set(node, chunk(i))
      }
    } catch (error) {
      cache.retract(cache.length - before)
      throw runError(error)
    }
    const row = (node: number) => {
      const found = results.get(node)
      if (!found) throw new RangeError(`Node ${node} was not asked for.`)
      return found
    }
    return {
      logits: (node) => row(node).logits,
      hidden: (node) => row(node).hidden,
      exits: (node) => row(node).exits,
    }
  }

  private async run(
    cache: TreeCache,
    tokens: readonly number[],
    parents: readonly number[],
    rows: readonly number[],
  ): Promise<(row: number) => Row> {
    const past = cache.length
    cache.widen(tokens.length)
    cache.append(parents)
    const results =
      this.layout === 'in-place'
        ? await this.runInPlace(cache, past, tokens, rows)
        : await this.runAppended(cache, tokens, rows)
    const logits = results.logits.data as Float32Array
    const hidden = results.hidden.data as Float32Array
    const at = (row: number) => ({
      logits: logits.subarray(row * this.vocabSize, (row + 1) * this.vocabSize),
      hidden: hidden.subarray(row * this.hiddenSize, (row + 1) * this.hiddenSize),
    })
    return (row) => ({ ...at(row), exits: this.exits.map((_, i) => at((i + 1) * rows.length + row)) })
  }

  /** The graph writes the new rows into the cache and reads them there. */
  private runInPlace(cache: TreeCache, past: number, tokens: readonly number[], rows: readonly number[]) {
    const feeds = this.feeds(cache, tokens, rows, cache.columns, past)
    return this.session.run(feeds, { logits: null, hidden: null, ...cache.newRows(tokens.length) })
  }

  /** The graph sees the rows of before, and the new ones are copied into the cache afterwards. */
  private async runAppended(cache: TreeCache, tokens: readonly number[], rows: readonly number[]) {
    const columns = cache.columns + tokens.length
    const results = await this.session.run(this.feeds(cache, tokens, rows, columns, cache.columns))
    for (const [name, target] of Object.entries(cache.newRows(tokens.length))) {
      ;(target.data as Float32Array).set(results[name].data as Float32Array)
    }
    return results
  }

  private feeds(
    cache: TreeCache,
    tokens: readonly number[],
    rows: readonly number[],
    columns: number,
    newColumn: number,
  ): Record<string, ort.Tensor> {
    const count = tokens.length
    const { layers, rope, headDim, slidingWindow, attentionScale } = this.spec
    const feeds: Record<string, ort.Tensor> = {
      ...cache.past(),
      input_ids: int64(tokens, [1, count]),
      rows: int64(rows, [rows.length]),
    }
    for (const kind of new Set(layers)) {
      const prefix = INPUT_PREFIX[kind]
      const window = kind === 'sliding' ? slidingWindow : undefined
      feeds[`${prefix}mask`] = cache.mask(count, columns, newColumn, window)
      const tables = rotaryTables(rope[kind], cache.positions(count), Math.sqrt(attentionScale))
      feeds[`${prefix}cos`] = new ort.Tensor('float32', tables.cos, [count, headDim / 2])
      feeds[`${prefix}sin`] = new ort.Tensor('float32', tables.sin, [count, headDim / 2])
    }
    return feeds
  }

  private check(cache: TreeCache, tokens: readonly number[], parents: readonly number[]): void {
    if (tokens.length === 0 || tokens.length !== parents.length) {
      throw new RangeError(`${tokens.length} tokens with ${parents.length} parents cannot be run.`)
    }
    for (const [i, token] of tokens.entries()) {
      if (!(token >= 0 && token < this.vocabSize && Number.isInteger(token))) {
        throw new UserError(`Token id ${token} is not in the model's vocabulary of ${this.vocabSize}.`)
      }
      const parent = parents[i]
      if (!(parent >= -1 && parent < cache.length + i)) {
        throw new RangeError(`Token ${i} has the parent ${parent}, which is no earlier slot.`)
      }
    }
  }

  async dispose(): Promise<void> {
    await this.session.release()
  }
}

interface Row extends EarlyExit {
  readonly exits: readonly EarlyExit[]
}

function int64(values: readonly number[], shape: number[]): ort.Tensor {
  return new ort.Tensor('int64', BigInt64Array.from(values, BigInt), shape)
}

function runError(error: unknown): Error {
  if (error instanceof UserError || !(error instanceof Error)) return error as Error
  if (isOutOfMemory(error.message)) return outOfMemory('to run the model', error)
  return new UserError(`ONNX Runtime failed: ${error.message.split('\n')[0]}`, 1, { cause: error })
}
