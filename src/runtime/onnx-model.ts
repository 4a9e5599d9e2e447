import { UserError } from '../errors.js'
import { INPUT_PREFIX } from '../models/decoder.js'
import { rotaryTables } from '../models/rope.js'
import type { DecoderSpec } from '../models/spec.js'
import type { FloatType } from '../onnx/graph.js'
import type { EarlyExit, ForwardOptions, KVCache, Model, Output } from '../strategies/types.js'
import { type DeviceKernels, DeviceRows } from './device-rows.js'
import { runFailure } from './failures.js'
import { HostRows } from './host-rows.js'
import { type MaskColumns, padded, TreeCache } from './kv-cache.js'
import * as ort from './ort.js'
import { cacheLayoutOf, type Device } from './session.js'
import { Shortlist, SparseRows } from './shortlist.js'
import { CHUNK, type TreeGraph } from './tree-graph.js'

/** What a pass of a graph over token trees gives. */
export type TreeOutput = Output & Required<Pick<Output, 'residual' | 'exits'>>

/** A graph over token trees on ONNX Runtime, made by a `DecoderBuilder`; `Item` is what it is given for a token. */
export abstract class OnnxTree<Item> {
  readonly vocabSize: number
  readonly hiddenSize: number
  readonly maxPositions: number
  readonly exits: readonly number[]
  protected readonly spec: DecoderSpec
  private readonly session: ort.InferenceSession
  private readonly device: Device
  private readonly type: FloatType
  private readonly kernels: DeviceKernels | undefined
  private readonly sparseRows: SparseRows
  private readonly chunk: number

  constructor({ session, spec, device, type = 'float32', kernels, exits = [] }: TreeGraph) {
    this.session = session
    this.spec = spec
    this.device = device
    this.type = type
    this.kernels = kernels
    this.chunk = kernels?.longestPass ?? CHUNK
    this.exits = exits
    this.vocabSize = spec.vocabSize
    this.sparseRows = new SparseRows(spec.vocabSize)
    this.hiddenSize = spec.hiddenSize
    this.maxPositions = spec.maxPositions
  }

  /** The graph's inputs for tokens. */
  protected abstract inputs(items: readonly Item[]): Record<string, ort.Tensor>

  newCache(): TreeCache {
    return new TreeCache(this.kernels ? new DeviceRows(this.kernels) : new HostRows(this.spec, this.type))
  }

  async forward(
    cache: KVCache,
    tokens: readonly Item[],
    parents: readonly number[],
    nodes: readonly number[] = tokens.map((_, i) => i),
    { shortlist: count }: ForwardOptions = {},
  ): Promise<TreeOutput> {
    if (!(cache instanceof TreeCache)) throw new TypeError('The cache is of another kind of model.')
    this.check(cache, tokens, parents)
    const before = cache.length
    const shortlist = Shortlist.of(this.givesShortlists ? count : undefined, this.vocabSize)
    this.sparseRows.clear()
    const results = new Map<number, Row>()
    const states: States[] = []
    try {
      cache.reserve(tokens.length)
      for (let start = 0; start < tokens.length; start += this.chunk) {
        const end = Math.min(start + this.chunk, tokens.length)
        const wanted = nodes.filter((node) => node >= start && node < end)
        const rows = wanted.map((node) => node - start)
        const chunk = await this.run(
          cache,
          tokens.slice(start, end),
          parents.slice(start, end),
          rows,
          shortlist,
        )
        for (const [i, node] of wanted.entries()) results.set(node, chunk.row(i))
        states.push(chunk.states)
      }
    } catch (error) {
      cache.retract(cache.length - before)
      throw runFailure(error, this.device, 'to run the model')
    }
    const row = (node: number) => {
      const found = results.get(node)
      if (!found) throw new RangeError(`Node ${node} was not asked for.`)
      return found
    }
    const { hiddenSize, chunk } = this
    const state = (name: keyof States) => (node: number) => {
      const start = (node % chunk) * hiddenSize
      return states[Math.floor(node / chunk)][name].subarray(start, start + hiddenSize)
    }
    return {
      logits: (node) => row(node).logits,
      hidden: state('hidden'),
      residual: state('residual'),
      exits: (node) => row(node).exits,
    }
  }

  private async run(
    cache: TreeCache,
    tokens: readonly Item[],
    parents: readonly number[],
    rows: readonly number[],
    shortlist: Shortlist,
  ): Promise<{ states: States; row(row: number): Row }> {
    if (rows.length === 0 && this.givesShortlists) {
      // The graph needs a row to sort.
      return this.run(cache, tokens, parents, [0], Shortlist.of(1, this.vocabSize))
    }
    const past = cache.length
    cache.widen(tokens.length)
    cache.append(parents)
    const results = await this.results(cache, past, tokens, rows, shortlist)
    if (shortlist.isTied(results)) {
      // The same again, with all scores.
      cache.retract(tokens.length)
      return this.run(cache, tokens, parents, rows, Shortlist.of(undefined, this.vocabSize))
    }
    const cut = (name: string, size: number) => {
      const values = results[name]?.data as Float32Array
      return (row: number) => values.subarray(row * size, (row + 1) * size)
    }
    const logits = shortlist.isWhole ? cut('logits', this.vocabSize) : this.topRows(shortlist, results)
    const early = cut('exits', this.hiddenSize)
    const exit = (row: number, index: number): EarlyExit => ({
      logits: logits((index + 1) * rows.length + row),
      hidden: early(index * rows.length + row),
    })
    const values = (name: keyof States) => results[name].data as Float32Array
    return {
      states: { hidden: values('hidden'), residual: values('residual') },
      row: (row) => ({ logits: logits(row), exits: this.exits.map((_, index) => exit(row, index)) }),
    }
  }

  private topRows(shortlist: Shortlist, results: ort.InferenceSession.OnnxValueMapType) {
    const read = shortlist.read(results)
    return (row: number) => this.sparseRows.row(read(row))
  }

  /** A device gives the best scores alone, to spare the way of the others. */
  private get givesShortlists(): boolean {
    return this.kernels !== undefined && this.exits.length === 0
  }

  private async results(
    cache: TreeCache,
    past: number,
    tokens: readonly Item[],
    rows: readonly number[],
    shortlist: Shortlist,
  ) {
    const { session } = this
    const count = tokens.length
    if (cache.rows instanceof DeviceRows) {
      await cache.rows.settle()
      const feeds = {
        ...this.feeds(cache, tokens, rows, { columns: cache.length, newColumn: past }),
        ...cache.rows.past(),
        last_column: int32(cache.length - 1),
        columns: int32(cache.length),
        ...(this.givesShortlists && shortlist.feeds()),
      }
      return session.run(feeds, { ...this.fetches(shortlist), ...cache.rows.present() })
    }
    const host = cache.rows as HostRows
    const slots = cache.ancestors(count)
    // In place the new rows are among the columns, else they follow them.
    const inPlace = cacheLayoutOf(this.device) === 'in-place'
    const newColumn = slots ? Math.max(slots.length, 1) : inPlace ? past : cache.columns
    const columns = !inPlace ? newColumn + count : slots ? padded(newColumn + count) : cache.columns
    const seen = slots ? host.gathered(slots, inPlace ? columns : newColumn) : host
    const results = await session.run(
      { ...this.feeds(cache, tokens, rows, { columns, newColumn, slots }), ...seen.past() },
      { ...this.fetches(shortlist), ...(inPlace ? seen.rows(newColumn, count) : host.fetches()) },
    )
    if (!inPlace) host.write(past, results)
    else if (slots) host.copy(seen, newColumn, past, count)
    return results
  }

  private fetches(shortlist: Shortlist): Record<string, null> {
    return {
      ...shortlist.fetches(),
      hidden: null,
      residual: null,
      ...(this.exits.length > 0 && { exits: null }),
    }
  }

  private feeds(
    cache: TreeCache,
    tokens: readonly Item[],
    rows: readonly number[],
    columns: MaskColumns,
  ): Record<string, ort.Tensor> {
    const count = tokens.length
    const { layers, rope, headDim, slidingWindow, attentionScale } = this.spec
    const feeds: Record<string, ort.Tensor> = {
      ...this.inputs(tokens),
      rows: int64(rows, [rows.length]),
    }
    for (const kind of new Set(layers)) {
      const prefix = INPUT_PREFIX[kind]
      const window = kind === 'sliding' ? slidingWindow : undefined
      feeds[`${prefix}mask`] = cache.mask(count, columns, window)
      const tables = rotaryTables(rope[kind], cache.positions(count), Math.sqrt(attentionScale))
      feeds[`${prefix}cos`] = new ort.Tensor('float32', tables.cos, [count, headDim / 2])
      feeds[`${prefix}sin`] = new ort.Tensor('float32', tables.sin, [count, headDim / 2])
    }
    return feeds
  }

  private check(cache: TreeCache, tokens: readonly Item[], parents: readonly number[]): void {
    if (tokens.length === 0 || tokens.length !== parents.length) {
      throw new RangeError(`${tokens.length} tokens with ${parents.length} parents cannot be run.`)
    }
    for (const [i, token] of tokens.entries()) {
      this.checkToken(token)
      const parent = parents[i]
      if (!(parent >= -1 && parent < cache.length + i)) {
        throw new RangeError(`Token ${i} has the parent ${parent}, which is no earlier slot.`)
      }
    }
  }

  protected checkToken(_item: Item): void {}

  async dispose(): Promise<void> {
    await Promise.all([this.session.release(), this.kernels?.dispose()])
  }
}

/** A model on ONNX Runtime, whose graph is a `decoderGraph`. */
export class OnnxModel extends OnnxTree<number> implements Model {
  protected override inputs(ids: readonly number[]) {
    return { input_ids: int64(ids, [1, ids.length]) }
  }

  protected override checkToken(token: number): void {
    if (token >= 0 && token < this.vocabSize && Number.isInteger(token)) return
    throw new UserError(`Token id ${token} is not in the model's vocabulary of ${this.vocabSize}.`)
  }
}

/** Of all tokens of a run, [T, hidden] each. */
interface States {
  readonly hidden: Float32Array
  readonly residual: Float32Array
}

interface Row {
  readonly logits: Float32Array
  readonly exits: readonly EarlyExit[]
}

function int32(value: number): ort.Tensor {
  return new ort.Tensor('int32', [value], [1])
}

function int64(values: readonly number[], shape: number[]): ort.Tensor {
  return new ort.Tensor('int64', BigInt64Array.from(values, BigInt), shape)
}
