import { rowsOfTensor } from './file-weight-store.js'
import { transpose } from './transpose.js'
import type { TensorInfo, WeightStore } from './types.js'

/** What a tensor is made of: rows of another one, which may lie there as columns. */
export interface Arrangement {
  readonly tensor: string
  /** The other tensor's row for each of this one's; undefined: all of them, in their order. */
  readonly rows?: Int32Array
  /** Whether the other tensor's columns are what is called its rows here. */
  readonly transposed: boolean
}

/**
 * A store whose tensors are arranged anew: by other names, as rows of others, and transposed. Of a tensor no more than the rows that are
 * asked for is read. Tensors that no arrangement reads stay as they are.
 * @param arrangements by the new names; those whose tensors the store lacks are left out
 */
export function arranged(store: WeightStore, arrangements: ReadonlyMap<string, Arrangement>): WeightStore {
  const used = new Set([...arrangements.values()].map(({ tensor }) => tensor))
  const present = [...arrangements].filter(([, { tensor }]) => store.tensors.has(tensor))
  const others = [...store.tensors].filter(([name]) => !used.has(name))
  const lost = [...arrangements].filter(([, { tensor }]) => store.unreadable.has(tensor))
  const tensors = new Map([
    ...others,
    ...present.map(([name, each]) => [name, infoOf(name, store.tensors.get(each.tensor)!, each)] as const),
  ])
  const asStored = (name: string) => {
    const { tensor = name, rows, transposed = false } = arrangements.get(name) ?? {}
    return rows || transposed ? undefined : tensor
  }
  return {
    tensors,
    metadata: store.metadata,
    unreadable: new Map([
      ...[...store.unreadable].filter(([name]) => !used.has(name)),
      ...lost.map(([name, { tensor }]) => [name, store.unreadable.get(tensor)!] as const),
    ]),
    fingerprint: () => store.fingerprint(),
    async read(name, range) {
      const arrangement = arrangements.get(name) ?? { tensor: name, transposed: false }
      const stored = asStored(name)
      if (stored !== undefined) return store.read(stored, range)
      const values = await gathered(store, arrangement)
      if (!range) return values
      const { shape } = tensors.get(name)!
      const width = shape[1] ?? 1
      return values.subarray(range[0] * width, range[1] * width)
    },
    async isSame(name, other) {
      const [a, b] = [asStored(name), asStored(other)]
      return a !== undefined && b !== undefined && store.isSame(a, b)
    },
    isVerbatim(name, dtype) {
      const { tensor = name, rows, transposed = false } = arrangements.get(name) ?? {}
      return !transposed && (!rows || isRun(rows)) && store.isVerbatim(tensor, dtype)
    },
    close: () => store.close(),
  }
}

/** Whether rows follow one another. */
function isRun(rows: Int32Array): boolean {
  return rows.every((row, i) => row === rows[0] + i)
}

function infoOf(name: string, info: TensorInfo, { rows, transposed }: Arrangement): TensorInfo {
  const shape = transposed ? info.shape.toReversed() : info.shape
  if (!rows) return { ...info, name, shape }
  if (!transposed && isRun(rows)) return { ...rowsOfTensor(info, [rows[0], rows[0] + rows.length]), name }
  const byteLength = (info.byteLength / shape[0]) * rows.length
  return { ...info, name, shape: [rows.length, ...shape.slice(1)], byteLength }
}

async function gathered(
  store: WeightStore,
  { tensor, rows, transposed }: Arrangement,
): Promise<Float32Array> {
  const { shape } = store.tensors.get(tensor)!
  if (transposed) return rowsIn(await store.read(tensor), shape, { rows, transposed })
  const width = shape[1] ?? 1
  const result = new Float32Array(rows!.length * width)
  for (const { range, places } of runsOf(rows!)) {
    const values = await store.read(tensor, range)
    for (const [i, place] of places.entries()) {
      result.set(values.subarray(i * width, (i + 1) * width), place * width)
    }
  }
  return result
}

/** The rows that an arrangement takes of a tensor's values; all as they are where it takes all as they lie. */
export function rowsIn(
  values: Float32Array,
  shape: readonly number[],
  { rows, transposed }: Pick<Arrangement, 'rows' | 'transposed'>,
): Float32Array {
  const turned = transposed ? transpose(values, shape[0], shape[1]) : values
  return rows ? picked(turned, rows, (transposed ? shape[0] : shape[1]) ?? 1) : turned
}

function picked(values: Float32Array, rows: Int32Array, width: number): Float32Array {
  const result = new Float32Array(rows.length * width)
  for (const [i, row] of rows.entries()) {
    result.set(values.subarray(row * width, (row + 1) * width), i * width)
  }
  return result
}

/** Rows that lie side by side, whatever order they are asked for in: from which to which, and the place of each. */
function runsOf(rows: Int32Array): { range: readonly [number, number]; places: Int32Array }[] {
  const order = Int32Array.from(rows.keys()).sort((a, b) => rows[a] - rows[b])
  const runs: { range: readonly [number, number]; places: Int32Array }[] = []
  for (let start = 0; start < order.length; ) {
    let end = start + 1
    while (end < order.length && rows[order[end]] === rows[order[end - 1]] + 1) end++
    const first = rows[order[start]]
    runs.push({ range: [first, first + end - start], places: order.subarray(start, end) })
    start = end
  }
  return runs
}
