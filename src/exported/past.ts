import type { CacheTensor } from './graph.js'
import type { HostTensor, MakeTensor } from './session.js'

/** Keys, values and states of rows of equally many tokens, as a run of the graph gave them. Nothing writes to them, so that caches share them. */
export interface Past {
  /** By input of the graph. */
  readonly tensors: Readonly<Record<string, HostTensor>>
  readonly rows: number
  /** Tokens of each row. */
  readonly length: number
}

/** A row of it. */
export interface Place {
  readonly past: Past
  readonly row: number
}

/**
 * The first `length` tokens of rows as one past: the very same, where these are all of one's rows and tokens, and a copy otherwise.
 * @param places their states end with just so many tokens, where the graph has some
 */
export function gather(
  places: readonly Place[],
  length: number,
  cache: readonly CacheTensor[],
  make: MakeTensor,
): Past {
  const [{ past: first }] = places
  const isWhole = places.every(({ past, row }, i) => past === first && row === i)
  if (isWhole && first.rows === places.length && first.length === length) return first
  const tensors = cache.map(({ input, axis }) => {
    const parts = places.map(({ past, row }) => ({ tensor: past.tensors[input], row }))
    return [input, rowsOf(parts, axis === undefined ? undefined : { axis, length }, make)]
  })
  return { tensors: Object.fromEntries(tensors), rows: places.length, length }
}

/** Rows of tensors below each other, [row, …], of each the first `length` along the axis. */
function rowsOf(
  parts: readonly { readonly tensor: HostTensor; readonly row: number }[],
  cut: { readonly axis: number; readonly length: number } | undefined,
  make: MakeTensor,
): HostTensor {
  const [{ tensor }] = parts
  const shape = tensor.dims.slice(1)
  if (cut) shape[cut.axis - 1] = cut.length
  const axis = cut ? cut.axis : 1
  const product = (sizes: readonly number[]) => sizes.reduce((a, b) => a * b, 1)
  /** Stretches of a row that are copied as they lie: what comes before the axis counts them. */
  const count = product(shape.slice(0, axis - 1))
  const stretch = product(shape.slice(axis - 1))
  const data = new (tensor.data.constructor as new (length: number) => HostTensor['data'])(
    parts.length * count * stretch,
  )
  for (const [i, { tensor, row }] of parts.entries()) {
    const whole = product(tensor.dims.slice(axis))
    for (let block = 0; block < count; block++) {
      const from = (row * count + block) * whole
      data.set(tensor.data.subarray(from, from + stretch) as never, (i * count + block) * stretch)
    }
  }
  return make(tensor.type, data, [parts.length, ...shape])
}
