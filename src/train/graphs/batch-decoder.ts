import { type AttentionLayer, Blocks } from '../../models/decoder/blocks.js'
import type { DraftVocabulary } from '../../models/heads/draft-vocabulary.js'
import { headName } from '../../models/parameters.js'
import { queryScales, rotaryTablesOf } from '../../models/rope.js'
import { ATTENTION_KINDS, type AttentionSpan, type DecoderSpec, windowOf } from '../../models/spec.js'
import type { Value } from '../../onnx/graph.js'
import { attention } from './attention.js'
import type { Lora } from './lora.js'
import type { Projection } from './losses.js'

/** Sequences that are run side by side, each of `length` tokens. */
export interface BatchShape {
  readonly batch: number
  readonly length: number
}

export interface BatchDecoderOptions {
  /** Of what the decoder calls its own in the graph; none by default. */
  readonly prefix?: string
  /** A decoder of the same shape, whose graph and tokens it shares; their prefixes differ. */
  readonly beside?: BatchDecoder
  /** Low-rank updates of its projections. */
  readonly lora?: Lora
  /** Whether what the last block gives is an input, and not computed: a decoder that is not trained gives the same each time. */
  readonly statesGiven?: boolean
}

const FINAL_NORM = 'model.norm'

/** Added to the scores of tokens that may not be seen; finite, since a softmax of infinities alone is NaN. */
const UNSEEN = -1e9

/**
 * A decoder over a batch of whole sequences, without a cache: what is trained. All its parameters are inputs of the
 * graph, by HF's names. The tokens of all sequences stand one after the other, N = batch · length of them.
 *
 * Inputs: `ids` int32 [1, N]; `segments` int32 [batch, length], which a token shares with those it may see; `states` float32
 * [1, N, hidden], where they are given.
 */
export class BatchDecoder extends Blocks {
  /** The parameters that the graph uses, with their shapes. */
  readonly parameters = new Map<string, readonly number[]>()
  readonly ids: Value
  private readonly masks = new Map<AttentionSpan, Value>()
  private readonly segments: Value

  constructor(
    spec: DecoderSpec,
    readonly shape: BatchShape,
    private readonly options: BatchDecoderOptions = {},
  ) {
    const { beside } = options
    super(
      spec,
      { type: 'float32', data: () => 'input', quantised: () => undefined },
      'appended',
      beside?.graph,
    )
    const { batch, length } = shape
    this.ids = beside?.ids ?? this.graph.input('ids', 'int32', [1, batch * length])
    this.segments = beside?.segments ?? this.graph.input('segments', 'int32', [batch, length])
  }

  /** The final hidden states of the tokens, [N, hidden]. */
  hidden(): Value {
    return this.rows(this.trunk().normed)
  }

  /** What the last block gives, and the final hidden states, [1, N, hidden]. */
  trunk(): { output: Value; normed: Value } {
    if (!this.options.statesGiven) return this.blocks(this.input(this.ids), this.blockNames(), FINAL_NORM)
    const { batch, length } = this.shape
    const output = this.graph.input('states', 'float32', [1, batch * length, this.spec.hiddenSize])
    return { output, normed: this.norm(output, `${FINAL_NORM}.weight`) }
  }

  /** [1, N, hidden] → [N, hidden]. */
  rows(x: Value): Value {
    return this.reshape(x, [-1, this.spec.hiddenSize])
  }

  /** Logits of states [N, hidden]. */
  vocabularyProjection(hidden: Value, vocabulary?: DraftVocabulary): Projection {
    return { hidden, weight: this.head(vocabulary), scale: this.spec }
  }

  /** The vocabulary projection, [vocab, hidden], or its rows of a draft's tokens. */
  head({ draftTokens }: DraftVocabulary = {}): Value {
    const head = this.parameter(headName(this.spec), [this.spec.vocabSize, this.spec.hiddenSize])
    if (!draftTokens) return head
    const bytes = new Uint8Array(new Int32Array(draftTokens).buffer)
    const tokens = this.graph.initializer('draft_tokens', 'int32', [draftTokens.length], { bytes })
    return this.graph.node('Gather', [head, tokens], { axis: 0 })
  }

  override parameter(name: string, shape: number[]): Value {
    const value = this.named(name)
    this.parameters.set(value, shape)
    return super.parameter(value, shape)
  }

  private named(name: string): Value {
    return `${this.options.prefix ?? ''}${name}`
  }

  protected override timesTransposed(x: Value, weight: Value, rows: number, columns: number): Value {
    const { graph, options } = this
    const product = super.timesTransposed(x, weight, rows, columns)
    const layer = options.lora?.layers.get(weight.slice(this.named('').length))
    if (!layer) return product
    const [a, b] = [layer.a, layer.b].map(({ name, shape }) => this.parameter(name, [...shape]))
    const narrow = graph.node('Gemm', [this.reshape(x, [-1, columns]), a], { transB: 1 })
    const inputs = [narrow, b, this.reshape(product, [-1, rows])]
    const attributes = { transB: 1, alpha: { float: options.lora!.scale } }
    return this.reshape(graph.node('Gemm', inputs, attributes), [1, -1, rows])
  }

  /** Apart, since the operator for both does not give what the gradient of the norm needs. */
  protected override addThenNorm(residual: Value, x: Value, name: string): [normed: Value, sum: Value] {
    const sum = this.graph.node('Add', [residual, x])
    return [this.norm(sum, name), sum]
  }

  protected override attend(projected: readonly Value[], layer: AttentionLayer): Value {
    const { heads, kvHeads, headDim } = this.spec
    const { batch, length } = this.shape
    const [q, k, v] = projected
    const { span, rope } = ATTENTION_KINDS[layer.kind]
    const rotated = [this.rotated(q, heads, rope), this.rotated(k, kvHeads, rope)] as const
    const [query, key] = this.scaled(rotated, layer)
    const queries = this.splitHeads(this.scaledByPosition(query), heads)
    const values = this.splitHeads(v, kvHeads)
    const sizes = { ...this.spec, batch, length }
    const mixed = attention(
      this.graph,
      [queries, this.splitHeads(key, kvHeads), values],
      this.mask(span),
      sizes,
    )
    const byToken = this.graph.node('Transpose', [mixed], { perm: [0, 2, 1, 3] })
    return this.reshape(byToken, [1, batch * length, heads * headDim])
  }

  /** Rows of a sequence shifted by a token each; those of another segment are zeros, as those before the first are. */
  protected override windows(rows: Value): Value {
    const { graph, shape, spec } = this
    const { batch, length } = shape
    const width = spec.hiddenSize
    const bySequence = this.reshape(rows, [batch, length, width])
    const { kernel } = spec.convolution!
    const shifted = Array.from({ length: kernel }, (_, i) => {
      const distance = Math.min(kernel - 1 - i, length)
      const own = distance === 0 ? bySequence : this.shifted(bySequence, distance)
      return this.reshape(own, [1, batch * length, width])
    })
    return graph.node('Concat', shifted, { axis: 0 })
  }

  /** Rows [batch, length, width] by those `distance` tokens before them, where these are of the same segment. */
  private shifted(rows: Value, distance: number): Value {
    const { graph, shape, spec, segments } = this
    const { batch, length } = shape
    const zeros = graph.constant('float32', [0], [])
    const missing = graph.node('Expand', [zeros, graph.constant('int64', [batch, distance, spec.hiddenSize])])
    if (distance === length) return missing
    const bounds = (first: number, end: number) =>
      [first, end, 1].map((each) => graph.constant('int64', [each]))
    const slice = (x: Value, first: number, end: number) => graph.node('Slice', [x, ...bounds(first, end)])
    const [now, before] = [slice(segments, distance, length), slice(segments, 0, length - distance)]
    const same = graph.node('Unsqueeze', [graph.node('Equal', [now, before]), graph.constant('int64', [2])])
    const earlier = graph.node('Where', [same, slice(rows, 0, length - distance), zeros])
    return graph.node('Concat', [missing, earlier], { axis: 1 })
  }

  /** [1, N, heads * headDim] → [batch, heads, length, headDim]. */
  private splitHeads(x: Value, heads: number): Value {
    const { batch, length } = this.shape
    const byToken = this.reshape(x, [batch, length, heads, this.spec.headDim])
    return this.graph.node('Transpose', [byToken], { perm: [0, 2, 1, 3] })
  }

  /** Of heads side by side, [1, N, heads * headDim] → [batch, length, heads * headDim]. */
  private rotated(x: Value, heads: number, span: AttentionSpan | undefined): Value {
    const { graph, spec } = this
    const { batch, length } = this.shape
    if (!span) return spec.qkNorm === 'rotated' ? x : this.timesRootScale(x)
    const { cos, sin } = rotaryTablesOf(spec, span, this.positions())
    const table = (name: string, values: Float32Array) =>
      graph.initializer(this.named(`${span}_${name}`), 'float32', [length, spec.headDim / 2], bytesOf(values))
    const inputs = [
      this.reshape(x, [batch, length, heads * spec.headDim]),
      graph.constant('int64', [0]),
      table('cos', cos),
      table('sin', sin),
    ]
    return graph.node('com.microsoft::RotaryEmbedding', inputs, { num_heads: heads, rotary_embedding_dim: 0 })
  }

  protected override positionIds(): Value {
    const { batch, length } = this.shape
    const positions = Array.from({ length: batch }, () => this.positions()).flat()
    return this.graph.constant('int64', positions, [1, batch * length])
  }

  private positions(): number[] {
    return Array.from({ length: this.shape.length }, (_, i) => i)
  }

  private scaledByPosition(query: Value): Value {
    const { graph, spec, shape } = this
    if (!spec.queryScale) return query
    const scales = bytesOf(queryScales(spec.queryScale, this.positions()))
    const scale = graph.initializer(this.named('query_scale'), 'float32', [shape.length, 1], scales)
    const bySequence = this.reshape(query, [shape.batch, shape.length, spec.heads * spec.headDim])
    return graph.node('Mul', [bySequence, scale])
  }

  /** What is added to the scores, [batch, 1, length, length]. */
  private mask(span: AttentionSpan): Value {
    const known = this.masks.get(span)
    if (known) return known
    const { graph, segments } = this
    const axis = (i: number) => graph.node('Unsqueeze', [segments, graph.constant('int64', [1, i])])
    const same = graph.node('Equal', [axis(3), axis(2)])
    const mask = graph.node('Where', [same, this.causalMask(span), graph.constant('float32', [UNSEEN], [])])
    this.masks.set(span, mask)
    return mask
  }

  private causalMask(span: AttentionSpan): Value {
    const { length } = this.shape
    const window = windowOf(this.spec, span) ?? length
    const values = new Float32Array(length * length)
    for (let i = 0; i < values.length; i++) {
      const distance = Math.floor(i / length) - (i % length)
      if (distance < 0 || distance >= window) values[i] = UNSEEN
    }
    return this.graph.initializer(this.named(`${span}_mask`), 'float32', [length, length], bytesOf(values))
  }
}

function bytesOf(values: Float32Array) {
  return { bytes: new Uint8Array(values.buffer) }
}
