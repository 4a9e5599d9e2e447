import type { Value } from '../../onnx/graph.js'
import { EMBEDDING, FUSED, NORMS } from '../parameters.js'
import type { AttentionKind } from '../spec.js'
import { Layers } from './layers.js'

/** A decoder layer: its parameters' common name, and what kind of attention it has. */
export interface BlockName {
  readonly name: string
  readonly kind: AttentionKind
}

/**
 * The blocks of a decoder-only transformer; how their attention sees the tokens is for the kind of graph to say. Values
 * are [1, T, width] where nothing else is said.
 */
export abstract class Blocks extends Layers {
  /** Queries, keys and values, each with its heads side by side (or all in one value), to the heads' mixes of values. */
  protected abstract attend(queryKeyValue: readonly Value[], index: number, kind: AttentionKind): Value

  protected embed(ids: Value): Value {
    const { graph, spec } = this
    const embedded = graph.cast(this.lookedUp(ids), this.type, this.residualType)
    if (spec.embeddingScale === 1) return embedded
    const scale = graph.cast(graph.constant('float32', [spec.embeddingScale]), 'float32', this.residualType)
    return graph.node('Mul', [embedded, scale])
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
    return this.spec.layers.map((kind, i) => ({ name: `model.layers.${i}`, kind }))
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
    const [beforeAttention, afterAttention, beforeMlp, afterMlp] = NORMS[this.spec.norms]
    const inputs: Value[] = []
    let residual = input
    let normed = this.norm(input, `${blocks[0].name}.${beforeAttention}.weight`)
    for (const [i, { name, kind }] of blocks.entries()) {
      inputs.push(residual)
      const next = i + 1 < blocks.length ? `${blocks[i + 1].name}.${beforeAttention}` : finalNorm
      const attended = this.attention(normed, name, first + i, kind)
      const attentionOut = this.outputNorm(attended, name, afterAttention)
      ;[normed, residual] = this.addAndNorm(residual, attentionOut, `${name}.${beforeMlp}.weight`)
      const mlpOut = this.outputNorm(this.mlp(normed, name), name, afterMlp)
      ;[normed, residual] = this.addAndNorm(residual, mlpOut, `${next}.weight`)
    }
    return { inputs, output: residual, normed }
  }

  private attention(x: Value, layer: string, index: number, kind: AttentionKind): Value {
    const { heads, headDim, bias, hiddenSize } = this.spec
    const merged = this.attend(this.projectedHeads(x, `${layer}.self_attn`), index, kind)
    return this.projection(merged, `${layer}.self_attn.o_proj`, hiddenSize, heads * headDim, bias.output)
  }

  /** Queries, keys and values, each of its heads side by side and normed where the family does; one value if fused. */
  private projectedHeads(x: Value, attention: string): Value[] {
    const { heads, kvHeads, headDim, hiddenSize, bias, qkNorm } = this.spec
    const sizes = [heads, kvHeads, kvHeads].map((count) => count * headDim)
    const parts = this.projections(x, attention, FUSED.qkv_proj, sizes, hiddenSize, bias.qkv)
    if (parts.length === 1 && !qkNorm) return parts
    const [query, key, value] = this.separate(parts, sizes)
    const q = this.headNorm(query, `${attention}.q_norm.weight`, heads)
    const k = this.headNorm(key, `${attention}.k_norm.weight`, kvHeads)
    return [q, k, value]
  }

  /** down(activation(gate(x)) * up(x)). */
  private mlp(x: Value, layer: string): Value {
    const { graph } = this
    const { hiddenSize, intermediateSize, bias, activation } = this.spec
    const sizes = [intermediateSize, intermediateSize]
    const parts = this.projections(x, `${layer}.mlp`, FUSED.gate_up_proj, sizes, hiddenSize, bias.mlp)
    const [gate, up] = this.separate(parts, sizes)
    const activated =
      activation === 'silu' ? this.silu(gate) : graph.node('Gelu', [gate], { approximate: 'tanh' })
    const gated = graph.node('Mul', [activated, up])
    return this.projection(gated, `${layer}.mlp.down_proj`, hiddenSize, intermediateSize, bias.mlp)
  }
}
