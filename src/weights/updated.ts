import { createHash } from 'node:crypto'
import type { TensorInfo, WeightStore } from './types.js'

/** A tensor that is computed from others. */
export interface Update {
  /** The tensor whose type and shape it has. */
  readonly like: string
  /** Its values, row-major. */
  read(): Promise<Float32Array>
}

/**
 * A store some of whose tensors are others, or added to it.
 * @param updates by the names of the tensors
 * @param key what tells the updates from others, as a part of the fingerprint
 * @param close closes what the updates read, beside the store
 */
export function updated(
  store: WeightStore,
  updates: ReadonlyMap<string, Update>,
  key: string,
  close: () => Promise<void>,
): WeightStore {
  const changed = [...updates].map(([name, { like }]): [string, TensorInfo] => {
    return [name, { ...store.tensors.get(like)!, name }]
  })
  const tensors = new Map([...store.tensors, ...changed])
  return {
    tensors,
    metadata: store.metadata,
    unreadable: store.unreadable,
    fingerprint: async () =>
      createHash('sha256')
        .update(await store.fingerprint())
        .update(key)
        .digest('hex'),
    async read(name, rows) {
      const update = updates.get(name)
      if (!update) return store.read(name, rows)
      const values = await update.read()
      const width = tensors.get(name)!.shape[1] ?? 1
      return rows ? values.subarray(rows[0] * width, rows[1] * width) : values
    },
    isSame: async (name, other) =>
      !updates.has(name) && !updates.has(other) && (await store.isSame(name, other)),
    isVerbatim: (name, dtype) => !updates.has(name) && store.isVerbatim(name, dtype),
    close: async () => {
      await Promise.all([store.close(), close()])
    },
  }
}
