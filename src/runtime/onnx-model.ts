import { UserError } from '../errors.js'
import type { ForwardOptions, KVCache, Model, StateName } from '../model/model.js'
import { convolutionOf, type DecoderSpec } from '../models/spec.js'
import type { FloatType } from '../onnx/graph.js'
import { convolutionFeeds } from './convolution-feeds.js'
import type { Device } from './device.js'
import { type DeviceKernels, DeviceRows, places } from './device-rows.js'
import { runFailure } from './failures.js'
import { HostRows } from './host-rows.js'
import { checkParents, type MaskColumns, padded, TreeCache } from './kv-cache.js'
import type * as ort from './ort.js'
import {
  type AskedRow,
  askedRows,
  attentionFeeds,
  fetching,
  int32,
  int64,
  outputOf,
  outputOfState,
  requireTapped,
  rowsOf,
  type States,
  statesGiven,
  statesOf,
  type TreeOutput,
} from './pass.js'
import { cacheLayoutOf } from './session.js'
import { Shortlist, SparseRows } from './shortlist.js'
import { CHUNK, type TreeGraph } from './tree-graph.js'

/** What of a run's results comes back. */
interface Wanted {
  readonly shortlist: Shortlist
  readonly states: readonly StateName[]
}

/** A graph over token trees on ONNX Runtime, made by a `DecoderBuilder`; `Item` is what it is given for a token. */
export abstract class OnnxTree<Item> {
  readonly vocabSize: number
  readonly hiddenSize: number
  readonly maxPositions: number
  readonly longContext?: number
  readonly exits: readonly number[]
  readonly taps: readonly number[]
  protected readonly spec: DecoderSpec
  private readonly session: ort.InferenceSession
  private readonly device: Device
  private readonly type: FloatType
  private readonly kernels: DeviceKernels | undefined
  private readonly weights: TreeGraph['weights']
  private readonly sparseRows: SparseRows
  private readonly chunk: number

  constructor({
    session,
    spec,
    device,
    type = 'float32',
    kernels,
    exits = [],
    taps = [],
    weights,
  }: TreeGraph) {
    this.session = session
    this.spec = spec
    this.device = device
    this.type = type
    this.kernels = kernels
    this.chunk = kernels?.longestPass ?? CHUNK
    this.exits = exits
    this.taps = taps
    this.weights = weights
    this.vocabSize = spec.vocabSize
    this.sparseRows = new SparseRows(spec.vocabSize)
    this.hiddenSize = spec.hiddenSize
    this.maxPositions = spec.maxPositions
    this.longContext = spec.longContext
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
    { topK: count, states = statesGiven(this.taps), signal }: ForwardOptions = {},
  ): Promise<TreeOutput> {
    if (!(cache instanceof TreeCache)) throw new TypeError('The cache is of another kind of model.')
    checkParents(cache, tokens.length, parents)
    for (const token of tokens) this.checkToken(token)
    requireTapped(states, this.taps)
    const before = cache.length
    const wanted = {
      shortlist: Shortlist.of(this.givesShortlists ? count : undefined, this.vocabSize),
      states,
    }
    this.sparseRows.clear()
    const results = { rows: new Map<number, AskedRow>(), states: [] as { values: States; first: number }[] }
    try {
      cache.reserve(tokens.length)
      for (let start = 0; start < tokens.length; start += this.chunk) {
        const end = Math.min(start + this.chunk, tokens.length)
        if (start > 0) signal?.throwIfAborted()
        const asked = nodes.filter((node) => node >= start && node < end)
        const rows = asked.map((node) => node - start)
        const chunk = await this.run(cache, tokens.slice(start, end), parents.slice(start, end), rows, wanted)
        for (const [i, node] of asked.entries()) results.rows.set(node, chunk.row(i))
        results.states.push({ values: chunk.states, first: 0 })
      }
    } catch (error) {
      cache.retract(cache.length - before)
      signal?.throwIfAborted()
      throw runFailure(error, this.device, 'to run the model')
    }
    return outputOf(results, this.chunk, this.hiddenSize)
  }

  private async run(
    cache: TreeCache,
    tokens: readonly Item[],
    parents: readonly number[],
    rows: readonly number[],
    wanted: Wanted,
  ): Promise<{ states: States; row(row: number): AskedRow }> {
    const { shortlist, states } = wanted
    if (rows.length === 0 && this.givesShortlists) {
      // The graph needs a row to sort.
      return this.run(cache, tokens, parents, [0], { states, shortlist: Shortlist.of(1, this.vocabSize) })
    }
    const past = cache.length
    cache.widen(tokens.length)
    cache.append(parents)
    const results = await this.results(cache, past, tokens, rows, wanted)
    if (shortlist.isTied(results)) {
      // The same again, with all scores.
      cache.retract(tokens.length)
      return this.run(cache, tokens, parents, rows, {
        states,
        shortlist: Shortlist.of(undefined, this.vocabSize),
      })
    }
    const logits = shortlist.isWhole
      ? rowsOf(results, 'logits', this.vocabSize)
      : this.topRows(shortlist, results)
    return { states: statesOf(results, states), row: askedRows(results, rows.length, this, logits) }
  }

  private topRows(shortlist: Shortlist, results: ort.OnnxValueMapType) {
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
    { shortlist, states }: Wanted,
  ) {
    const { session } = this
    const count = tokens.length
    const wanted = {
      ...shortlist.fetches(),
      ...fetching([...states.map(outputOfState), ...(this.exits.length > 0 ? ['exits'] : [])]),
    }
    if (cache.rows instanceof DeviceRows) {
      await cache.rows.settle()
      const feeds = {
        ...this.feeds(cache, tokens, rows, { columns: cache.length, newColumn: past }),
        ...cache.rows.past(),
        last_column: int32(cache.length - 1),
        columns: int32(cache.length),
        ...(convolutionOf(this.spec) && {
          conv_places: places(
            1,
            [...tokens.keys()].map((i) => past + i),
          ),
        }),
        ...(this.givesShortlists && shortlist.feeds()),
      }
      return session.run(feeds, { ...wanted, ...cache.rows.present() })
    }
    const host = cache.rows as HostRows
    const slots = cache.ancestors(count)
    if (cacheLayoutOf(this.device) === 'in-place') {
      // The new rows are among the columns.
      if (slots) {
        const columns = { columns: padded(slots.length + count), newColumn: slots.length, slots }
        const part = host.gathered(slots, columns.columns)
        const feeds = { ...this.feeds(cache, tokens, rows, columns), ...part.past() }
        const results = await session.run(feeds, { ...wanted, ...part.rows(slots.length, count) })
        host.take(part, slots.length, past, count)
        return results
      }
      const columns = { columns: cache.columns, newColumn: past }
      const feeds = { ...this.feeds(cache, tokens, rows, columns), ...host.past() }
      return session.run(feeds, { ...wanted, ...host.rows(past, count) })
    }
    const newColumn = slots ? Math.max(slots.length, 1) : cache.columns
    const columns = { columns: newColumn + count, newColumn, slots }
    const seen = slots ? host.gathered(slots, newColumn) : host
    const feeds = { ...this.feeds(cache, tokens, rows, columns), ...seen.past() }
    const results = await session.run(feeds, { ...wanted, ...host.fetches() })
    host.write(past, results)
    return results
  }

  private feeds(
    cache: TreeCache,
    tokens: readonly Item[],
    rows: readonly number[],
    columns: MaskColumns,
  ): Record<string, ort.Tensor> {
    const count = tokens.length
    const feeds: Record<string, ort.Tensor> = {
      ...this.weights,
      ...this.inputs(tokens),
      rows: int64(rows, [rows.length]),
    }
    const mask = (window: number | undefined) => cache.mask(count, columns, window)
    const placeOf = (slot: number) => columns.slots?.indexOf(slot) ?? slot
    return {
      ...feeds,
      ...attentionFeeds(this.spec, cache.positions(count), mask),
      ...convolutionFeeds(this.spec, [{ cache, count, placeOf }]),
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
    checkTokenId(token, this.vocabSize)
  }
}

/** @throws UserError for an id that is none of the vocabulary's */
export function checkTokenId(token: number, vocabSize: number): void {
  if (token >= 0 && token < vocabSize && Number.isInteger(token)) return
  throw new UserError(`Token id ${token} is not in the model's vocabulary of ${vocabSize}.`)
}
