import type {
  Branch,
  ForwardOptions,
  KVCache,
  NativeBatchModel,
  Output,
  Pass,
  StateName,
} from '../model/model.js'
import { PAGE } from '../models/decoder/paged-attention.js'
import type { DecoderSpec } from '../models/spec.js'
import { convolutionFeeds } from './convolution-feeds.js'
import { runFailure } from './failures.js'
import { checkParents, HIDDEN, TreeCache } from './kv-cache.js'
import { checkTokenId } from './onnx-model.js'
import * as ort from './ort.js'
import { PagedRows, PagePool } from './pages.js'
import {
  type AskedRow,
  askedRows,
  attentionFeeds,
  fetching,
  int64,
  outputOf,
  outputOfState,
  type PassResults,
  requireTapped,
  rowsOf,
  type States,
  statesGiven,
  statesOf,
} from './pass.js'
import { CHUNK, type TreeGraph } from './tree-graph.js'

/** Places of a run, over its tokens, at most: the sequences have as many places as the longest one has tokens. */
const MOST_PADDING = 3

/** A model for many sequences at once, each with a cache of its own: its graph is a `decoderGraph` of the layout `paged`. */
export class PagedModel implements NativeBatchModel {
  readonly vocabSize: number
  readonly hiddenSize: number
  readonly maxPositions: number
  readonly longContext?: number
  readonly exits: readonly number[]
  readonly taps: readonly number[]
  private readonly spec: DecoderSpec
  private readonly session: ort.InferenceSession
  private readonly weights: TreeGraph['weights']
  private readonly pool: PagePool

  constructor({ session, spec, exits = [], taps = [], weights }: TreeGraph) {
    this.session = session
    this.spec = spec
    this.exits = exits
    this.taps = taps
    this.weights = weights
    this.vocabSize = spec.vocabSize
    this.hiddenSize = spec.hiddenSize
    this.maxPositions = spec.maxPositions
    this.longContext = spec.longContext
    this.pool = new PagePool(spec)
  }

  newCache(): PagedCache {
    return new PagedCache(new PagedRows(this.pool))
  }

  async forward(
    cache: KVCache,
    tokens: readonly number[],
    parents: readonly number[],
    nodes: readonly number[] = tokens.map((_, i) => i),
    options?: ForwardOptions,
  ): Promise<Output> {
    const [output] = await this.forwardAll([{ cache, tokens, parents, nodes, options }])
    return output
  }

  async forwardAll(passes: readonly Pass[]): Promise<Output[]> {
    const jobs = passes.map((pass) => this.jobOf(pass))
    if (new Set(jobs.map(({ cache }) => cache)).size < jobs.length) {
      throw new RangeError('Two passes of one cache cannot be run as one.')
    }
    try {
      for (const run of inRuns(jobs)) await this.run(run)
    } catch (error) {
      for (const { cache, before } of jobs) cache.retract(cache.length - before)
      throw runFailure(error, 'cpu', 'to run the model')
    }
    return jobs.map((job) => outputOf(job, CHUNK, this.hiddenSize))
  }

  async dispose(): Promise<void> {
    await this.session.release()
  }

  private jobOf({ cache, tokens, parents, nodes, options }: Pass): Job {
    if (!(cache instanceof PagedCache)) throw new TypeError('The cache is of another kind of model.')
    checkParents(cache, tokens.length, parents)
    for (const token of tokens) checkTokenId(token, this.vocabSize)
    requireTapped(options?.states ?? [], this.taps)
    return { cache, tokens, parents, nodes, options, before: cache.length, rows: new Map(), states: [] }
  }

  private async run(parts: readonly Part[]): Promise<void> {
    const pasts = parts.map(({ job }) => job.cache.length)
    for (const { job, start, end } of parts) {
      job.cache.reserve(end - start)
      job.cache.widen(end - start)
      job.cache.append(job.parents.slice(start, end))
    }
    let total = 0
    const firsts = parts.map((part) => {
      total += lengthOf(part)
      return total - lengthOf(part)
    })
    const asked = parts.flatMap((part, i) => askedNodes(part).map((node) => firsts[i] + node - part.start))
    const wanted = [...new Set(parts.flatMap(({ job }) => job.options?.states ?? statesGiven(this.taps)))]
    const results = await this.session.run(
      { ...this.feeds(parts, pasts), rows: int64(asked) },
      this.fetches(wanted),
    )
    const row = askedRows(results, asked.length, this, rowsOf(results, 'logits', this.vocabSize))
    const values = statesOf(results, wanted)
    let next = 0
    for (const [i, part] of parts.entries()) {
      const { job } = part
      this.pool.write(job.cache.rows, pasts[i], lengthOf(part), firsts[i], results)
      for (const node of askedNodes(part)) job.rows.set(node, row(next++))
      job.states.push({ values, first: firsts[i] })
    }
  }

  private feeds(parts: readonly Part[], pasts: readonly number[]): Record<string, ort.Tensor> {
    const ids = parts.flatMap(({ job, start, end }) => job.tokens.slice(start, end))
    const pages = parts.map(({ job }, i) => job.cache.rows.pages.slice(0, Math.ceil(pasts[i] / PAGE)))
    const places = new Places(parts.map(lengthOf), pages)
    const feeds: Record<string, ort.Tensor> = {
      ...this.weights,
      input_ids: int64(ids, [1, ids.length]),
      ...places.feeds(),
      ...this.pool.past(places.firstPage, places.pageCount),
    }
    const positions = Int32Array.from(parts.flatMap((part) => [...part.job.cache.positions(lengthOf(part))]))
    const mask = (window: number | undefined) =>
      places.mask(parts.map((part) => part.job.cache.mask(lengthOf(part), places.columns, window)))
    const newSlots = parts.map((part, i) => ({
      cache: part.job.cache,
      count: lengthOf(part),
      placeOf: (slot: number) =>
        (pages[i][Math.floor(slot / PAGE)] - places.firstPage) * PAGE + (slot % PAGE),
    }))
    return {
      ...feeds,
      ...attentionFeeds(this.spec, positions, mask),
      ...convolutionFeeds(this.spec, newSlots),
    }
  }

  private fetches(states: readonly StateName[]): Record<string, null> {
    return fetching([
      'logits',
      ...states.map(outputOfState),
      ...(this.exits.length > 0 ? ['exits'] : []),
      ...this.pool.names,
    ])
  }
}

/** A sequence's token tree, whose keys and values are in pages. */
class PagedCache extends TreeCache<PagedRows> implements Branch {
  fork(): PagedCache {
    const fork = new PagedCache(new PagedRows(this.rows.pool))
    fork.enter(this)
    fork.rows.copy(this.rows, 0, 0, this.length)
    return fork
  }
}

interface Job extends Pass, PassResults {
  readonly cache: PagedCache
  /** Its length before the pass. */
  readonly before: number
  readonly rows: Map<number, AskedRow>
  readonly states: { readonly values: States; readonly first: number }[]
}

/** Tokens of a job that are run at once. */
interface Part {
  readonly job: Job
  readonly start: number
  readonly end: number
}

function lengthOf({ start, end }: Part): number {
  return end - start
}

function askedNodes({ job, start, end }: Part): number[] {
  return job.nodes.filter((node) => node >= start && node < end)
}

/** Jobs of few tokens share a run, as far as they are of like length; a long one goes by itself, in several runs. */
function inRuns(jobs: readonly Job[]): Part[][] {
  const runs: Part[][] = []
  let shared: Part[] = []
  let total = 0
  for (const job of jobs.toSorted((a, b) => a.tokens.length - b.tokens.length)) {
    const { length } = job.tokens
    if (length > CHUNK) {
      for (let start = 0; start < length; start += CHUNK) {
        runs.push([{ job, start, end: Math.min(start + CHUNK, length) }])
      }
      continue
    }
    const isLike = (shared.length + 1) * length <= MOST_PADDING * (total + length)
    if (!isLike || total + length > CHUNK) {
      shared = []
      total = 0
    }
    if (shared.length === 0) runs.push(shared)
    shared.push({ job, start: 0, end: length })
    total += length
  }
  return runs
}

/** What is where in a run: the inputs of `pagedPlaces`. */
class Places {
  readonly firstPage: number
  readonly pageCount: number
  readonly columns: { readonly columns: number; readonly newColumn: number }
  /** Of a sequence. */
  private readonly mostPages: number
  private readonly mostTokens: number

  /**
   * @param lengths new tokens by sequence
   * @param pages by sequence, those with earlier tokens
   */
  constructor(
    private readonly lengths: readonly number[],
    private readonly pages: readonly (readonly number[])[],
  ) {
    // Where there are none yet, one that is hidden.
    const all = pages.flat()
    this.firstPage = all.length > 0 ? Math.min(...all) : 0
    this.pageCount = all.length > 0 ? Math.max(...all) - this.firstPage + 1 : 1
    this.mostPages = Math.max(1, ...pages.map(({ length }) => length))
    this.mostTokens = Math.max(...lengths)
    const newColumn = this.mostPages * PAGE
    this.columns = { columns: newColumn + this.mostTokens, newColumn }
  }

  feeds(): Record<string, ort.Tensor> {
    const { lengths, pages, firstPage, pageCount, mostPages, mostTokens } = this
    const sequences = lengths.length
    const placeTokens: number[] = Array(sequences * mostTokens).fill(0)
    const tokenPlaces: number[] = []
    const sequencePages: number[] = Array(sequences * mostPages).fill(0)
    const pagePlaces: number[] = Array(2 * pageCount).fill(0)
    const ownership = new Float32Array(sequences * pageCount)
    for (const [sequence, length] of lengths.entries()) {
      for (let i = 0; i < length; i++) {
        placeTokens[sequence * mostTokens + i] = tokenPlaces.length
        tokenPlaces.push(sequence * mostTokens + i)
      }
      for (const [i, number] of pages[sequence].entries()) {
        const page = number - firstPage
        sequencePages[sequence * mostPages + i] = page
        pagePlaces[2 * page] = sequence
        pagePlaces[2 * page + 1] = i
        ownership[sequence * pageCount + page] = 1
      }
    }
    return {
      place_tokens: int64(placeTokens, [sequences, mostTokens]),
      token_places: int64(tokenPlaces),
      sequence_pages: int64(sequencePages, [sequences, mostPages]),
      page_places: int64(pagePlaces, [pageCount, 2]),
      ownership: new ort.Tensor('float32', ownership, [sequences, pageCount]),
      widths: int64([this.columns.newColumn, mostTokens]),
    }
  }

  /** The sequences' masks, [tokens, columns] each, as one. */
  mask(masks: readonly ort.Tensor[]): ort.Tensor {
    const { mostTokens } = this
    const { columns } = this.columns
    const all = new Float32Array(masks.length * mostTokens * columns).fill(HIDDEN)
    for (const [i, { data }] of masks.entries()) all.set(data as Float32Array, i * mostTokens * columns)
    return new ort.Tensor('float32', all, [masks.length, mostTokens, columns])
  }
}
