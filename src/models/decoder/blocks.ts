import type { Value } from '../../onnx/graph.js'
import { EMBEDDING, FUSED, NORMS } from '../parameters.js'
import type { AttentionKind } from '../spec.js'
import { Layers } from './layers.js'

/** A decoder layer: its parameters' common name, and what kind of attention it has. */
export interface BlockName {
  readonly name: string
  readonly kind: AttentionKind
}

/** The same of its attention. */
export type AttentionLayer = BlockName

/**
 * The blocks of a decoder-only transformer; how their attention sees the tokens is for the kind of graph to say. Values
 * are [1, T, width] where nothing else is said.
 */
export abstract class Blocks extends Layers {
  /**
   * Queries, keys and values, each with its heads side by side (or all in one value), to the heads' mixes of values.
   * @param index the layer's place in the cache
   */
  protected abstract attend(queryKeyValue: readonly Value[], layer: AttentionLayer, index: number): Value

  protected embed(ids: Value): Value {
    const { graph, spec } = this
    const table = this.parameter(EMBEDDING, [spec.vocabSize, spec.hiddenSize])
    const embedded = graph.cast(graph.node('Gather', [table, ids], { axis: 0 }), this.type, this.residualType)
    return this.times(embedded, spec.embeddingScale, this.residualType)
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
    const normOf = (block: BlockName, norm: string) => (norm ? `${block.name}.${norm}.weight` : undefined)
    const firstNorm = normOf(blocks[0], beforeAttention)
    let residual = input
    let normed = firstNorm
      ? this.norm(input, firstNorm)
      : this.graph.cast(input, this.residualType, this.type)
    for (const [i, block] of blocks.entries()) {
      inputs.push(residual)
      const next = i + 1 < blocks.length ? normOf(blocks[i + 1], beforeAttention) : `${finalNorm}.weight`
      const attended = this.attention(normed, block, first + i)
      const attentionOut = this.blockOutput(attended, normOf(block, afterAttention))
      ;[normed, residual] = this.addAndNorm(residual, attentionOut, normOf(block, beforeMlp))
      const mlpOut = this.blockOutput(this.mlp(normed, block.name), normOf(block, afterMlp))
      ;[normed, residual] = this.addAndNorm(residual, mlpOut, next)
    }
    return { inputs, output: residual, normed }
  }

  private attention(x: Value, { name, kind }: BlockName, index: number): Value {
    const { heads, headDim, bias, hiddenSize } = this.spec
    const module = `${name}.self_attn`
    const merged = this.attend(this.projectedHeads(x, module), { name: module, kind }, index)
    return this.projection(merged, `${module}.o_proj`, hiddenSize, heads * headDim, bias.output)
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
