import type { Graph, Value } from '../onnx/graph.js'
import { type CacheLayout, Layers, type ParameterSource } from './layers.js'
import { EMBEDDING, FUSED, headName } from './parameters.js'
import type { AttentionKind, DecoderSpec } from './spec.js'

/**
 * The graph of a decoder-only transformer over a token tree.
 *
 * Inputs: `input_ids` int64 [1, T]; `rows` int64 [R], the tokens whose results are wanted; `mask` float32 [T, S], added
 * to the attention scores (0 for a token's ancestors and itself, a large negative number elsewhere); `cos` and `sin`
 * float32 [T, headDim / 2], the rotary tables of the tokens' positions (`rotaryTables`), times the square root of the
 * attention scale, which queries and keys thereby share; `sliding_mask`, `sliding_cos` and `sliding_sin`, the same for
 * sliding layers, where there are any; by layer `past_key.i` and `past_value.i`, float32 [kvHeads, 1, S or S - T,
 * headDim].
 *
 * Outputs: `logits` float32 [1, (1 + exits) * R, vocab] and `hidden` float32 [1, (1 + exits) * R, hidden]: first those after
 * the final norm, then those of each early exit, which is not normed (HF's `hidden_states`, and `lm_head` of it); by layer
 * and key-value head the new rows `key.i.h` (rotated) and `value.i.h`, float32 [1, T, headDim].
 * @param exits early exits, numbered as HF's `hidden_states`: 0 for the embedding, L for what follows layer L of 1 …
 */
export function decoderGraph(
  spec: DecoderSpec,
  source: ParameterSource,
  layout: CacheLayout,
  exits: readonly number[] = [],
): Graph {
  return new DecoderBuilder(spec, source, layout).build(exits)
}

/** What the graph's inputs for a kind of layer begin with. */
export const INPUT_PREFIX: Readonly<Record<AttentionKind, string>> = { full: '', sliding: 'sliding_' }

/** Per kind of layer: what is there once for all layers of the kind. */
interface Shared {
  /** float32 [T, S]. */
  readonly mask: Value
  /** float32 [T, headDim / 2]. */
  readonly cos: Value
  readonly sin: Value
}

class DecoderBuilder extends Layers {
  build(exits: readonly number[]): Graph {
    const { graph, spec } = this
    const { vocabSize, hiddenSize } = spec
    const ids = graph.input('input_ids', 'int64', [1, 'T'])
    const rows = graph.input('rows', 'int64', ['R'])
    // Declared first: the binding mixes up names where the outputs that are always there come last.
    const results = exits.length > 0 ? 'results' : 'R'
    graph.output('logits', 'float32', [1, results, vocabSize])
    graph.output('hidden', 'float32', [1, results, hiddenSize])
    const states = this.layers(this.embed(ids), this.shared())
    const asked = [states.at(-1)!, ...exits.map((exit) => states[exit])]
    const gather = (state: Value, name?: string) => graph.node('Gather', [state, rows], { axis: 1 }, name)
    const hidden =
      asked.length === 1
        ? gather(asked[0], 'hidden')
        : graph.node(
            'Concat',
            asked.map((state) => gather(state)),
            { axis: 1 },
            'hidden',
          )
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
        const mask = graph.input(`${prefix}mask`, 'float32', ['T', 'S'])
        return [kind, { mask, cos: table('cos'), sin: table('sin') }]
      }),
    )
  }

  /** The embedding, what follows each layer but the last, and what follows the final norm. */
  private layers(embedded: Value, shared: Map<AttentionKind, Shared>): Value[] {
    const { spec } = this
    const name = (layer: number) => `model.layers.${layer}`
    const states: Value[] = []
    let residual = embedded
    let normed = this.norm(embedded, `${name(0)}.input_layernorm.weight`)
    for (const [i, kind] of spec.layers.entries()) {
      states.push(residual)
      const layer = name(i)
      const next = i + 1 < spec.layers.length ? `${name(i + 1)}.input_layernorm` : 'model.norm'
      const beforeMlp = spec.gemmaNorms ? 'pre_feedforward_layernorm' : 'post_attention_layernorm'
      const attended = this.attention(normed, layer, i, shared.get(kind)!)
      const attentionOut = this.gemmaNorm(attended, `${layer}.post_attention_layernorm.weight`)
      ;[normed, residual] = this.addAndNorm(residual, attentionOut, `${layer}.${beforeMlp}.weight`)
      const mlpOut = this.gemmaNorm(this.mlp(normed, layer), `${layer}.post_feedforward_layernorm.weight`)
      ;[normed, residual] = this.addAndNorm(residual, mlpOut, `${next}.weight`)
    }
    return [...states, normed]
  }

  /** [1, T, hidden] → [1, T, hidden]. Each head is a product of its own, which needs no packing for one token. */
  private attention(x: Value, layer: string, index: number, { mask, cos, sin }: Shared): Value {
    const { graph, group } = this
    const { heads, kvHeads, headDim, bias, hiddenSize } = this.spec
    const [query, keys, values] = this.queryKeyValue(x, layer, index, cos, sin)
    const scores = this.scores(this.reshape(query, [-1, kvHeads, group, headDim]), keys)
    const weights = graph.node('Softmax', [graph.node('Add', [scores, mask])], { axis: -1 })
    // [kvHeads, group, T, headDim] → [T, kvHeads, group, headDim]
    const mixed = graph.node('Transpose', [graph.node('MatMul', [weights, values])], { perm: [2, 0, 1, 3] })
    const merged = this.reshape(mixed, [1, -1, heads * headDim])
    return this.projection(merged, `${layer}.self_attn.o_proj`, hiddenSize, heads * headDim, bias.output)
  }

  /** Queries [T, kvHeads, group, headDim] times keys [kvHeads, 1, S, headDim]: [kvHeads, group, T, S]. */
  private scores(query: Value, keys: Value): Value {
    const { graph, layout } = this
    if (layout === 'in-place') {
      const attributes = { transA: 0, transBatchA: 1, transB: 1 }
      return graph.node('com.microsoft::FusedMatMul', [query, keys], attributes)
    }
    const byHead = graph.node('Transpose', [query], { perm: [1, 2, 0, 3] })
    return graph.node('MatMul', [byHead, graph.node('Transpose', [keys], { perm: [0, 1, 3, 2] })])
  }

  /**
   * Queries [1, T, heads * headDim], and keys and values [kvHeads, 1, S, headDim] as attention sees them. The outputs
   * `key.i.h` and `value.i.h` are cut from the same values that the queries come from: in place, that makes attention
   * wait until the new rows are written, since it needs the queries.
   */
  private queryKeyValue(x: Value, layer: string, index: number, cos: Value, sin: Value): Value[] {
    const { graph } = this
    const { heads, kvHeads, headDim } = this.spec
    const rotatedWidth = (heads + kvHeads) * headDim
    const all = this.projectedHeads(x, `${layer}.self_attn`)
    const [queryKey, ...values] = this.cut(all, rotatedWidth, `value.${index}`)
    const rotary = { num_heads: heads + kvHeads, rotary_embedding_dim: 0 }
    const rotated = graph.node(
      'com.microsoft::RotaryEmbedding',
      [queryKey, graph.constant('int64', [0]), cos, sin],
      rotary,
    )
    const [query, ...keys] = this.cut(rotated, heads * headDim, `key.${index}`)
    return [query, this.withPast(`key.${index}`, keys), this.withPast(`value.${index}`, values)]
  }

  /** Queries, keys and values side by side, [1, T, (heads + 2 kvHeads) * headDim], normed where the family does. */
  private projectedHeads(x: Value, attention: string): Value {
    const { graph } = this
    const { heads, kvHeads, headDim, hiddenSize, bias, qkNorm } = this.spec
    const sizes = [heads, kvHeads, kvHeads].map((count) => count * headDim)
    const parts = this.projections(x, attention, FUSED.qkv_proj, sizes, hiddenSize, bias.qkv)
    if (parts.length === 1 && !qkNorm) return parts[0]
    const [query, key, value] = this.separate(parts, sizes)
    const q = this.headNorm(query, `${attention}.q_norm.weight`, heads)
    const k = this.headNorm(key, `${attention}.k_norm.weight`, kvHeads)
    return graph.node('Concat', [q, k, value], { axis: 2 })
  }

  /** Cuts off the first `width` columns, and the rest into the heads that are outputs `name.h`. */
  private cut(x: Value, width: number, name: string): Value[] {
    const { graph } = this
    const { kvHeads, headDim } = this.spec
    const heads = Array.from({ length: kvHeads }, (_, head) => `${name}.${head}`)
    for (const head of heads) graph.output(head, 'float32', [1, 'T', headDim])
    const sizes = graph.constant('int64', [width, ...heads.map(() => headDim)])
    return graph.nodeWith('Split', [x, sizes], { axis: 2 }, [graph.fresh('heads'), ...heads])
  }

  private withPast(name: string, heads: Value[]): Value {
    const { graph, layout, spec } = this
    const rows = layout === 'in-place' ? 'S' : 'S_past'
    const past = graph.input(`past_${name}`, 'float32', [spec.kvHeads, 1, rows, spec.headDim])
    if (layout === 'in-place') return past
    const added = this.reshape(graph.node('Concat', heads, { axis: 0 }), [spec.kvHeads, 1, -1, spec.headDim])
    return graph.node('Concat', [past, added], { axis: 2 })
  }

  /** down(activation(gate(x)) * up(x)). */
  private mlp(x: Value, layer: string): Value {
    const { graph } = this
    const { hiddenSize, intermediateSize, bias, activation } = this.spec
    const sizes = [intermediateSize, intermediateSize]
    const parts = this.projections(x, `${layer}.mlp`, FUSED.gate_up_proj, sizes, hiddenSize, bias.mlp)
    const [gate, up] = this.separate(parts, sizes)
    const activated =
      activation === 'silu'
        ? graph.node('com.microsoft::QuickGelu', [gate], { alpha: { float: 1 } })
        : graph.node('Gelu', [gate], { approximate: 'tanh' })
    const gated = graph.node('Mul', [activated, up])
    return this.projection(gated, `${layer}.mlp.down_proj`, hiddenSize, intermediateSize, bias.mlp)
  }
}
