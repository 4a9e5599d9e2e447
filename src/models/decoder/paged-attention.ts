import type { Dimension, FloatType, Graph, Value } from '../../onnx/graph.js'
import type { DecoderSpec } from '../spec.js'
import { softcapped } from './scales.js'

/** Columns of a page. */
export const PAGE = 64

/** What attention depends on beside its inputs. */
export type AttentionShape = Pick<DecoderSpec, 'heads' | 'kvHeads' | 'headDim' | 'attentionSoftcap'>

/** What attention over pages is given. B sequences have up to n new tokens and M pages each, of T tokens and P pages in all. */
export interface PagedAttentionInputs {
  /** Rotated, [1, T, heads * headDim]. */
  readonly query: Value
  /** Rotated, [1, T, kvHeads * headDim]. */
  readonly key: Value
  /** [1, T, kvHeads * headDim]. */
  readonly value: Value
  /** Pages of keys and of values, [P, kvHeads, PAGE, headDim]. */
  readonly past: readonly [Value, Value]
  /** Added to the scores, [B, 1, group * n, M * PAGE + n]: a sequence's pages, then its new tokens. */
  readonly mask: Value
  readonly places: PagedPlaces
}

/** What is where; places that nothing is in are 0, and hidden by the mask. */
export interface PagedPlaces {
  /** int64 [B, n]: the token in each place of a sequence. */
  readonly tokens: Value
  /** int64 [T]: each token's place among all B * n. */
  readonly ofTokens: Value
  /** int64 [B, M]: the pages of a sequence. */
  readonly pages: Value
  /** int64 [P, 2]: a page's sequence, and which of its pages it is. */
  readonly ofPages: Value
  /** int64 [P]: a page's sequence. */
  readonly owners: Value
  /** float [B, P]: 1 for a sequence's own pages. */
  readonly ownership: Value
  /** int64 [2]: M * PAGE, and n. */
  readonly widths: Value
}

/** What is where, as inputs of a graph that computes in `type`: `ownership` is float32, the others are int64. */
export function pagedPlaces(graph: Graph, type: FloatType): PagedPlaces {
  const input = (name: string, shape: Dimension[]) => graph.input(name, 'int64', shape)
  const ofPages = input('page_places', ['P', 2])
  return {
    tokens: input('place_tokens', ['B', 'n']),
    ofTokens: input('token_places', ['T']),
    pages: input('sequence_pages', ['B', 'M']),
    ofPages,
    owners: graph.node('Gather', [ofPages, graph.constant('int64', [0], [])], { axis: 1 }),
    ownership: graph.cast(graph.input('ownership', 'float32', ['B', 'P']), 'float32', type),
    widths: input('widths', [2]),
  }
}

/**
 * Attention of many sequences at once, each over its own keys and values, which lie in pages anywhere in one tensor (PagedAttention,
 * Kwon et al. 2023): scores are computed page by page, brought together by sequence for the softmax, and its weights sent back to
 * the pages. What grows with the product of tokens and columns is small numbers only; keys and values are read once, where they lie.
 * @returns [1, T, heads * headDim]
 */
export function pagedAttention(
  graph: Graph,
  { query, key, value, past, mask, places }: PagedAttentionInputs,
  { heads, kvHeads, headDim, attentionSoftcap }: AttentionShape,
  type: FloatType,
): Value {
  const group = heads / kvHeads
  // In the shapes 0 stands for what the dimension is before, and -1 for what is left.
  const reshape = (x: Value, shape: number[]) => graph.node('Reshape', [x, graph.constant('int64', shape)])
  const transpose = (x: Value, perm: number[]) => graph.node('Transpose', [x], { perm })
  const gather = (x: Value, indices: Value) => graph.node('Gather', [x, indices], { axis: 0 })
  const timesTransposed = (a: Value, b: Value) =>
    graph.node('com.microsoft::FusedMatMul', [a, b], { transB: 1 })
  const bySequence = (x: Value, shape: number[]) =>
    reshape(gather(reshape(x, [-1, shape.reduce((a, b) => a * b)]), places.tokens), [0, 0, ...shape])

  // [B, kvHeads, group * n, headDim], and of the new tokens [B, kvHeads, n, headDim].
  const grouped = transpose(bySequence(query, [kvHeads, group, headDim]), [0, 2, 3, 1, 4])
  const queries = reshape(grouped, [0, 0, -1, headDim])
  const [newKeys, newValues] = [key, value].map((x) =>
    transpose(bySequence(x, [kvHeads, headDim]), [0, 2, 1, 3]),
  )

  // [P, kvHeads, group * n, PAGE] → [B, kvHeads, group * n, M * PAGE]
  const pageScores = timesTransposed(gather(queries, places.owners), past[0])
  const together = transpose(gather(pageScores, places.pages), [0, 2, 3, 1, 4])
  const scores = graph.node('Concat', [reshape(together, [0, 0, 0, -1]), timesTransposed(queries, newKeys)], {
    axis: 3,
  })
  const capped = softcapped(graph, scores, attentionSoftcap, type)
  const weights = graph.node('Softmax', [graph.node('Add', [capped, mask])], { axis: -1 })
  const [pastWeights, newWeights] = graph.nodeWith('Split', [weights, places.widths], { axis: 3 }, [
    graph.fresh('weights'),
    graph.fresh('weights'),
  ])

  // Back to [P, kvHeads, group * n, PAGE], and what comes of the pages of a sequence added up.
  const byPage = transpose(reshape(pastWeights, [0, 0, 0, -1, PAGE]), [0, 3, 1, 2, 4])
  const pageWeights = graph.node('GatherND', [byPage, places.ofPages])
  const pageMixes = graph.node('MatMul', [pageWeights, past[1]])
  const sums = graph.node('MatMul', [places.ownership, reshape(pageMixes, [0, -1])])
  const mixed = graph.node('Add', [
    reshape(sums, [0, kvHeads, -1, headDim]),
    graph.node('MatMul', [newWeights, newValues]),
  ])
  const byPlace = transpose(reshape(mixed, [0, 0, group, -1, headDim]), [0, 3, 1, 2, 4])
  const rows = gather(reshape(byPlace, [-1, heads * headDim]), places.ofTokens)
  return reshape(rows, [1, -1, heads * headDim])
}
