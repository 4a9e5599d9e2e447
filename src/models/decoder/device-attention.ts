import type { Graph, Value } from '../../onnx/graph.js'
import type { AttentionShape } from './paged-attention.js'

/** What attention over a cache on a device is given. */
export interface DeviceAttentionInputs {
  /** Rotated, [1, T, heads * headDim]. */
  readonly query: Value
  /** Rotated, [1, T, kvHeads * headDim]. */
  readonly key: Value
  /** [1, T, kvHeads * headDim]. */
  readonly value: Value
  /** Keys and values, [1, kvHeads, C, headDim]. */
  readonly past: readonly [Value, Value]
  /** int32 [1]: S - 1, and S, the columns in use with the T new ones, which are the last. */
  readonly columns: readonly [Value, Value]
  /** Added to the scores, [1, 1, T, S]. */
  readonly mask: Value
}

/**
 * Attention as one operator, which writes the new rows into the cache as well: on WebGPU what counts is how many kernels a pass has.
 * By itself it hides columns after a token's own, as the order of the tokens allows: a parent comes before its children. Its own rotary
 * embedding is not used, since it takes no notice of positions on WebGPU.
 * @param present what the cache is called afterwards, which is given the memory of `past`
 * @returns [1, T, heads * headDim]
 */
export function deviceAttention(
  graph: Graph,
  { query, key, value, past, columns, mask }: DeviceAttentionInputs,
  { heads, kvHeads, attentionSoftcap = 0 }: Omit<AttentionShape, 'headDim'>,
  present: readonly [string, string],
): Value {
  const attended = graph.fresh('attended')
  graph.nodeWith(
    'com.microsoft::GroupQueryAttention',
    [query, key, value, ...past, ...columns, '', '', '', mask],
    {
      num_heads: heads,
      kv_num_heads: kvHeads,
      do_rotary: 0,
      scale: { float: 1 },
      softcap: { float: attentionSoftcap },
    },
    [attended, ...present],
  )
  return attended
}
