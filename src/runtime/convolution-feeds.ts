import { convolutionOf, type DecoderSpec } from '../models/spec.js'
import type { TreeCache } from './kv-cache.js'
import type * as ort from './ort.js'
import { int64 } from './pass.js'

/** The last slots of a cache, which a run is given, and where the rows of earlier ones lie among those that the graph sees. */
export interface NewSlots {
  readonly cache: Pick<TreeCache, 'length' | 'lineage'>
  readonly count: number
  placeOf(slot: number): number
}

/**
 * What short convolutions are given of the tokens before each token: `conv_past`, int64 [N], the rows of earlier passes that are read, and
 * `conv_window`, int64 [kernel, T], places among a row of zeros, the T new rows and those. Nothing where a model has none.
 * @param parts caches whose tokens are run together, one after the other
 */
export function convolutionFeeds(spec: DecoderSpec, parts: readonly NewSlots[]): Record<string, ort.Tensor> {
  const convolution = convolutionOf(spec)
  if (!convolution) return {}
  const { kernel } = convolution
  const total = parts.reduce((sum, { count }) => sum + count, 0)
  const window = Array<number>(kernel * total)
  const past = new Map<number, number>()
  const earlier = (place: number) => {
    if (!past.has(place)) past.set(place, past.size)
    return 1 + total + past.get(place)!
  }
  let before = 0
  for (const { cache, count, placeOf } of parts) {
    const first = cache.length - count
    for (const [i, slot] of cache.lineage(count, kernel).entries()) {
      const token = before + Math.floor(i / kernel)
      const isNew = slot >= first
      const row = isNew ? 1 + before + slot - first : slot < 0 ? 0 : earlier(placeOf(slot))
      window[(i % kernel) * total + token] = row
    }
    before += count
  }
  // A row that nobody reads, where none is.
  const rows = past.size > 0 ? [...past.keys()] : [0]
  return { conv_past: int64(rows), conv_window: int64(window, [kernel, total]) }
}
