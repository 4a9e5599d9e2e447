import { UserError, usageError } from '../errors.js'
import type { ForwardOptions, KVCache, Lacks, NativeBatchModel, Output, Pass } from '../model/model.js'
import type { Device } from '../runtime/device.js'
import { runFailure } from '../runtime/failures.js'
import { checkParents } from '../runtime/kv-cache.js'
import { checkTokenId } from '../runtime/onnx-model.js'
import { ExportedCache } from './cache.js'
import { type ExportedGraph, lacksOf } from './graph.js'
import { floatsOf, PassRows } from './pass-rows.js'
import { gather, type Past } from './past.js'
import { type Path, pathsOf, Scheduler } from './paths.js'
import type { ExportedSession, HostTensor } from './session.js'

/** What of a model its config.json says. */
export interface ExportedSizes {
  readonly vocabSize: number
  readonly hiddenSize: number
  readonly maxPositions: number
}

/**
 * A model that transformers.js runs. Its graph sees chains alone: a token tree is run as its paths. Caches are separate, and those of the
 * same length are run as the rows of a batch, which reads the weights once; rows of other lengths would be filled up on the left, which
 * not every operator of attention allows (GroupQueryAttention counts tokens from the first on).
 */
export class ExportedModel implements NativeBatchModel {
  readonly vocabSize: number
  readonly hiddenSize: number
  readonly maxPositions: number
  readonly lacks: Lacks

  constructor(
    private readonly session: ExportedSession,
    private readonly graph: ExportedGraph,
    sizes: ExportedSizes,
    private readonly device: Device,
  ) {
    this.vocabSize = sizes.vocabSize
    this.hiddenSize = sizes.hiddenSize
    this.maxPositions = sizes.maxPositions
    this.lacks = lacksOf(graph)
  }

  newCache(): ExportedCache {
    return new ExportedCache()
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
    for (const pass of passes) this.check(pass)
    const { isRecurrent } = this.graph
    const paths = passes.flatMap((pass, i) => pathsOf(pass, i, pass.cache as ExportedCache, !isRecurrent))
    const rows = passes.map(({ tokens }) => new PassRows(tokens.length, this.graph.givesStates))
    const asked = passes.map(({ nodes }) => new Set(nodes))
    const scheduler = new Scheduler(paths, this.graph)
    try {
      for (let batch = scheduler.next(); batch; batch = scheduler.next()) {
        const [signal] = passes.map(({ options }) => options?.signal)
        if (passes.every(({ options }) => options?.signal === signal)) signal?.throwIfAborted()
        await this.run(batch.paths, batch.width, asked, rows)
      }
    } catch (error) {
      if (passes.some(({ options }) => options?.signal?.reason === error)) throw error
      throw runFailure(error, this.device, 'to run the model')
    }
    for (const path of paths) rows[path.pass].enter(path)
    for (const [i, { cache, tokens, parents }] of passes.entries()) {
      ;(cache as ExportedCache).append(tokens, parents, rows[i].places)
    }
    return rows.map((each) => each.output())
  }

  async dispose(): Promise<void> {
    await this.session.release()
  }

  private check({ cache, tokens, parents, options }: Pass): void {
    if (!(cache instanceof ExportedCache)) throw new TypeError('The cache is of another kind of model.')
    checkParents(cache, tokens.length, parents)
    for (const token of tokens) checkTokenId(token, this.vocabSize)
    const { states = [] } = options ?? {}
    const missing = states.find((name) => name !== 'hidden' || !this.graph.givesStates)
    if (missing === undefined) return
    const what =
      missing === 'hidden' || missing === 'residual' ? 'hidden states' : `states of layer ${missing}`
    throw usageError(`What decodes reads ${what} of the model, and its export to ONNX gives none.`)
  }

  /** Runs the next `width` tokens of each path, as rows of a batch; those that end before are filled up at their end, which nothing sees. */
  private async run(
    paths: readonly Path[],
    width: number,
    asked: readonly ReadonlySet<number>[],
    rows: readonly PassRows[],
  ): Promise<void> {
    const { session, graph } = this
    const [{ length }] = paths
    const counts = paths.map((path) => Math.min(width, path.left))
    const ids = paths.flatMap((path, row) => {
      const tokens = path.tokens.slice(path.done, path.done + counts[row])
      return [...tokens, ...Array<number>(width - counts[row]).fill(tokens[0])]
    })
    const wanted = paths.map((path, row) => path.wanted(counts[row], asked[path.pass]))
    const first = Math.min(width - 1, ...wanted.flat())
    const past =
      length > 0
        ? gather(
            paths.map(({ place }) => place!),
            length,
            graph.cache,
            session.make,
          )
        : undefined
    const results = await session.run({
      input_ids: this.integers(ids, [paths.length, width]),
      attention_mask: this.integers(ids.slice(0, 0), [paths.length, length + width], 1n),
      ...(graph.keepsLogits && { num_logits_to_keep: this.integers([width - first], []) }),
      ...(past && { past_key_values: past.tensors }),
    })
    const { logits } = results
    if (logits.dims[2] !== this.vocabSize) {
      throw new UserError(
        `The graph gives scores of ${logits.dims[2]} tokens, and config.json names ${this.vocabSize}: its vocab_size is wrong.`,
      )
    }
    const next = this.pastOf(results, paths.length, length + width)
    const [scores, states] = [logits, results.hidden_states].map((tensor) => tensor && floatsOf(tensor))
    for (const [row, path] of paths.entries()) {
      const at = (tensor: HostTensor, offset: number) => (row + 1) * tensor.dims[1] + offset - width
      for (const offset of wanted[row]) {
        rows[path.pass].setLogits(path.nodes[path.done + offset], scores, at(logits, offset), this.vocabSize)
      }
      if (states) {
        for (let offset = 0; offset < counts[row]; offset++) {
          const place = at(results.hidden_states, offset)
          rows[path.pass].setHidden(path.nodes[path.done + offset], states, place, this.hiddenSize)
        }
      }
      path.advance(counts[row], { past: next, row })
    }
  }

  private integers(values: readonly number[], dims: number[], fill?: bigint): HostTensor {
    const size = dims.reduce((a, b) => a * b, 1)
    const data = fill === undefined ? BigInt64Array.from(values, BigInt) : new BigInt64Array(size).fill(fill)
    return this.session.make('int64', data, dims)
  }

  /** @throws UserError for a cache that does not grow with its tokens, such as that of a window that slides */
  private pastOf(results: Readonly<Record<string, HostTensor>>, rows: number, length: number): Past {
    const tensors = this.graph.cache.map(({ input, output, axis }): [string, HostTensor] => {
      const tensor = results[output]
      if (tensor.dims[0] !== rows || (axis !== undefined && tensor.dims[axis] !== length)) {
        const shape = `[${tensor.dims}]`
        throw new UserError(`The graph's ${output} is ${shape} after ${length} tokens, which is not served.`)
      }
      return [input, tensor]
    })
    return { tensors: Object.fromEntries(tensors), rows, length }
  }
}
