import type { Dimension, Graph, Value } from '../../onnx/graph.js'
import { headName } from '../parameters.js'
import type { AttentionKind, DecoderSpec } from '../spec.js'
import { Blocks } from './blocks.js'
import { deviceAttention } from './device-attention.js'
import type { CacheLayout, ParameterSource } from './layers.js'
import { PAGE, type PagedPlaces, pagedAttention, pagedPlaces } from './paged-attention.js'
import { addShortlist } from './shortlist.js'

/**
 * The graph of a decoder-only transformer over a token tree.
 *
 * Inputs: `input_ids` int64 [1, T]; `rows` int64 [R], the tokens whose results are wanted; `mask` float32 [T, S], added
 * to the attention scores (0 for a token's ancestors and itself, a large negative number elsewhere); `cos` and `sin`
 * float32 [T, headDim / 2], the rotary tables of the tokens' positions (`rotaryTables`), times the square root of the
 * attention scale, which queries and keys thereby share; `sliding_mask`, `sliding_cos` and `sliding_sin`, the same for
 * sliding layers, where there are any; `positions` int64 [1, T], where they are learned; by layer `past_key.i` and `past_value.i`, [kvHeads, 1, S or S - T, headDim], on the device
 * [1, kvHeads, C, headDim] with C columns that are there, at least S;
 * for a cache on the device the columns in use, S of the mask, the new ones included: `columns` int32 [1], and `last_column` int32 [1],
 * one less; and without exits those of `addShortlist`, which tells of its outputs, too. For a cache in pages the T tokens are those
 * of B sequences, up to n of each: `mask` [B, n, M * PAGE + n], of the sequence's pages and then of its new tokens; `past_key.i` and
 * `past_value.i`, [P, kvHeads, PAGE, headDim]; and the inputs of `pagedPlaces`.
 *
 * Outputs: `logits` float32 [1, (1 + exits) * R, vocab], first those of the wanted tokens, then those of each early exit;
 * `hidden` float32 [1, T, hidden], after the final norm, and `residual` of the same shape, before it; where there are exits,
 * `exits` float32 [1, exits * R, hidden], not normed (HF's `hidden_states`, and `lm_head` of it); by tapped layer `tap.i`, of the shape
 * of `hidden`, not normed; keys (rotated) and
 * values, of the source's type: in place by layer and key-value head the new rows `key.i.h` and `value.i.h`, [1, T, headDim];
 * appended by layer the new rows `key.i` and `value.i`, [kvHeads, 1, T, headDim], in pages the same as [1, T, kvHeads * headDim]; for a
 * cache on the device by layer all rows, `present_key.i` and `present_value.i`, [1, kvHeads, C, headDim].
 */
export function decoderGraph(
  spec: DecoderSpec,
  source: ParameterSource,
  layout: CacheLayout,
  inner: InnerStates = {},
): Graph {
  return new DecoderBuilder(spec, source, layout).build(inner)
}

/** What a graph gives of its layers, numbered as HF's `hidden_states`: 0 for the embedding, L for what follows layer L of 1 … */
export interface InnerStates {
  /** Early exits: states and scores of the wanted tokens. */
  readonly exits?: readonly number[]
  /** Layers before the last whose states of all tokens can be fetched. */
  readonly taps?: readonly number[]
}

/** What the graph's inputs for a kind of layer begin with. */
export const INPUT_PREFIX: Readonly<Record<AttentionKind, string>> = { full: '', sliding: 'sliding_' }

/** What hides a token in float16 too: exp() of it is 0, and with a score added it stays above -65504, the least. */
const LEAST_MASK = -3e4

const MASK_SHAPES: Readonly<Record<CacheLayout, Dimension[]>> = {
  'in-place': ['T', 'S'],
  appended: ['T', 'S'],
  device: ['T', 'columns'],
  paged: ['B', 'n', 'S'],
}

/** Per kind of layer: what is there once for all layers of the kind. */
interface Shared {
  /** As the layout's attention wants it. */
  readonly mask: Value
  /** [T, headDim / 2]. */
  readonly cos: Value
  readonly sin: Value
}

/** What the blocks of a graph make of its tokens, [1, T, hidden]. */
export interface Trunk {
  /** What each block is given. */
  readonly inputs: readonly Value[]
  /** What the last one gives. */
  readonly output: Value
  /** The same normed: what the vocabulary projection is given. */
  readonly normed: Value
}

/** Builds graphs over token trees. */
export class DecoderBuilder extends Blocks {
  private shared = new Map<AttentionKind, Shared>()
  /** How many columns are used, for a cache on the device: the last one's number, and the count. */
  private columns: readonly [Value, Value] = ['', '']
  /** For a cache in pages. */
  private places: PagedPlaces | undefined

  build({ exits = [], taps = [] }: InnerStates = {}): Graph {
    const { graph, spec } = this
    const { vocabSize, hiddenSize } = spec
    // Declared first: the binding mixes up names where the outputs that are always there come last.
    graph.output('logits', 'float32', [1, exits.length > 0 ? 'results' : 'R', vocabSize])
    const tapNames = taps.map((layer) => `tap.${layer}`)
    for (const name of ['hidden', 'residual', ...tapNames])
      graph.output(name, 'float32', [1, 'T', hiddenSize])
    if (exits.length > 0) graph.output('exits', 'float32', [1, 'early', hiddenSize])
    const rows = graph.input('rows', 'int64', ['R'])
    this.shared = this.sharedInputs()
    if (this.layout === 'device') {
      const count = (name: string) => graph.input(name, 'int32', [1])
      this.columns = [count('last_column'), count('columns')]
    }
    if (this.layout === 'paged') this.places = pagedPlaces(graph, this.type)
    const { inputs, output, normed } = this.trunk()
    graph.cast(normed, this.type, 'float32', 'hidden')
    graph.cast(output, this.residualType, 'float32', 'residual')
    for (const [i, layer] of taps.entries())
      graph.cast(inputs[layer], this.residualType, 'float32', tapNames[i])
    const gather = (state: Value) => graph.node('Gather', [state, rows], { axis: 1 })
    const state = (exit: number) =>
      exit < inputs.length ? graph.cast(inputs[exit], this.residualType, this.type) : normed
    const early = exits.map((exit) => gather(state(exit)))
    let asked = gather(normed)
    if (early.length > 0) {
      const states = graph.node('Concat', early, { axis: 1 }, this.computed('exits'))
      asked = graph.node('Concat', [asked, states], { axis: 1 })
    }
    this.linear(asked, headName(spec), vocabSize, hiddenSize, { output: this.computed('logits') })
    // Weights are packed in the order of the nodes, each beside its original for a moment: the largest goes first.
    graph.nodes.unshift(graph.nodes.pop()!)
    if (this.layout === 'device' && exits.length === 0) addShortlist(graph, 'logits', vocabSize)
    return graph
  }

  /** The name of what is computed as an output, which is float32: its own, or that of what is cast to it. */
  private computed(output: string): Value {
    if (this.type === 'float32') return output
    const value = this.graph.fresh(output)
    this.graph.cast(value, this.type, 'float32', output)
    return value
  }

  protected trunk(): Trunk {
    const ids = this.graph.input('input_ids', 'int64', [1, 'T'])
    return this.blocks(this.input(ids), this.blockNames(), 'model.norm')
  }

  /** The tables are inputs, since a GPU's cosine and sine may be as far off as 2^-11. */
  private sharedInputs(): Map<AttentionKind, Shared> {
    const { graph, spec } = this
    return new Map(
      [...new Set(spec.layers)].map((kind) => {
        const prefix = INPUT_PREFIX[kind]
        const input = (name: string, shape: Dimension[]) => graph.input(`${prefix}${name}`, 'float32', shape)
        const table = (name: string) => graph.cast(input(name, ['T', spec.headDim / 2]), 'float32', this.type)
        const mask = this.mask(input('mask', MASK_SHAPES[this.layout]))
        return [kind, { mask, cos: table('cos'), sin: table('sin') }]
      }),
    )
  }

  private mask(mask: Value): Value {
    const { graph, layout, type, group } = this
    const unsqueeze = (x: Value, axes: number[]) =>
      graph.node('Unsqueeze', [x, graph.constant('int64', axes)])
    let shaped = mask
    if (layout === 'device') shaped = unsqueeze(mask, [0, 1])
    // Heads that share a key-value head have their queries side by side.
    if (layout === 'paged')
      shaped = unsqueeze(graph.node('Concat', Array(group).fill(mask), { axis: 1 }), [1])
    if (type === 'float32') return shaped
    const bounded = graph.node('Clip', [shaped, graph.constant('float32', [LEAST_MASK], [])])
    return graph.cast(bounded, 'float32', type)
  }

  protected override attend(projected: readonly Value[], index: number, kind: AttentionKind): Value {
    if (this.layout === 'device') return this.attendOnDevice(projected, index, kind)
    if (this.layout === 'paged') return this.attendToPages(projected, index, kind)
    return this.attendByProducts(projected, index, kind)
  }

  private attendOnDevice(projected: readonly Value[], index: number, kind: AttentionKind): Value {
    const { graph, columns } = this
    const { kvHeads, headDim } = this.spec
    const { mask } = this.shared.get(kind)!
    const [query, key, value] = this.headsOf(projected, kind)
    const shape = [1, kvHeads, 'C', headDim]
    const past = (name: string) => graph.input(`past_${name}.${index}`, this.type, shape)
    const present = (name: string) => graph.output(`present_${name}.${index}`, this.type, shape)
    const inputs = {
      query,
      key,
      value,
      past: [past('key'), past('value')],
      columns,
      mask,
    } as const
    return deviceAttention(graph, inputs, this.spec, [present('key'), present('value')])
  }

  private attendToPages(projected: readonly Value[], index: number, kind: AttentionKind): Value {
    const { graph, places } = this
    const { kvHeads, headDim } = this.spec
    const { mask } = this.shared.get(kind)!
    const [query, key, value] = this.headsOf(projected, kind)
    const past = (name: string) =>
      graph.input(`past_${name}.${index}`, this.type, ['P', kvHeads, PAGE, headDim])
    const added = (name: string, rows: Value) => {
      graph.output(`${name}.${index}`, this.type, [1, 'T', kvHeads * headDim])
      return graph.node('Identity', [rows], {}, `${name}.${index}`)
    }
    const inputs = {
      query,
      key: added('key', key),
      value: added('value', value),
      past: [past('key'), past('value')],
      mask,
      places: places!,
    } as const
    return pagedAttention(graph, inputs, this.spec)
  }

  /** Queries, keys and values, each with its heads side by side; queries and keys rotated. */
  private headsOf(projected: readonly Value[], kind: AttentionKind): [Value, Value, Value] {
    const { heads, kvHeads, headDim } = this.spec
    const { cos, sin } = this.shared.get(kind)!
    const widths = [heads, kvHeads, kvHeads].map((count) => count * headDim)
    const [query, key, value] = this.separate([...projected], widths)
    return [this.rotated(query, heads, cos, sin), this.rotated(key, kvHeads, cos, sin), value]
  }

  /** Each head is a product of its own, which needs no packing for one token. */
  private attendByProducts(projected: readonly Value[], index: number, kind: AttentionKind): Value {
    const { graph, group } = this
    const { heads, kvHeads, headDim } = this.spec
    const { mask } = this.shared.get(kind)!
    const [query, keys, values] = this.queryKeyValue(projected, index, kind)
    const scores = this.scores(this.reshape(query, [-1, kvHeads, group, headDim]), keys)
    const weights = graph.node('Softmax', [graph.node('Add', [scores, mask])], { axis: -1 })
    // [kvHeads, group, T, headDim] → [T, kvHeads, group, headDim]
    const mixed = graph.node('Transpose', [graph.node('MatMul', [weights, values])], { perm: [2, 0, 1, 3] })
    return this.reshape(mixed, [1, -1, heads * headDim])
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
   * Queries [1, T, heads * headDim], and keys and values [kvHeads, 1, S, headDim] as attention sees them. In place the outputs
   * `key.i.h` and `value.i.h` are cut from the same values that the queries come from: that makes attention wait until the new rows
   * are written, since it needs the queries.
   */
  private queryKeyValue(projected: readonly Value[], index: number, kind: AttentionKind): Value[] {
    const { graph } = this
    const { heads, kvHeads, headDim } = this.spec
    const { cos, sin } = this.shared.get(kind)!
    const rotatedWidth = (heads + kvHeads) * headDim
    const all = projected.length === 1 ? projected[0] : graph.node('Concat', [...projected], { axis: 2 })
    const [queryKey, value] = this.cut(all, rotatedWidth, `value.${index}`)
    const rotated = this.rotated(queryKey, heads + kvHeads, cos, sin)
    const [query, key] = this.cut(rotated, heads * headDim, `key.${index}`)
    return [query, this.withPast(`key.${index}`, key), this.withPast(`value.${index}`, value)]
  }

  /** Of heads side by side, [1, T, heads * headDim]. */
  private rotated(x: Value, heads: number, cos: Value, sin: Value): Value {
    const { graph } = this
    const attributes = { num_heads: heads, rotary_embedding_dim: 0 }
    const inputs = [x, graph.constant('int64', [0]), cos, sin]
    return graph.node('com.microsoft::RotaryEmbedding', inputs, attributes)
  }

  /**
   * Cuts off the first `width` columns; the rest are the new rows of all heads, which the host gets where it keeps the cache: in place
   * as outputs `name.h`, a head each, else as they are added to the past ones, [kvHeads, 1, T, headDim].
   */
  private cut(x: Value, width: number, name: string): [Value, Value] {
    const { graph, layout } = this
    const { kvHeads, headDim } = this.spec
    if (layout === 'in-place') {
      const heads = Array.from({ length: kvHeads }, (_, head) => `${name}.${head}`)
      for (const head of heads) graph.output(head, this.type, [1, 'T', headDim])
      const sizes = graph.constant('int64', [width, ...heads.map(() => headDim)])
      const [first] = graph.nodeWith('Split', [x, sizes], { axis: 2 }, [graph.fresh('heads'), ...heads])
      return [first, '']
    }
    const [first, rest] = this.separate([x], [width, kvHeads * headDim])
    const rows = this.reshape(rest, [-1, kvHeads, 1, headDim])
    graph.output(name, this.type, [kvHeads, 1, 'T', headDim])
    return [first, graph.node('Transpose', [rows], { perm: [1, 2, 0, 3] }, name)]
  }

  /** @param added the new rows, which in place are among the past ones */
  private withPast(name: string, added: Value): Value {
    const { graph, layout, spec } = this
    const shape = (rows: string) => [spec.kvHeads, 1, rows, spec.headDim]
    const past = graph.input(`past_${name}`, this.type, shape(layout === 'appended' ? 'S_past' : 'S'))
    return layout === 'in-place' ? past : graph.node('Concat', [past, added], { axis: 2 })
  }
}
