import { Layers, type ParameterSource } from '../../src/models/decoder/layers.js'
import { EMBEDDING, FUSED, headName } from '../../src/models/parameters.js'
import type { DecoderSpec } from '../../src/models/spec.js'
import type { Graph, Value } from '../../src/onnx/graph.js'

/**
 * A Llama with a batch axis, each row of which has a whole cache of its own.
 *
 * Inputs: `input_ids` int64 [B, T]; `mask` float32 [group * T, C + T], added to the scores of the C columns of the cache
 * and of the new tokens (group: the heads that share keys); `columns` int64 [2], C and T; `cos` and `sin` float32
 * [T, headDim / 2]; by layer `past_key.i` and `past_value.i`, float32 [B, kvHeads, C, headDim].
 *
 * Outputs: `logits` float32 [B, vocab], after the last token; by layer the new rows alone, `key.i` and `value.i`,
 * float32 [B, kvHeads, T, headDim]: the binding copies all outputs, and a whole cache would take longer than the rest.
 * For the same reason attention takes past and new rows apart instead of concatenating them.
 */
export function batchedGraph(spec: DecoderSpec, source: ParameterSource): Graph {
  const { layers, qkNorm, norms, activation } = spec
  if (layers.includes('sliding') || qkNorm || norms !== 'pre' || activation !== 'silu') {
    throw new Error(`The baseline is made for the Llama family, not ${spec.family}.`)
  }
  return new BatchedDecoder(spec, source, 'in-place').build()
}

class BatchedDecoder extends Layers {
  build(): Graph {
    const { graph, spec } = this
    const { vocabSize, hiddenSize, headDim } = spec
    const ids = graph.input('input_ids', 'int64', ['B', 'T'])
    graph.input('mask', 'float32', ['group_T', 'C_T'])
    graph.input('columns', 'int64', [2])
    for (const name of ['cos', 'sin']) graph.input(name, 'float32', ['T', headDim / 2])
    graph.output('logits', 'float32', ['B', vocabSize])
    const table = this.parameter(EMBEDDING, [vocabSize, hiddenSize])
    const hidden = this.layers(graph.node('Gather', [table, ids], { axis: 0 }))
    const last = graph.node('Gather', [hidden, graph.constant('int64', [-1], [])], { axis: 1 })
    this.linear(last, headName(spec), vocabSize, hiddenSize, { output: 'logits' })
    return graph
  }

  private layers(embedded: Value): Value {
    const { layers } = this.spec
    const name = (layer: number) => `model.layers.${layer}`
    let residual = embedded
    let normed = this.norm(embedded, `${name(0)}.input_layernorm.weight`)
    for (const i of layers.keys()) {
      const next = i + 1 < layers.length ? `${name(i + 1)}.input_layernorm` : 'model.norm'
      const attended = this.attention(normed, `${name(i)}.self_attn`, i)
      ;[normed, residual] = this.addAndNorm(residual, attended, `${name(i)}.post_attention_layernorm.weight`)
      ;[normed, residual] = this.addAndNorm(residual, this.mlp(normed, `${name(i)}.mlp`), `${next}.weight`)
    }
    return normed
  }

  /** [B, T, hidden] → [B, T, hidden]. */
  private attention(x: Value, module: string, index: number): Value {
    const { graph, group } = this
    const { heads, kvHeads, headDim, hiddenSize, bias } = this.spec
    const [q, k, v] = FUSED.qkv_proj.parts.map((part) => {
      const count = part === 'q_proj' ? heads : kvHeads
      return this.projection(x, `${module}.${part}`, count * headDim, hiddenSize, bias.qkv)
    })
    // [B, T, kvHeads, group, headDim] → [B, kvHeads, group * T, headDim]: one product for all heads that share keys.
    const byHead = this.reshape(this.rotate(q, heads), [0, 0, kvHeads, group, headDim])
    const queries = graph.node('Transpose', [byHead], { perm: [0, 2, 3, 1, 4] })
    const keys = this.pastAndNew(this.rotate(k, kvHeads), `key.${index}`)
    const values = this.pastAndNew(v, `value.${index}`)
    const mixed = this.attend(this.reshape(queries, [0, kvHeads, -1, headDim]), keys, values)
    const perHead = this.reshape(mixed, [0, kvHeads, group, -1, headDim])
    const byToken = graph.node('Transpose', [perHead], { perm: [0, 3, 1, 2, 4] })
    const attended = this.reshape(byToken, [0, 0, heads * headDim])
    return this.projection(attended, `${module}.o_proj`, hiddenSize, heads * headDim, bias.output)
  }

  private rotate(x: Value, heads: number): Value {
    const inputs = [x, this.graph.constant('int64', [0]), 'cos', 'sin']
    return this.graph.node('com.microsoft::RotaryEmbedding', inputs, {
      num_heads: heads,
      rotary_embedding_dim: 0,
    })
  }

  private pastAndNew(x: Value, name: string): [past: Value, added: Value] {
    const { graph } = this
    const { kvHeads, headDim } = this.spec
    const past = graph.input(`past_${name}`, 'float32', ['B', kvHeads, 'C', headDim])
    graph.output(name, 'float32', ['B', kvHeads, 'T', headDim])
    const heads = this.reshape(x, [0, 0, kvHeads, headDim])
    return [past, graph.node('Transpose', [heads], { perm: [0, 2, 1, 3] }, name)]
  }

  /** Queries [B, kvHeads, group * T, headDim] on the C columns of the past and the T new ones. */
  private attend(queries: Value, keys: readonly Value[], values: readonly Value[]): Value {
    const { graph } = this
    const product = { transB: 1, alpha: { float: this.spec.attentionScale } }
    const parts = keys.map((part) => graph.node('com.microsoft::FusedMatMul', [queries, part], product))
    const scores = graph.node('Add', [graph.node('Concat', parts, { axis: -1 }), 'mask'])
    const weights = graph.node('Softmax', [scores], { axis: -1 })
    const names = parts.map(() => graph.fresh('weights'))
    const split = graph.nodeWith('Split', [weights, 'columns'], { axis: -1 }, names)
    return graph.node(
      'Add',
      split.map((part, i) => graph.node('MatMul', [part, values[i]])),
    )
  }

  private mlp(x: Value, module: string): Value {
    const { graph } = this
    const { hiddenSize, intermediateSize, bias } = this.spec
    const [gate, up] = FUSED.gate_up_proj.parts.map((part) =>
      this.projection(x, `${module}.${part}`, intermediateSize, hiddenSize, bias.mlp),
    )
    const activated = graph.node('com.microsoft::QuickGelu', [gate], { alpha: { float: 1 } })
    const gated = graph.node('Mul', [activated, up])
    return this.projection(gated, `${module}.down_proj`, hiddenSize, intermediateSize, bias.mlp)
  }
}
