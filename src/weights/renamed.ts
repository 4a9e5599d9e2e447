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
    read: (name, rows) => store.read(nameOf(name), rows),
    isSame: (name, other) => store.isSame(nameOf(name), nameOf(other)),
    isVerbatim: (name, dtype) => store.isVerbatim(nameOf(name), dtype),
    close: () => store.close(),
  }
}

/** The same tensors but for those whose names match. */
export function without(store: WeightStore, names: RegExp): WeightStore {
  const kept = <V>(all: ReadonlyMap<string, V>) => new Map([...all].filter(([name]) => !names.test(name)))
  return {
    tensors: kept(store.tensors),
    metadata: store.metadata,
    unreadable: kept(store.unreadable),
    fingerprint: () => store.fingerprint(),
    read: (name, rows) => store.read(name, rows),
    isSame: (name, other) => store.isSame(name, other),
    isVerbatim: (name, dtype) => store.isVerbatim(name, dtype),
    close: () => store.close(),
  }
}
