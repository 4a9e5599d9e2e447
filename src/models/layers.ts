import { Graph, type TensorData, type Value } from '../onnx/graph.js'
import { type FusedProjection, HEAD } from './parameters.js'
import type { DecoderSpec } from './spec.js'

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
  /** Undefined for a layer that is kept in float32; the projections of `FUSED` are asked for as one, by its name. */
  quantised(name: string): QuantisedLinear | undefined
}

/**
 * How keys and values reach attention, where S is the number of columns that it sees, T of them new:
 * - `in-place`: `past_*` has S rows a head, and the T new rows among them are written during the run, since the caller
 *   gives `key.*` and `value.*` buffers that are views of the same memory. For providers that use host memory.
 * - `appended`: `past_*` has S - T rows a head, and the graph concatenates the new ones.
 * - `device`: `past_*` has S rows a head in the device's memory, into which the graph writes the new ones: `present_*`, which
 *   the caller gives the same memory.
 */
export type CacheLayout = 'in-place' | 'appended' | 'device'

/** The layers of which a decoder is made; values are [1, T, width] where nothing else is said. */
export class Layers {
  /** Heads that share a key-value head. */
  protected readonly group: number

  constructor(
    readonly spec: DecoderSpec,
    protected readonly source: ParameterSource,
    protected readonly layout: CacheLayout,
    readonly graph = new Graph(),
  ) {
    this.group = spec.heads / spec.kvHeads
  }

  /** Several projections of x: one value where they are stored as one matrix, else one each. */
  protected projections(
    x: Value,
    module: string,
    { name, parts }: FusedProjection,
    sizes: readonly number[],
    columns: number,
    hasBias: boolean,
  ): Value[] {
    if (!this.source.quantised(`${module}.${name}.weight`)) {
      return parts.map((part, i) => this.projection(x, `${module}.${part}`, sizes[i], columns, hasBias))
    }
    const rows = sizes.reduce((sum, size) => sum + size, 0)
    const biases = parts.map((part, i) => [`${module}.${part}.bias`, sizes[i]] as const)
    const bias = hasBias
      ? this.graph.node(
          'Concat',
          biases.map(([part, size]) => this.parameter(part, [size])),
          { axis: 0 },
        )
      : undefined
    return [this.linear(x, `${module}.${name}.weight`, rows, columns, { bias })]
  }

  protected separate(parts: Value[], sizes: readonly number[]): Value[] {
    if (parts.length > 1) return parts
    const outputs = sizes.map(() => this.graph.fresh('part'))
    return this.graph.nodeWith('Split', [parts[0], this.graph.constant('int64', sizes)], { axis: 2 }, outputs)
  }

  /** x · Wᵀ + b for [out, in] weights. */
  protected projection(x: Value, name: string, rows: number, columns: number, hasBias: boolean): Value {
    const bias = hasBias ? this.parameter(`${name}.bias`, [rows]) : undefined
    return this.linear(x, `${name}.weight`, rows, columns, { bias })
  }

  protected linear(
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
      const weight = this.parameter(name, [rows, columns], own)
      const product = this.timesTransposed(x, weight, rows, columns, bias === undefined ? output : undefined)
      return bias === undefined ? product : graph.node('Add', [product, bias], {}, output)
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

  /** x [1, T, in] · Wᵀ for [out, in] weights. */
  protected timesTransposed(x: Value, weight: Value, rows: number, columns: number, output?: string): Value {
    const { graph, layout } = this
    if (layout === 'in-place') {
      return graph.node('com.microsoft::FusedMatMul', [x, weight], { transB: 1 }, output)
    }
    const product = graph.node('Gemm', [this.reshape(x, [-1, columns]), weight], { transB: 1 })
    return graph.node('Reshape', [product, graph.constant('int64', [1, -1, rows])], {}, output)
  }

  protected norm(x: Value, name: string, size = this.spec.hiddenSize): Value {
    const attributes = { axis: -1, epsilon: { float: this.spec.normEpsilon } }
    return this.graph.node('SimplifiedLayerNormalization', [x, this.normWeight(name, size)], attributes)
  }

  /** Norms each head of [1, T, heads * headDim]. */
  protected headNorm(x: Value, name: string, heads: number): Value {
    const { headDim, qkNorm } = this.spec
    if (!qkNorm) return x
    return this.reshape(this.norm(this.reshape(x, [1, -1, heads, headDim]), name, headDim), [
      1,
      -1,
      heads * headDim,
    ])
  }

  protected gemmaNorm(x: Value, name: string): Value {
    return this.spec.gemmaNorms ? this.norm(x, name) : x
  }

  /** The norm of residual + x, and the sum itself. */
  protected addAndNorm(residual: Value, x: Value, name: string): [normed: Value, sum: Value] {
    const { graph, spec } = this
    const inputs = [residual, x, this.normWeight(name, spec.hiddenSize)]
    const outputs = [graph.fresh('normed'), '', '', graph.fresh('residual')]
    const attributes = { epsilon: { float: spec.normEpsilon } }
    graph.nodeWith('com.microsoft::SkipSimplifiedLayerNormalization', inputs, attributes, outputs)
    return [outputs[0], outputs[3]]
  }

  /** Gemma's norms scale by 1 + w; the sum is folded when the graph is loaded. */
  protected normWeight(name: string, size: number): Value {
    const weight = this.parameter(name, [size])
    if (!this.spec.gemmaNorms) return weight
    return this.graph.node('Add', [weight, this.graph.constant('float32', [1])])
  }

  /** @param as what the graph calls it */
  protected parameter(name: string, shape: number[], as = name): Value {
    return this.graph.initializer(as, 'float32', shape, this.source.data(name))
  }

  silu(x: Value): Value {
    return this.graph.node('com.microsoft::QuickGelu', [x], { alpha: { float: 1 } })
  }

  protected reshape(x: Value, shape: number[]): Value {
    return this.graph.node('Reshape', [x, this.graph.constant('int64', shape)])
  }
}
