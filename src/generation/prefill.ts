import type { GenerationConfig } from '../config/index.js'
import { usageError } from '../errors.js'
import { mergingModel } from '../model/branches.js'
import type { KVCache, Model } from '../model/model.js'
import { GuidedModel } from '../scores/guidance.js'

/** Caches that are ready for their strategies. */
export interface Prefilled {
  readonly target: Model
  /** One a sequence. */
  readonly caches: readonly KVCache[]
  dispose(): void
}

/** What there may be beside the prompt. */
export interface PrefillOptions {
  readonly negative?: readonly number[]
  /** Holds the beginning of the prompt. */
  readonly past?: KVCache
  /** Ends it with its reason. */
  readonly signal?: AbortSignal
}

/** Several sequences, or the two sides of guidance, run together, and go on from the prompt's cache. */
export async function prefill(
  model: Model,
  promptIds: readonly number[],
  { guidance_scale: scale = 1 }: GenerationConfig,
  count: number,
  { negative, past, signal }: PrefillOptions = {},
): Promise<Prefilled> {
  if (scale === 1 && negative) {
    throw usageError(
      'A negative prompt has no effect without guidance: set guidance_scale to another value than 1.',
    )
  }
  const cache = past ?? model.newCache(promptIds)
  // The prompt's last token gives the first scores; token healing may have taken one away.
  if (cache.length >= promptIds.length) cache.keep([...promptIds.keys()].slice(0, -1))
  if (count === 1 && scale === 1) {
    return { target: model, caches: [cache], dispose: () => cache.dispose() }
  }
  const merging = mergingModel(model, cache)
  const caches: KVCache[] = []
  const dispose = () => {
    for (const each of caches) each.dispose()
    merging.dispose()
  }
  try {
    const root = merging.root()
    const held = root.length
    const rest = promptIds.slice(held, -1)
    if (rest.length > 0) {
      const parents = rest.map((_, i) => held + i - 1)
      await merging.forward(root, rest, parents, [], { states: [], signal })
    }
    const guided =
      scale === 1
        ? undefined
        : new GuidedModel(merging, promptIds.length, negative ?? promptIds.slice(-1), scale)
    for (let i = 0; i < count; i++) caches.push(guided ? guided.guide(root.fork()) : root.fork())
    return { target: guided ?? merging, caches, dispose }
  } catch (error) {
    dispose()
    throw error
  }
}
