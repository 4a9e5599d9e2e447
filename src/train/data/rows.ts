import { usageError } from '../../errors.js'
import type { PackedData } from './packed.js'
import type { HeldOutData } from './training-data.js'

/** The rows from `first` on, as data of their own. */
function rowsFrom(data: PackedData, first: number, rows: number, stride = 1): HeldOutData {
  return {
    rows,
    bytesPerToken: data.bytesPerToken,
    read: (indices) => data.read(indices.map((i) => first + Math.floor(i * stride))),
  }
}

/** At most so many rows, spread evenly over the data. */
export function sampleRows(data: PackedData, limit: number): HeldOutData {
  const rows = Math.min(limit, data.rows)
  return rowsFrom(data, 0, rows, data.rows / rows)
}

/**
 * The last rows to evaluate on, a hundredth of them but `limit` at most, and the others to learn from.
 * @throws UserError for a single row
 */
export function splitTail(data: PackedData, limit: number): { training: HeldOutData; heldOut: HeldOutData } {
  const count = Math.min(limit, Math.max(1, Math.floor(data.rows / 100)))
  if (data.rows <= count) {
    throw usageError(
      `The data is one row of ${data.length} tokens, which leaves none to evaluate on: give more text, a --held-out file, or a shorter --sequence-length.`,
    )
  }
  const rest = data.rows - count
  return { training: rowsFrom(data, 0, rest), heldOut: rowsFrom(data, rest, count) }
}
