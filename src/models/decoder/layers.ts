import { type FloatType, Graph, type InitializerData, type Value } from '../../onnx/graph.js'
import { type FusedProjection, HEAD } from '../parameters.js'
import type { DecoderSpec } from '../spec.js'
import { scaledLogits, timesConstant } from './scales.js'

/** A linear layer's weights in blocks along its input, as MatMulNBits takes them. */
export interface QuantisedLinear {
  readonly bits: 4 | 8
  readonly blockSize: number
  /** uint8 [out, ceil(in / blockSize), blockSize * bits / 8]. */
  readonly packed: InitializerData
  /** [out, ceil(in / blockSize)], of the source's type. */
  readonly scales: InitializerData
}

/** Where the graph finds its parameters, by HF's names. */
export interface ParameterSource {
  /** What values and scales are held as; the graph computes and keeps its cache in it too. */
  readonly type: FloatType
  /**
   * The values, or that the parameter is an input of the graph, by its name; never asked for a layer that is quantised or
   * transposed.
   */
  data(name: string): InitializerData | 'input'
  /** A linear layer's values as [in, out], where they are held so: what WebGPU reads fastest for one token. */
  transposed?(name: string): InitializerData | undefined
  /** Undefined for a layer that is not quantised; the projections of `FUSED` are asked for as one, by its name. */
  quantised(name: string): QuantisedLinear | undefined
  /** The projections of all experts of a layer as one matrix, by a name of `STACKED`, where they are held so. */
  stacked?(name: string): InitializerData | undefined
  /** The embedding where its rows are in blocks, none of them padded; by the same values as a tied projection's. */
  table?(name: string): QuantisedLinear | undefined
}

/**
 * How keys and values reach attention, where S is the number of columns that it sees, T of them new:
 * - `in-place`: `past_*` has S rows a head, and the T new rows among them are written during the run, since the caller
 *   gives `key.*` and `value.*` buffers that are views of the same memory. For providers that use host memory.
 * - `appended`: `past_*` has S - T rows a head, and the graph concatenates the new ones.
 * - `device`: `past_*` has S rows a head in the device's memory, into which the graph writes the new ones: `present_*`, which
 *   the caller gives the same memory.
 * - `paged`: `past_*` has pages of many sequences, of which each token sees its own one's; see `pagedAttention`. The new rows are
 *   outputs, and the caller writes them into the pages.
 */
export type CacheLayout = 'in-place' | 'appended' | 'device' | 'paged'

/** The layers of which a decoder is made; values are [1, T, width] where nothing else is said. */
export class Layers {
  /** Heads that share a key-value head. */
  protected readonly group: number
  /** Of projections, attention and the cache. */
  protected readonly type: FloatType
  /** Of the sum that runs through the blocks, and of its norms: float32 for Gemma's, as in ONNX Runtime GenAI's model builder. */
  protected readonly residualType: FloatType

  constructor(
    readonly spec: DecoderSpec,
    protected readonly source: ParameterSource,
    protected readonly layout: CacheLayout,
    readonly graph = new Graph(),
  ) {
    this.group = spec.heads / spec.kvHeads
    this.type = source.type
    this.residualType = spec.residual === 'float32' ? 'float32' : source.type
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
    const own = bias === undefined ? output : undefined
    const product = this.product(x, name, rows, columns, own)
    return bias === undefined ? product : graph.node('Add', [product, bias], {}, output)
  }

  /** x · Wᵀ, of whichever form the weights have. */
  private product(x: Value, name: string, rows: number, columns: number, output?: string): Value {
    const { graph, source } = this
    const transposed = source.transposed?.(name)
    if (transposed) {
      const weight = graph.initializer(`${name}.transposed`, this.type, [columns, rows], transposed)
      return graph.node('MatMul', [x, weight], {}, output)
    }
    const quantised = source.quantised(name)
    if (!quantised) {
      // On the CPU a tied projection is an initializer of its own: once it is packed, only looked-up rows stay in memory.
      const own = output !== undefined && this.isOnCpu ? HEAD : name
      const weight = this.parameter(name, [rows, columns], own)
      return this.timesTransposed(x, weight, rows, columns, output)
    }
    const { bits, blockSize, packed, scales } = quantised
    const blocks = Math.ceil(columns / blockSize)
    const inputs = [
      x,
      graph.initializer(`${name}.packed`, 'uint8', [rows, blocks, (blockSize * bits) / 8], packed),
      graph.initializer(`${name}.scales`, this.type, [rows * blocks], scales),
    ]
    // At accuracy level 4 activations are rounded to int8, which is what makes it fast.
    const attributes = { K: columns, N: rows, bits, block_size: blockSize, accuracy_level: 4 }
    return graph.node('com.microsoft::MatMulNBits', inputs, attributes, output)
  }

  /** x [1, T, in] · Wᵀ for [out, in] weights. */
  protected timesTransposed(x: Value, weight: Value, rows: number, columns: number, output?: string): Value {
    const { graph } = this
    if (this.isOnCpu) {
      const product = (a: Value, b: Value, name?: string) =>
        graph.node('com.microsoft::FusedMatMul', [a, b], { transB: 1 }, name)
      if (graph.initializers.has(weight)) return product(x, weight, output)
      // W xᵀ: the right side is packed anew by each run, unless it is constant.
      return graph.node('Transpose', [product(weight, x)], { perm: [0, 2, 1] }, output)
    }
    const product = graph.node('Gemm', [this.reshape(x, [-1, columns]), weight], { transB: 1 })
    return graph.node('Reshape', [product, graph.constant('int64', [1, -1, rows])], {}, output)
  }

  protected get isOnCpu(): boolean {
    return this.layout === 'in-place' || this.layout === 'paged'
  }

  /** Of the sum that runs through the blocks, as what projections take. */
  protected norm(x: Value, name: string): Value {
    const { graph, residualType, type } = this
    return graph.cast(this.hiddenNorm(x, name, residualType), residualType, type)
  }

  /** Over the hidden size, of the family's kind; means are computed in float32 whatever the `type`. */
  private hiddenNorm(x: Value, name: string, type: FloatType): Value {
    const { layerNorm, hiddenSize, normEpsilon } = this.spec
    if (!layerNorm) return this.rmsNorm(x, name, hiddenSize, type)
    const attributes = { axis: -1, epsilon: { float: normEpsilon } }
    return this.graph.node('LayerNormalization', [x, ...this.scaleAndBias(name, type)], attributes)
  }

  /** What a norm over the hidden size multiplies by, and what it adds, if anything. */
  private scaleAndBias(name: string, type: FloatType): Value[] {
    const { graph, spec } = this
    const scale = this.normWeight(name, spec.hiddenSize, type)
    if (!spec.layerNorm?.bias) return [scale]
    const bias = this.parameter(name.replace(/weight$/, 'bias'), [spec.hiddenSize])
    return [scale, graph.cast(bias, this.type, type)]
  }

  /** RMSNorm; its mean is computed in float32 whatever the `type` of x and of the result. */
  private rmsNorm(x: Value, name: string, size: number, type: FloatType): Value {
    const attributes = { axis: -1, epsilon: { float: this.spec.normEpsilon } }
    return this.graph.node('SimplifiedLayerNormalization', [x, this.normWeight(name, size, type)], attributes)
  }

  /** Norms each head of [1, T, heads * headDim], or all of them at once. */
  protected headNorm(x: Value, name: string, heads: number): Value {
    const { headDim, qkNorm } = this.spec
    if (qkNorm === 'all heads') return this.rmsNorm(x, name, heads * headDim, this.type)
    const normed = this.rmsNorm(this.reshape(x, [1, -1, heads, headDim]), name, headDim, this.type)
    return this.reshape(normed, [1, -1, heads * headDim])
  }

  /** What a projection gives, as what is added to the sum that runs through the blocks. */
  protected blockOutput(x: Value, norm: string | undefined): Value {
    const { graph, spec, residualType, type } = this
    const cast = graph.cast(x, type, residualType)
    const normed = norm ? this.hiddenNorm(cast, norm, residualType) : cast
    return this.times(normed, spec.residualMultiplier ?? 1, residualType)
  }

  /** residual + x as what projections take, normed where there is a norm, and the sum itself. */
  protected addAndNorm(residual: Value, x: Value, norm: string | undefined): [input: Value, sum: Value] {
    if (norm !== undefined) return this.addThenNorm(residual, x, norm)
    const sum = this.graph.node('Add', [residual, x])
    return [this.graph.cast(sum, this.residualType, this.type), sum]
  }

  protected addThenNorm(residual: Value, x: Value, name: string): [normed: Value, sum: Value] {
    const { graph, spec, residualType } = this
    const inputs = [residual, x, ...this.scaleAndBias(name, residualType)]
    const outputs = [graph.fresh('normed'), '', '', graph.fresh('residual')]
    const attributes = { epsilon: { float: spec.normEpsilon } }
    const op = spec.layerNorm ? 'SkipLayerNormalization' : 'SkipSimplifiedLayerNormalization'
    graph.nodeWith(`com.microsoft::${op}`, inputs, attributes, outputs)
    return [graph.cast(outputs[0], residualType, this.type), outputs[3]]
  }

  /** As norms scale by it: sum and casts are folded when the graph is loaded. */
  private normWeight(name: string, size: number, type: FloatType): Value {
    const { graph } = this
    const weight = this.parameter(name, [size])
    if (this.spec.normOffset === 0) return graph.cast(weight, this.type, type)
    const sum = graph.node('Add', [graph.cast(weight, this.type, 'float32'), graph.constant('float32', [1])])
    return graph.cast(sum, 'float32', type)
  }

  /** @param as what the graph calls it */
  protected parameter(name: string, shape: number[], as = name): Value {
    const data = this.source.data(name)
    if (data === 'input') return this.graph.input(name, this.type, shape)
    return this.graph.initializer(as, this.type, shape, data)
  }

  /** Logits of what the vocabulary projection gives, of the layers' type. */
  protected logits(projected: Value): Value {
    return scaledLogits(this.graph, projected, this.spec, this.type)
  }

  /** x · factor. */
  protected times(x: Value, factor: number, type: FloatType): Value {
    return timesConstant(this.graph, x, factor, type)
  }

  silu(x: Value): Value {
    return this.graph.node('com.microsoft::QuickGelu', [x], { alpha: { float: 1 } })
  }

  protected reshape(x: Value, shape: number[]): Value {
    return this.graph.node('Reshape', [x, this.graph.constant('int64', shape)])
  }
}
