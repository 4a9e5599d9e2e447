import { layoutName, type StoredLayout, storedRows, variantOf } from '../models/layout.js'
import { EMBEDDING, HEAD } from '../models/parameters.js'
import type { DecoderSpec } from '../models/spec.js'
import { checkTensors } from '../runtime/storage.js'
import { arranged, flattened, renamed, type WeightStore, without } from '../weights/index.js'

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
