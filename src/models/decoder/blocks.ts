import type { Value } from '../../onnx/graph.js'
import { EMBEDDING, FUSED, normNames, POSITIONS } from '../parameters.js'
import { type AttentionKind, type Experts, expertsOf, type LayerKind } from '../spec.js'
import { Mlps } from './mlps.js'

/** A layer's attention: its parameters' common name, and of what kind it is. */
export interface AttentionLayer {
  readonly name: string
  readonly kind: AttentionKind
}

/** The same of a decoder layer, which may have a convolution in place of attention, with experts or a plain MLP. */
export interface BlockName {
  readonly name: string
  readonly kind: LayerKind
  readonly experts?: Experts
}

/**
 * The blocks of a decoder-only transformer; how their attention and convolutions see the tokens is for the kind of graph to say. Values
 * are [1, T, width] where nothing else is said.
 */
export abstract class Blocks extends Mlps {
  /**
   * Queries, keys and values, each with its heads side by side (or all in one value), to the heads' mixes of values.
   * @param index the layer's place in the cache
   */
  protected abstract attend(queryKeyValue: readonly Value[], layer: AttentionLayer, index: number): Value

  /**
   * The rows of each token and of those before it, zeros before the first: [kernel, T, hidden], the token's own last.
   * @param rows of the tokens, [1, T, hidden]
   * @param index the layer's place in the cache
   */
  protected abstract windows(rows: Value, index: number): Value

  protected embed(ids: Value): Value {
    const { graph, spec } = this
    const embedded = graph.cast(this.lookedUp(ids), this.type, this.residualType)
    return this.times(embedded, spec.embeddingScale, this.residualType)
  }

  /** What the first block is given: the tokens' embeddings, and those of their positions where the model has some. */
  protected input(ids: Value): Value {
    const { graph, spec } = this
    const embedded = this.embed(ids)
    if (!spec.learnedPositions) return embedded
    const table = this.parameter(POSITIONS, [spec.maxPositions, spec.hiddenSize])
    const rows = graph.node('Gather', [table, this.positionIds()], { axis: 0 })
    return graph.node('Add', [embedded, graph.cast(rows, this.type, this.residualType)])
  }

  /** The tokens' positions, int64 [1, T]; asked where they are learned. */
  protected positionIds(): Value {
    return this.graph.input('positions', 'int64', [1, 'T'])
  }

  /** Rows of the embedding, not scaled. */
  private lookedUp(ids: Value): Value {
    const { graph, source } = this
    const { vocabSize, hiddenSize } = this.spec
    const table = source.table?.(EMBEDDING)
    if (!table) {
      return graph.node('Gather', [this.parameter(EMBEDDING, [vocabSize, hiddenSize]), ids], { axis: 0 })
    }
    const { bits, blockSize, packed, scales } = table
    // Initializers of their own: a tied projection is packed anew, and of these only looked-up rows stay in memory.
    const rows = graph.initializer(`${EMBEDDING}.rows`, 'uint8', [vocabSize, hiddenSize], packed)
    const shape = [vocabSize, hiddenSize / blockSize]
    const inputs = [rows, ids, graph.initializer(`${EMBEDDING}.row_scales`, this.type, shape, scales)]
    const attributes = { bits, block_size: blockSize, gather_axis: 0, quantize_axis: 1 }
    return graph.node('com.microsoft::GatherBlockQuantized', inputs, attributes)
  }

  /** The model's own layers. */
  protected blockNames(): BlockName[] {
    const { spec } = this
    return spec.layers.map((kind, i) => ({ name: `model.layers.${i}`, kind, experts: expertsOf(spec, i) }))
  }

  /**
   * What each block is given, what the last one gives (of the `residualType`), and that normed.
   * @param first where the first one's keys and values are in the cache
   */
  protected blocks(
    input: Value,
    blocks: readonly BlockName[],
    finalNorm: string,
    first = 0,
  ): { inputs: Value[]; output: Value; normed: Value } {
    const [beforeAttention] = normNames(this.spec)
    const inputs: Value[] = []
    const firstNorm = normOf(blocks[0], beforeAttention)
    let residual = input
    let normed = firstNorm
      ? this.norm(input, firstNorm)
      : this.graph.cast(input, this.residualType, this.type)
    for (const [i, block] of blocks.entries()) {
      inputs.push(residual)
      const next = i + 1 < blocks.length ? normOf(blocks[i + 1], beforeAttention) : `${finalNorm}.weight`
      const mixed = this.tokensMixed(normed, block, first + i)
      const added = this.spec.parallel
        ? { residual, output: this.parallelMlp(normed, residual, mixed, block) }
        : this.sequentialMlp(residual, mixed, block)
      ;[normed, residual] = this.addAndNorm(added.residual, added.output, next)
    }
    return { inputs, output: residual, normed }
  }

  /** The residual with attention's or the convolution's output added, and the MLP's of it, which is to be added. */
  private sequentialMlp(residual: Value, mixed: Value, block: BlockName): { residual: Value; output: Value } {
    const [, afterAttention, beforeMlp, afterMlp] = normNames(this.spec)
    const added = this.blockOutput(mixed, normOf(block, afterAttention))
    const [normed, sum] = this.addAndNorm(residual, added, normOf(block, beforeMlp))
    const output = this.mlp(normed, `${block.name}.mlp`, block.experts)
    return { residual: sum, output: this.blockOutput(output, normOf(block, afterMlp)) }
  }

  /** The sum of the mixing's and the MLP's outputs, which are given the same residual. */
  private parallelMlp(normed: Value, residual: Value, mixed: Value, block: BlockName): Value {
    const [, , beforeMlp] = normNames(this.spec)
    const own = beforeMlp ? this.norm(residual, `${block.name}.${beforeMlp}.weight`) : normed
    const output = this.mlp(own, `${block.name}.mlp`, block.experts)
    return this.blockOutput(this.graph.node('Add', [mixed, output]), undefined)
  }

  /** Tokens mixed with those before them: by attention, or by a convolution. */
  private tokensMixed(x: Value, { name, kind }: BlockName, index: number): Value {
    if (kind === 'conv') return this.shortConvolution(x, `${name}.conv`, index)
    return this.attention(x, { name: `${name}.self_attn`, kind }, index)
  }

  private attention(x: Value, layer: AttentionLayer, index: number): Value {
    const { heads, headDim, bias, hiddenSize } = this.spec
    const merged = this.attend(this.projectedHeads(x, layer.name), layer, index)
    return this.projection(merged, `${layer.name}.o_proj`, hiddenSize, heads * headDim, bias.output)
  }

  /** out(C · conv(B · x)); B · x of each token is what the cache holds of it. */
  private shortConvolution(input: Value, module: string, index: number): Value {
    const { graph } = this
    const { hiddenSize, convolution } = this.spec
    const { kernel, bias } = convolution!
    const sizes = [hiddenSize, hiddenSize, hiddenSize]
    const projected = this.projection(input, `${module}.in_proj`, 3 * hiddenSize, hiddenSize, bias)
    const [b, c, x] = this.separate([projected], sizes)
    const windows = this.windows(graph.node('Mul', [b, x]), index)
    const kernels = this.parameter(`${module}.conv.weight`, [hiddenSize, kernel])
    const byPlace = this.reshape(graph.node('Transpose', [kernels], { perm: [1, 0] }), [
      kernel,
      1,
      hiddenSize,
    ])
    const weighted = graph.node('Mul', [windows, byPlace])
    let convolved = graph.node('ReduceSum', [weighted, graph.constant('int64', [0])], { keepdims: 1 })
    if (bias) convolved = graph.node('Add', [convolved, this.parameter(`${module}.conv.bias`, [hiddenSize])])
    const gated = graph.node('Mul', [c, convolved])
    return this.projection(gated, `${module}.out_proj`, hiddenSize, hiddenSize, bias)
  }

  /** Queries, keys and values, each of its heads side by side and normed where the family does; one value if fused. */
  private projectedHeads(x: Value, attention: string): Value[] {
    const { heads, kvHeads, headDim, hiddenSize, bias, qkNorm } = this.spec
    const sizes = [heads, kvHeads, kvHeads].map((count) => count * headDim)
    const parts = this.projections(x, attention, FUSED.qkv_proj, sizes, hiddenSize, bias.qkv)
    if (!qkNorm || qkNorm === 'rotated') return parts
    const [query, key, value] = this.separate(parts, sizes)
    return [...this.queryKeyNorm(query, key, attention), value]
  }

  /** Queries [1, T, heads * headDim] and keys [1, T, kvHeads * headDim], normed. */
  private queryKeyNorm(query: Value, key: Value, attention: string): [Value, Value] {
    const { heads, kvHeads } = this.spec
    return [
      this.headNorm(query, `${attention}.q_norm.weight`, heads),
      this.headNorm(key, `${attention}.k_norm.weight`, kvHeads),
    ]
  }

  /**
   * Queries and keys as their scores are made of, √scale each. Norms that come after the rotation would undo the scale that rotary
   * tables carry: theirs carry none.
   */
  protected scaled(rotated: readonly [Value, Value], { name }: AttentionLayer): readonly [Value, Value] {
    if (this.spec.qkNorm !== 'rotated') return rotated
    const [query, key] = this.queryKeyNorm(...rotated, name)
    return [this.timesRootScale(query), this.timesRootScale(key)]
  }

  /** What tables of a rotary embedding do otherwise. */
  protected timesRootScale(x: Value): Value {
    return this.times(x, Math.sqrt(this.spec.attentionScale), this.type)
  }
}

/** The name of a block's norm; undefined where it has none there. */
function normOf(block: BlockName, norm: string): string | undefined {
  return norm ? `${block.name}.${norm}.weight` : undefined
}
