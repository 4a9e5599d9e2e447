import {
  assembled,
  layoutName,
  partOf,
  type StoredLayout,
  type StoredParts,
  storedParts,
  storedRows,
  variantOf,
} from '../models/layout.js'
import { EMBEDDING, HEAD } from '../models/parameters.js'
import type { DecoderSpec } from '../models/spec.js'
import { checkTensors } from '../runtime/storage.js'
import { arranged, flattened, renamed, type TensorInfo, type WeightStore, without } from '../weights/index.js'

/**
 * A checkpoint's tensors as the model's parameters.
 * @param declared undefined where they lie as the parameters do
 * @param origin the weights' path, for messages
 * @throws UserError for a tensor that the layout tells of and that is missing, of another shape, or of a dtype that cannot be read
 */
export function parametersIn(
  store: WeightStore,
  spec: DecoderSpec,
  declared: StoredLayout = {},
  origin: string,
): WeightStore {
  const layout = variantOf(declared, store.tensors.keys())
  const own = flattened(layout.ignored ? without(store, layout.ignored) : store)
  const rename = layoutName(layout, new Set([...own.tensors.keys(), ...own.unreadable.keys()]))
  const named = renamed(own, rename)
  const places = storedRows(spec, layout)
  const isMoved = [...places].some(([name, { tensor, rows, transposed }]) => {
    return tensor !== name || rows || transposed
  })
  if (!isMoved) return named
  const wanted = new Map([...places.values()].map(({ tensor, shape }) => [tensor, shape]))
  if (spec.tiedHead) {
    // One of the two stands for both; without either the embedding is asked for.
    const [embedding, head] = [EMBEDDING, HEAD].map((name) => places.get(name)!.tensor)
    const hasHead = named.tensors.has(head)
    if (!hasHead) wanted.delete(head)
    else if (!named.tensors.has(embedding)) wanted.delete(embedding)
  }
  checkTensors(
    [...wanted].map(([name, shape]) => ({ name, shape })),
    named,
    origin,
  )
  return arranged(named, places)
}

/** A model's parameters as the tensors of a checkpoint, of which `parametersIn` makes them again. */
export function checkpointOf(store: WeightStore, spec: DecoderSpec, layout: StoredLayout): WeightStore {
  const stored = storedParts(spec, layout)
  const tensors = [...stored].map(([name, each]) => [name, infoOf(name, each, store)] as const)
  const asParameter = (name: string) => partOf(stored.get(name)!)
  return {
    tensors: new Map(tensors),
    metadata: store.metadata,
    unreadable: new Map(),
    fingerprint: () => store.fingerprint(),
    async read(name, range) {
      const own = asParameter(name)
      if (own !== undefined) return store.read(own, range)
      const each = stored.get(name)!
      const values = assembled(each, await Promise.all(each.parts.map((part) => store.read(part.name))))
      const width = each.shape[1] ?? 1
      return range ? values.subarray(range[0] * width, range[1] * width) : values
    },
    async isSame(name, other) {
      const [a, b] = [asParameter(name), asParameter(other)]
      return a !== undefined && b !== undefined && store.isSame(a, b)
    },
    isVerbatim(name, dtype) {
      const own = asParameter(name)
      return own !== undefined && store.isVerbatim(own, dtype)
    },
    close: () => store.close(),
  }
}

function infoOf(name: string, { shape, parts }: StoredParts, store: WeightStore): TensorInfo {
  const infos = parts.map((part) => store.tensors.get(part.name)!)
  const byteLength = infos.reduce((sum, info) => sum + info.byteLength, 0)
  return { ...infos[0], name, shape: [...shape], byteLength }
}
