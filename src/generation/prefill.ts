import { usageError } from '../errors.js'
import { BranchingModel } from '../strategies/branches.js'
import type { KVCache, Model } from '../strategies/types.js'
import type { GenerationConfig } from './config.js'
import { GuidedModel } from './guidance.js'

/** Caches that are ready for their strategies. */
export interface Prefilled {
  readonly target: Model
  /** One a sequence. */
  readonly caches: readonly KVCache[]
  dispose(): void
}

/** Several sequences, or the two sides of guidance, are branches of one tree and share the prompt's cache. */
export async function prefill(
  model: Model,
  promptIds: readonly number[],
  { guidance_scale: scale = 1 }: GenerationConfig,
  count: number,
  negative: readonly number[] | undefined,
): Promise<Prefilled> {
  if (scale === 1 && negative) {
    throw usageError(
      'A negative prompt has no effect without guidance: set guidance_scale to another value than 1.',
    )
  }
  if (count === 1 && scale === 1) {
    const cache = model.newCache()
    return { target: model, caches: [cache], dispose: () => cache.dispose() }
  }
  const branching = new BranchingModel(model)
  const dispose = () => branching.dispose()
  try {
    const root = branching.newCache()
    const shared = promptIds.slice(0, -1)
    if (shared.length > 0) {
      const parents = shared.map((_, i) => i - 1)
      await branching.forward(root, shared, parents, [])
    }
    const forks = Array.from({ length: count }, () => root.fork())
    if (scale === 1) return { target: branching, caches: forks, dispose }
    const guided = new GuidedModel(branching, promptIds.length, negative ?? promptIds.slice(-1), scale)
    return { target: guided, caches: forks.map((fork) => guided.newCache(fork)), dispose }
  } catch (error) {
    dispose()
    throw error
  }
}
