import { UserError } from '../../errors.js'

/** Turns a tensor's stored values into HF's, in place. */
export type Restore = (values: Float32Array, shape: readonly number[]) => void

/**
 * Gemma multiplies by 1 + w, and the converter stores fp32(1 + w). The difference is exact in fp32, so what
 * is lost is what the sum rounded off: at most 2⁻²⁴ for |w| < 1, and nothing for a w of bf16 down to 2⁻¹⁶.
 */
export function subtractOne(values: Float32Array): void {
  for (let i = 0; i < values.length; i++) values[i] -= 1
}

/**
 * Meta's rotary embedding turns neighbouring pairs of a head's rows, HF's turns row i with row i + half. The
 * converter reorders each head's rows for the former: stored row 2i + j is HF's row j · half + i.
 */
export function unpermute(name: string, heads: number | undefined): Restore {
  return (values, shape) => {
    const half = shape[0] / Number(heads) / 2
    if (!Number.isInteger(half)) {
      throw new UserError(`Tensor ${name} has ${shape[0]} rows, which ${heads} attention heads cannot share.`)
    }
    const columns = values.length / shape[0]
    for (let head = 0; head < values.length; head += 2 * half * columns) {
      const stored = values.slice(head, head + 2 * half * columns)
      for (let row = 0; row < 2 * half; row++) {
        const target = (row % 2) * half + (row >> 1)
        values.set(stored.subarray(row * columns, (row + 1) * columns), head + target * columns)
      }
    }
  }
}
