import type { Value } from '../../onnx/graph.js'
import { EMBEDDING, FUSED, normNames, POSITIONS } from '../parameters.js'
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
    const table = this.parameter(EMBEDDING, [spec.vocabSize, spec.hiddenSize])
    const embedded = graph.cast(graph.node('Gather', [table, ids], { axis: 0 }), this.type, this.residualType)
    if (spec.embeddingScale === 1) return embedded
    const scale = graph.cast(graph.constant('float32', [spec.embeddingScale]), 'float32', this.residualType)
    return graph.node('Mul', [embedded, scale])
  }

  /** What the first block is given: the tokens' embeddings, and those of their positions where the model has some. */
  protected input(ids: Value): Value {
    const { graph, spec } = this
    const embedded = this.embed(ids)
    if (!spec.learnedPositions) return embedded
    const table = this.parameter(POSITIONS, [spec.maxPositions, spec.hiddenSize])
    const rows = graph.node('Gather', [table, this.positions()], { axis: 0 })
    return graph.node('Add', [embedded, graph.cast(rows, this.type, this.residualType)])
  }

  /** The tokens' positions, int64 [1, T]; asked where they are learned. */
  protected positions(): Value {
    return this.graph.input('positions', 'int64', [1, 'T'])
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
    const [beforeAttention] = normNames(this.spec)
    const inputs: Value[] = []
    let residual = input
    let normed = this.norm(input, `${blocks[0].name}.${beforeAttention}.weight`)
    for (const [i, { name, kind }] of blocks.entries()) {
      inputs.push(residual)
      const next = i + 1 < blocks.length ? `${blocks[i + 1].name}.${beforeAttention}` : finalNorm
      const attended = this.attention(normed, name, first + i, kind)
      const added = this.spec.parallel
        ? { residual, output: this.parallelMlp(normed, residual, attended, name) }
        : this.sequentialMlp(residual, attended, name)
      ;[normed, residual] = this.addAndNorm(added.residual, added.output, `${next}.weight`)
    }
    return { inputs, output: residual, normed }
  }

  /** The residual with attention's output added, and the MLP's of it, which is to be added. */
  private sequentialMlp(residual: Value, attended: Value, name: string): { residual: Value; output: Value } {
    const [, afterAttention, beforeMlp, afterMlp] = normNames(this.spec)
    const attentionOut = this.outputNorm(attended, name, afterAttention)
    const [normed, sum] = this.addAndNorm(residual, attentionOut, `${name}.${beforeMlp}.weight`)
    return { residual: sum, output: this.outputNorm(this.mlp(normed, name), name, afterMlp) }
  }

  /** The sum of attention's and the MLP's outputs, which are given the same residual. */
  private parallelMlp(normed: Value, residual: Value, attended: Value, name: string): Value {
    const [, , beforeMlp] = normNames(this.spec)
    const own = beforeMlp ? this.norm(residual, `${name}.${beforeMlp}.weight`) : normed
    return this.outputNorm(this.graph.node('Add', [attended, this.mlp(own, name)]), name, '')
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

  private mlp(x: Value, layer: string): Value {
    const { hiddenSize, intermediateSize, bias, mlp } = this.spec
    const inner =
      mlp === 'plain'
        ? this.activated(this.projection(x, `${layer}.mlp.up_proj`, intermediateSize, hiddenSize, bias.mlp))
        : this.gated(x, layer)
    return this.projection(inner, `${layer}.mlp.down_proj`, hiddenSize, intermediateSize, bias.mlp)
  }

  /** activation(gate(x)) · up(x). */
  private gated(x: Value, layer: string): Value {
    const { hiddenSize, intermediateSize, bias } = this.spec
    const sizes = [intermediateSize, intermediateSize]
    const parts = this.projections(x, `${layer}.mlp`, FUSED.gate_up_proj, sizes, hiddenSize, bias.mlp)
    const [gate, up] = this.separate(parts, sizes)
    return this.graph.node('Mul', [this.activated(gate), up])
  }

  private activated(x: Value): Value {
    const { graph } = this
    const { activation } = this.spec
    if (activation === 'silu') return this.silu(x)
    if (activation !== 'relu2')
      return graph.node('Gelu', [x], { approximate: activation === 'gelu_tanh' ? 'tanh' : 'none' })
    const positive = graph.node('Relu', [x])
    return graph.node('Mul', [positive, positive])
  }
}
