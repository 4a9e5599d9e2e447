import type { GenerationConfig } from '../config/index.js'
import { usageError } from '../errors.js'
import { mergingModel } from '../model/branches.js'
import type { KVCache, Model } from '../model/model.js'
import { AmateurModel } from '../scores/amateur.js'
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
  /** Its log-probabilities are taken from the model's. */
  readonly amateur?: Model
  /** Holds the beginning of the prompt. */
  readonly past?: KVCache
  /** Ends it with its reason. */
  readonly signal?: AbortSignal
}

/** Several sequences, or the two sides of guidance, run together, and go on from the prompt's cache. */
export async function prefill(
  model: Model,
  promptIds: readonly number[],
  config: GenerationConfig,
  count: number,
  { amateur, ...options }: PrefillOptions = {},
): Promise<Prefilled> {
  const own = await prefillOne(model, promptIds, config, count, options)
  if (!amateur) return own
  let other: Prefilled | undefined
  try {
    const { signal } = options
    other = await prefillOne(amateur, promptIds, { guidance_scale: 1 }, count, { signal })
    const { target } = other
    const { amateur_alpha: alpha, amateur_beta: beta } = config
    const contrasted = new AmateurModel(own.target, target, { alpha, beta })
    const caches: KVCache[] = []
    for (const [i, cache] of own.caches.entries()) {
      await follow(target, other.caches[i], promptIds.slice(0, cache.length), signal)
      caches.push(contrasted.pair(cache, other.caches[i]))
    }
    const dispose = () => {
      own.dispose()
      other?.dispose()
    }
    return { target: contrasted, caches, dispose }
  } catch (error) {
    own.dispose()
    other?.dispose()
    throw error
  }
}

/** Brings a cache that holds the beginning of a prompt, or more of it, to hold these tokens. */
async function follow(
  model: Model,
  cache: KVCache,
  ids: readonly number[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const held = cache.length
  if (held > ids.length) cache.keep([...ids.keys()])
  const rest = ids.slice(held)
  if (rest.length === 0) return
  await model.forward(
    cache,
    rest,
    rest.map((_, i) => held + i - 1),
    [],
    { states: [], signal },
  )
}

async function prefillOne(
  model: Model,
  promptIds: readonly number[],
  { guidance_scale: scale = 1 }: Pick<GenerationConfig, 'guidance_scale'>,
  count: number,
  { negative, past, signal }: Omit<PrefillOptions, 'amateur'>,
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
