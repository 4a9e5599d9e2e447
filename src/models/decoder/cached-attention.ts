import type { Dimension, Value } from '../../onnx/graph.js'
import { ATTENTION_KINDS, type AttentionSpan, spansOf } from '../spec.js'
import type { AttentionLayer } from './blocks.js'
import { CachedWindows } from './cached-windows.js'
import { deviceAttention } from './device-attention.js'
import type { CacheLayout } from './layers.js'
import { PAGE, type PagedPlaces, pagedAttention, pagedPlaces } from './paged-attention.js'
import { softcapped } from './scales.js'

/** What the graph's inputs for layers of a span begin with. */
export const INPUT_PREFIX: Readonly<Record<AttentionSpan, string>> = { full: '', sliding: 'sliding_' }

/** What hides a token in float16 too: exp() of it is 0, and with a score added it stays above -65504, the least. */
const LEAST_MASK = -3e4

const MASK_SHAPES: Readonly<Record<CacheLayout, Dimension[]>> = {
  'in-place': ['T', 'S'],
  appended: ['T', 'S'],
  device: ['T', 'columns'],
  paged: ['B', 'n', 'S'],
}

/** What is there once for all layers. */
interface Shared {
  /** As the layout's attention wants them. */
  readonly masks: ReadonlyMap<AttentionSpan, Value>
  /** Cosines and sines, [T, headDim / 2]. */
  readonly tables: ReadonlyMap<AttentionSpan, readonly [cos: Value, sin: Value]>
  /** [T, 1]. */
  readonly queryScale: Value | undefined
}

/** Blocks whose attention sees the tokens of a tree by a mask, and keys and values in a cache of any layout; see `decoderGraph`. */
export abstract class CachedAttention extends CachedWindows {
  private shared: Shared = { masks: new Map(), tables: new Map(), queryScale: undefined }
  /** How many columns are used, for a cache on the device: the last one's number, and the count. */
  private columns: readonly [Value, Value] = ['', '']
  /** For a cache in pages. */
  private places: PagedPlaces | undefined

  /** Declares the inputs that the layers share. */
  protected declareShared(): void {
    const { graph } = this
    this.shared = this.sharedInputs()
    if (this.layout === 'device') {
      const count = (name: string) => graph.input(name, 'int32', [1])
      this.columns = [count('last_column'), count('columns')]
    }
    if (this.layout === 'paged') this.places = pagedPlaces(graph, this.type)
  }

  /** The tables are inputs, since a GPU's cosine and sine may be as far off as 2^-11. */
  private sharedInputs(): Shared {
    const { graph, spec } = this
    const { seen, rotated } = spansOf(spec)
    const masks = new Map<AttentionSpan, Value>()
    const tables = new Map<AttentionSpan, [Value, Value]>()
    for (const span of seen) {
      const input = (name: string, shape: Dimension[]) =>
        graph.input(`${INPUT_PREFIX[span]}${name}`, 'float32', shape)
      const table = (name: string) => graph.cast(input(name, ['T', spec.headDim / 2]), 'float32', this.type)
      masks.set(span, this.mask(input('mask', MASK_SHAPES[this.layout])))
      if (rotated.has(span)) tables.set(span, [table('cos'), table('sin')])
    }
    const queryScale =
      spec.queryScale && graph.cast(graph.input('query_scale', 'float32', ['T', 1]), 'float32', this.type)
    return { masks, tables, queryScale }
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

  protected override attend(projected: readonly Value[], layer: AttentionLayer, index: number): Value {
    if (this.layout === 'device') return this.attendOnDevice(projected, layer, index)
    if (this.layout === 'paged') return this.attendToPages(projected, layer, index)
    return this.attendByProducts(projected, layer, index)
  }

  private maskOf({ kind }: AttentionLayer): Value {
    return this.shared.masks.get(ATTENTION_KINDS[kind].span)!
  }

  private attendOnDevice(projected: readonly Value[], layer: AttentionLayer, index: number): Value {
    const { graph, columns } = this
    const { kvHeads, headDim } = this.spec
    const [query, key, value] = this.headsOf(projected, layer)
    const shape = [1, kvHeads, 'C', headDim]
    const past = (name: string) => graph.input(`past_${name}.${index}`, this.type, shape)
    const present = (name: string) => graph.output(`present_${name}.${index}`, this.type, shape)
    const inputs = {
      query,
      key,
      value,
      past: [past('key'), past('value')],
      columns,
      mask: this.maskOf(layer),
    } as const
    const added = [present('key'), present('value')] as const
    const attended = deviceAttention(graph, inputs, this.spec, added)
    if (this.spec.attentionSoftcap === undefined) return attended
    // WebGPU's operator takes a cap and computes without it (ONNX Runtime 1.30): it writes the new rows alone.
    const [keys, values] = added.map((rows) => this.usedColumns(rows))
    return this.products(query, keys, values, layer)
  }

  /** Rows of a cache on the device, [1, kvHeads, C, headDim], that are in use, [kvHeads, 1, S, headDim]. */
  private usedColumns(rows: Value): Value {
    const { graph } = this
    const constant = (value: number) => graph.constant('int32', [value])
    const used = graph.node('Slice', [rows, constant(0), this.columns[1], constant(2)])
    return graph.node('Transpose', [used], { perm: [1, 0, 2, 3] })
  }

  private attendToPages(projected: readonly Value[], layer: AttentionLayer, index: number): Value {
    const { graph, places } = this
    const { kvHeads, headDim } = this.spec
    const [query, key, value] = this.headsOf(projected, layer)
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
      mask: this.maskOf(layer),
      places: places!,
    } as const
    return pagedAttention(graph, inputs, this.spec, this.type)
  }

  /** Queries, keys and values, each with its heads side by side; queries and keys as their scores are made of. */
  private headsOf(projected: readonly Value[], layer: AttentionLayer): [Value, Value, Value] {
    const { heads, kvHeads, headDim } = this.spec
    const widths = [heads, kvHeads, kvHeads].map((count) => count * headDim)
    const [query, key, value] = this.separate([...projected], widths)
    const rotated = [this.rotated(query, heads, layer), this.rotated(key, kvHeads, layer)] as const
    const [scaledQuery, scaledKey] = this.scaled(rotated, layer)
    return [this.scaledByPosition(scaledQuery), scaledKey, value]
  }

  /** Each head is a product of its own, which needs no packing for one token. */
  private attendByProducts(projected: readonly Value[], layer: AttentionLayer, index: number): Value {
    const [query, keys, values] = this.queryKeyValue(projected, layer, index)
    return this.products(query, keys, values, layer)
  }

  /** Queries [1, T, heads * headDim] over keys and values [kvHeads, 1, S, headDim]: [1, T, heads * headDim]. */
  private products(query: Value, keys: Value, values: Value, layer: AttentionLayer): Value {
    const { graph, group, spec } = this
    const { heads, kvHeads, headDim } = spec
    const products = this.scores(this.reshape(query, [-1, kvHeads, group, headDim]), keys)
    const scores = softcapped(graph, products, spec.attentionSoftcap, this.type)
    const weights = graph.node('Softmax', [graph.node('Add', [scores, this.maskOf(layer)])], { axis: -1 })
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
  private queryKeyValue(projected: readonly Value[], layer: AttentionLayer, index: number): Value[] {
    const { graph } = this
    const { heads, kvHeads, headDim } = this.spec
    const rotatedWidth = (heads + kvHeads) * headDim
    const all = projected.length === 1 ? projected[0] : graph.node('Concat', [...projected], { axis: 2 })
    const [queryKey, value] = this.cut(all, rotatedWidth, `value.${index}`)
    const rotated = this.scaledTogether(this.rotated(queryKey, heads + kvHeads, layer), layer)
    const [query, key] = this.cut(rotated, heads * headDim, `key.${index}`)
    const past = [this.withPast(`key.${index}`, key), this.withPast(`value.${index}`, value)]
    return [this.scaledByPosition(query), ...past]
  }

  /** Heads side by side, [1, T, heads * headDim]; those of layers without positions have the scale alone. */
  private rotated(x: Value, heads: number, { kind }: AttentionLayer): Value {
    const { graph, spec } = this
    const { rope } = ATTENTION_KINDS[kind]
    if (!rope) return spec.qkNorm === 'rotated' ? x : this.timesRootScale(x)
    const attributes = { num_heads: heads, rotary_embedding_dim: 0 }
    const inputs = [x, graph.constant('int64', [0]), ...this.shared.tables.get(rope)!]
    return graph.node('com.microsoft::RotaryEmbedding', inputs, attributes)
  }

  /** `scaled` of the heads of queries and then of keys in one value. */
  private scaledTogether(rotated: Value, layer: AttentionLayer): Value {
    const { heads, kvHeads, headDim, qkNorm } = this.spec
    if (qkNorm !== 'rotated') return rotated
    const [query, key] = this.separate([rotated], [heads * headDim, kvHeads * headDim])
    return this.graph.node('Concat', [...this.scaled([query, key], layer)], { axis: 2 })
  }

  private scaledByPosition(query: Value): Value {
    const { queryScale } = this.shared
    return queryScale === undefined ? query : this.graph.node('Mul', [query, queryScale])
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
