import { Graph, type TensorData, type Value } from '../onnx/graph.js'
import { EMBEDDING, HEAD, headName } from './parameters.js'
import type { AttentionKind, DecoderSpec } from './spec.js'

/** A linear layer's weights in blocks along its input, as MatMulNBits takes them. */
export interface QuantisedLinear {
  readonly bits: 4 | 8
  readonly blockSize: number
  /** uint8 [out, ceil(in / blockSize), blockSize * bits / 8]. */
  readonly packed: TensorData
  /** float32 [out, ceil(in / blockSize)]. */
  readonly scales: TensorData
}

/** Where the graph finds its parameters, by HF's names. */
export interface ParameterSource {
  /** The float32 values; never asked for a quantised layer. */
  data(name: string): TensorData
  /** Undefined for a layer that is kept in float32. */
  quantised(name: string): QuantisedLinear | undefined
}

/**
 * How keys and values reach attention, where S is the number of rows that it sees, T of them new:
 * - `in-place`: `past_*` has S rows, and the T new rows among them are written during the run, since the caller
 *   gives `key.*` and `value.*` buffers that are views of the same memory. For providers that use host memory.
 * - `appended`: `past_*` has S - T rows, and the graph concatenates the new ones.
 */
export type CacheLayout = 'in-place' | 'appended'

/**
 * The graph of a decoder-only transformer over a token tree.
 *
 * Inputs: `input_ids` int64 [T]; `rows` int64 [R], the tokens whose results are wanted; `mask` float32 [T, 1, S],
 * added to the attention scores (0 for a token's ancestors and itself, a large negative number elsewhere); `cos` and
 * `sin` float32 [T, headDim / 2], the rotary tables of the tokens' positions (`rotaryTables`); `sliding_mask`,
 * `sliding_cos` and `sliding_sin`, the same for sliding layers, where there are any; by layer `past_key.i` and
 * `past_value.i`, float32 [S or S - T, kvHeads, headDim].
 *
 * Outputs: `logits` float32 [R, vocab]; `hidden` float32 [R, hidden], after the final norm; by layer the new rows
 * `key.i` (rotated) and `value.i`, float32 [T, kvHeads * headDim].
 */
export function decoderGraph(spec: DecoderSpec, source: ParameterSource, layout: CacheLayout): Graph {
  return new DecoderBuilder(spec, source, layout).build()
}

/** What the graph's inputs for a kind of layer begin with. */
export const INPUT_PREFIX: Readonly<Record<AttentionKind, string>> = { full: '', sliding: 'sliding_' }

/** Per kind of layer: what is there once for all layers of the kind. */
interface Shared {
  /** [1, T * group, S], as the scores of a key-value head are. */
  readonly mask: Value
  /** float32 [T, headDim / 2]. */
  readonly cos: Value
  readonly sin: Value
}

class DecoderBuilder {
  private readonly graph = new Graph()
  private readonly group: number

  constructor(
    private readonly spec: DecoderSpec,
    private readonly source: ParameterSource,
    private readonly layout: CacheLayout,
  ) {
    this.group = spec.heads / spec.kvHeads
  }

  build(): Graph {
    const { graph, spec } = this
    const { vocabSize, hiddenSize } = spec
    const ids = graph.input('input_ids', 'int64', ['T'])
    const rows = graph.input('rows', 'int64', ['R'])
    // Declared first: the binding mixes up names where the outputs that are always there come last.
    graph.output('logits', 'float32', ['R', vocabSize])
    graph.output('hidden', 'float32', ['R', hiddenSize])
    const last = this.layers(this.embed(ids), this.shared())
    const hidden = graph.node('Gather', [last, rows], { axis: 0 }, 'hidden')
    this.linear(hidden, headName(spec), vocabSize, hiddenSize, { output: 'logits' })
    // Weights are packed in the order of the nodes, each beside its original for a moment: the largest goes first.
    graph.nodes.unshift(graph.nodes.pop()!)
    return graph
  }

  private embed(ids: Value): Value {
    const { graph, spec } = this
    const table = this.parameter(EMBEDDING, [spec.vocabSize, spec.hiddenSize])
    const embedded = graph.node('Gather', [table, ids], { axis: 0 })
    if (spec.embeddingScale === 1) return embedded
    return graph.node('Mul', [embedded, graph.constant('float32', [spec.embeddingScale])])
  }

  /** The tables are inputs, since a GPU's cosine and sine may be as far off as 2^-11. */
  private shared(): Map<AttentionKind, Shared> {
    const { graph, spec } = this
    return new Map(
      [...new Set(spec.layers)].map((kind) => {
        const prefix = INPUT_PREFIX[kind]
        const table = (name: string) => graph.input(`${prefix}${name}`, 'float32', ['T', spec.headDim / 2])
        return [kind, { mask: this.mask(`${prefix}mask`), cos: table('cos'), sin: table('sin') }]
      }),
    )
  }

  /** [T, 1, S] → [1, T * group, S]: the heads of a group lie side by side, as in the scores. */
  private mask(name: string): Value {
    const { graph, group } = this
    const mask = graph.input(name, 'float32', ['T', 1, 'S'])
    const expanded = graph.node('Expand', [mask, graph.constant('int64', [1, group, 1])])
    return graph.node('Reshape', [expanded, graph.constant('int64', [1, -1, 0])], { allowzero: 0 })
  }

  private layers(embedded: Value, shared: Map<AttentionKind, Shared>): Value {
    const { spec } = this
    const name = (layer: number) => `model.layers.${layer}`
    let residual = embedded
    let normed = this.norm(embedded, `${name(0)}.input_layernorm.weight`)
    for (const [i, kind] of spec.layers.entries()) {
      const layer = name(i)
      const next = i + 1 < spec.layers.length ? `${name(i + 1)}.input_layernorm` : 'model.norm'
      const beforeMlp = spec.gemmaNorms ? 'pre_feedforward_layernorm' : 'post_attention_layernorm'
      const attended = this.attention(normed, layer, i, shared.get(kind)!)
      const attentionOut = this.gemmaNorm(attended, `${layer}.post_attention_layernorm.weight`)
      ;[normed, residual] = this.addAndNorm(residual, attentionOut, `${layer}.${beforeMlp}.weight`)
      const mlpOut = this.gemmaNorm(this.mlp(normed, layer), `${layer}.post_feedforward_layernorm.weight`)
      ;[normed, residual] = this.addAndNorm(residual, mlpOut, `${next}.weight`)
    }
    return normed
  }

  /** [T, hidden] → [T, hidden]. The heads of a key-value group are extra rows of its query matrix. */
  private attention(x: Value, layer: string, index: number, { mask, cos, sin }: Shared): Value {
    const { graph, group } = this
    const { heads, kvHeads, headDim, attentionScale, bias, hiddenSize } = this.spec
    const [query, keys, values] = this.queryKeyValue(x, layer, index, cos, sin)
    const grouped = this.reshape(query, [-1, kvHeads, group, headDim])
    const q = this.reshape(graph.node('Transpose', [grouped], { perm: [1, 0, 2, 3] }), [kvHeads, -1, headDim])
    const fused = { transB: 1, transBatchB: 1, alpha: { float: attentionScale } }
    const scores =
      this.layout === 'in-place'
        ? graph.node('com.microsoft::FusedMatMul', [q, keys], fused)
        : graph.node('Mul', [
            graph.node('MatMul', [q, graph.node('Transpose', [keys], { perm: [1, 2, 0] })]),
            graph.constant('float32', [attentionScale]),
          ])
    const weights = graph.node('Softmax', [graph.node('Add', [scores, mask])], { axis: -1 })
    const mixed =
      this.layout === 'in-place'
        ? graph.node('com.microsoft::FusedMatMul', [weights, values], { transBatchB: 1 })
        : graph.node('MatMul', [weights, graph.node('Transpose', [values], { perm: [1, 0, 2] })])
    const split = this.reshape(mixed, [kvHeads, -1, group, headDim])
    const merged = this.reshape(graph.node('Transpose', [split], { perm: [1, 0, 2, 3] }), [
      -1,
      heads * headDim,
    ])
    return this.projection(merged, `${layer}.self_attn.o_proj`, hiddenSize, heads * headDim, bias.output)
  }

  /**
   * Queries [T, heads * headDim], and keys and values [S, kvHeads, headDim] as attention sees them. The outputs
   * `key.i` and `value.i` are cut from the same values that the queries come from: in place, that makes attention
   * wait until the new rows are written, since it needs the queries.
   */
  private queryKeyValue(x: Value, layer: string, index: number, cos: Value, sin: Value): Value[] {
    const { graph } = this
    const { heads, kvHeads, headDim, hiddenSize, bias } = this.spec
    const width = kvHeads * headDim
    const project = (which: string, size: number) =>
      this.projection(x, `${layer}.self_attn.${which}_proj`, size, hiddenSize, bias.qkv)
    const q = this.headNorm(project('q', heads * headDim), `${layer}.self_attn.q_norm.weight`, heads)
    const k = this.headNorm(project('k', width), `${layer}.self_attn.k_norm.weight`, kvHeads)
    const all = graph.node('Concat', [q, k, project('v', width)], { axis: 1 })
    const sizes = (...values: number[]) => graph.constant('int64', values)
    const value = `value.${index}`
    const key = `key.${index}`
    const [qk] = graph.nodeWith('Split', [all, sizes((heads + kvHeads) * headDim, width)], { axis: 1 }, [
      graph.fresh('query_key'),
      value,
    ])
    const rotated = graph.node(
      'com.microsoft::RotaryEmbedding',
      [this.reshape(qk, [1, -1, (heads + kvHeads) * headDim]), sizes(0), cos, sin],
      { num_heads: heads + kvHeads, rotary_embedding_dim: 0 },
    )
    const flat = this.reshape(rotated, [-1, (heads + kvHeads) * headDim])
    const [query] = graph.nodeWith('Split', [flat, sizes(heads * headDim, width)], { axis: 1 }, [
      graph.fresh('query'),
      key,
    ])
    graph.output(key, 'float32', ['T', width])
    graph.output(value, 'float32', ['T', width])
    return [query, this.withPast(key), this.withPast(value)]
  }

  private withPast(name: string): Value {
    const { graph, layout, spec } = this
    const rows = layout === 'in-place' ? 'S' : 'S_past'
    const past = graph.input(`past_${name}`, 'float32', [rows, spec.kvHeads, spec.headDim])
    if (layout === 'in-place') return past
    return graph.node('Concat', [past, this.reshape(name, [-1, spec.kvHeads, spec.headDim])], { axis: 0 })
  }

  /** down(activation(gate(x)) * up(x)). */
  private mlp(x: Value, layer: string): Value {
    const { graph } = this
    const { hiddenSize, intermediateSize, bias, activation } = this.spec
    const project = (which: string) =>
      this.projection(x, `${layer}.mlp.${which}_proj`, intermediateSize, hiddenSize, bias.mlp)
    const gate = project('gate')
    const activated =
      activation === 'silu'
        ? graph.node('com.microsoft::QuickGelu', [gate], { alpha: { float: 1 } })
        : graph.node('Gelu', [gate], { approximate: 'tanh' })
    const gated = graph.node('Mul', [activated, project('up')])
    return this.projection(gated, `${layer}.mlp.down_proj`, hiddenSize, intermediateSize, bias.mlp)
  }

  /** x · Wᵀ + b for [out, in] weights. */
  private projection(x: Value, name: string, rows: number, columns: number, hasBias: boolean): Value {
    const bias = hasBias ? this.parameter(`${name}.bias`, [rows]) : undefined
    return this.linear(x, `${name}.weight`, rows, columns, { bias })
  }

  private linear(
    x: Value,
    name: string,
    rows: number,
    columns: number,
    { bias, output }: { bias?: Value; output?: string } = {},
  ): Value {
    const { graph } = this
    const quantised = this.source.quantised(name)
    if (!quantised) {
      // A tied projection is an initializer of its own: once it is packed, only looked-up rows stay in memory.
      const own = output === 'logits' ? HEAD : name
      const weight = graph.initializer(own, 'float32', [rows, columns], this.source.data(name))
      return graph.node('Gemm', bias ? [x, weight, bias] : [x, weight], { transB: 1 }, output)
    }
    const { bits, blockSize, packed, scales } = quantised
    const blocks = Math.ceil(columns / blockSize)
    const inputs = [
      x,
      graph.initializer(`${name}.packed`, 'uint8', [rows, blocks, (blockSize * bits) / 8], packed),
      graph.initializer(`${name}.scales`, 'float32', [rows * blocks], scales),
    ]
    // At accuracy level 4 activations are rounded to int8, which is what makes it fast.
    const attributes = { K: columns, N: rows, bits, block_size: blockSize, accuracy_level: 4 }
    const own = bias === undefined ? output : undefined
    const product = graph.node('com.microsoft::MatMulNBits', inputs, attributes, own)
    return bias === undefined ? product : graph.node('Add', [product, bias], {}, output)
  }

  private norm(x: Value, name: string, size = this.spec.hiddenSize): Value {
    const attributes = { axis: -1, epsilon: { float: this.spec.normEpsilon } }
    return this.graph.node('SimplifiedLayerNormalization', [x, this.normWeight(name, size)], attributes)
  }

  /** Norms each head of [T, heads * headDim]. */
  private headNorm(x: Value, name: string, heads: number): Value {
    const { headDim, qkNorm } = this.spec
    if (!qkNorm) return x
    return this.reshape(this.norm(this.reshape(x, [-1, heads, headDim]), name, headDim), [
      -1,
      heads * headDim,
    ])
  }

  private gemmaNorm(x: Value, name: string): Value {
    return this.spec.gemmaNorms ? this.norm(x, name) : x
  }

  /** The norm of residual + x, and the sum itself. */
  private addAndNorm(residual: Value, x: Value, name: string): [normed: Value, sum: Value] {
    const { graph, spec } = this
    const inputs = [residual, x, this.normWeight(name, spec.hiddenSize)]
    const outputs = [graph.fresh('normed'), '', '', graph.fresh('residual')]
    const attributes = { epsilon: { float: spec.normEpsilon } }
    graph.nodeWith('com.microsoft::SkipSimplifiedLayerNormalization', inputs, attributes, outputs)
    return [outputs[0], outputs[3]]
  }

  /** Gemma's norms scale by 1 + w; the sum is folded when the graph is loaded. */
  private normWeight(name: string, size: number): Value {
    const weight = this.parameter(name, [size])
    if (!this.spec.gemmaNorms) return weight
    return this.graph.node('Add', [weight, this.graph.constant('float32', [1])])
  }

  private parameter(name: string, shape: number[]): Value {
    return this.graph.initializer(name, 'float32', shape, this.source.data(name))
  }

  private reshape(x: Value, shape: number[]): Value {
    return this.graph.node('Reshape', [x, this.graph.constant('int64', shape)])
  }
}
