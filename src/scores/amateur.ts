import { DelegatingModel, renumber } from '../model/delegate.js'
import type { ForwardOptions, KVCache, Model, Output } from '../model/model.js'
import { maximum } from '../strategies/ranking.js'
import { logSoftmax } from '../strategies/softmax.js'

export interface AmateurContrast {
  /** Share of the best token's probability under the expert that a token must have. */
  readonly alpha: number
  /** Strength of the contrast; without one it is that of Li et al. */
  readonly beta?: number
}

/**
 * A model under contrastive decoding (Li et al. 2023): processors start from its log-probabilities less those of an amateur, a weaker model
 * with the same vocabulary, after the same tokens; its logits stay its own. It works with any strategy. The amateur runs before it.
 */
export class AmateurModel extends DelegatingModel {
  constructor(
    expert: Model,
    private readonly amateur: Model,
    private readonly contrast: AmateurContrast,
  ) {
    super(expert)
  }

  override get maxPositions(): number {
    return Math.min(this.inner.maxPositions, this.amateur.maxPositions)
  }

  override newCache(): KVCache {
    return this.pair(this.inner.newCache(), this.amateur.newCache())
  }

  /** @param amateur a cache that holds the tokens which the expert's does, in the same slots */
  pair(expert: KVCache, amateur: KVCache): KVCache {
    return new PairedCache(expert, amateur)
  }

  override async forward(
    cache: KVCache,
    tokens: readonly number[],
    parents: readonly number[],
    nodes: readonly number[] = tokens.map((_, i) => i),
    { states, signal }: ForwardOptions = {},
  ): Promise<Output> {
    if (!(cache instanceof PairedCache)) throw new TypeError('The cache is of another kind of model.')
    const amateur = await this.amateur.forward(cache.amateur, tokens, parents, nodes, { states: [], signal })
    // Copies: the amateur may run for other sequences before the expert has run for this one.
    const baseline = new Map(nodes.map((node) => [node, logSoftmax(amateur.logits(node).slice())]))
    const expert = await this.inner.forward(cache.expert, tokens, parents, nodes, { states, signal })
    return {
      ...renumber(expert),
      scores: (node, keepPossible) => {
        const logits = expert.logits(node).slice()
        keepPossible?.(logits)
        return contrastAmateur(logits, baseline.get(node)!, this.contrast)
      },
    }
  }
}

/**
 * log p - log q, where p is the expert's probability and q the amateur's (Li et al. 2023, eq. 3); with a beta (1 + beta) log p - beta log q
 * (O'Brien and Lewis 2023, section 2), which 0 leaves as it is. Tokens with p < alpha · max p are -Infinity.
 * @param logits of the expert, [vocab]: takes the result
 * @param baseline log-probabilities of the amateur, [vocab]
 */
export function contrastAmateur(
  logits: Float32Array,
  baseline: Float32Array,
  { alpha, beta }: AmateurContrast,
): Float32Array {
  const scores = logSoftmax(logits)
  const least = maximum(scores) + Math.log(alpha)
  const [own, other] = beta === undefined ? [1, 1] : [1 + beta, beta]
  for (let i = 0; i < scores.length; i++) {
    scores[i] =
      scores[i] < least || scores[i] === -Infinity ? -Infinity : own * scores[i] - other * baseline[i]
  }
  return scores
}

/** Two caches with the same tokens in the same slots. */
class PairedCache implements KVCache {
  constructor(
    readonly expert: KVCache,
    readonly amateur: KVCache,
  ) {
    if (expert.length !== amateur.length) throw new RangeError('Paired caches hold the same tokens.')
  }

  get length(): number {
    return this.expert.length
  }

  keep(slots: readonly number[]): void {
    this.expert.keep(slots)
    this.amateur.keep(slots)
  }

  dispose(): void {
    this.expert.dispose()
    this.amateur.dispose()
  }
}
