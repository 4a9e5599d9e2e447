import type { TensorInfo, WeightStore } from './types.js'

/**
 * The same tensors by other names.
 * @param rename from a tensor's name in `store` to its new one
 */
export function renamed(store: WeightStore, rename: (name: string) => string): WeightStore {
  const original = new Map([...store.tensors.keys()].map((name) => [rename(name), name]))
  const tensors = new Map(
    [...original].map(([name, old]): [string, TensorInfo] => [name, { ...store.tensors.get(old)!, name }]),
  )
  const nameOf = (name: string) => original.get(name) ?? name
  return {
    tensors,
    metadata: store.metadata,
    unreadable: new Map([...store.unreadable].map(([name, dtype]) => [rename(name), dtype])),
    fingerprint: () => store.fingerprint(),
    read: (name) => store.read(nameOf(name)),
    isSame: (name, other) => store.isSame(nameOf(name), nameOf(other)),
    isVerbatim: (name, dtype) => store.isVerbatim(nameOf(name), dtype),
    close: () => store.close(),
  }
}
