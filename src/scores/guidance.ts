import { usageError } from '../errors.js'
import { DelegatingModel, renumber } from '../model/delegate.js'
import type { ForwardOptions, KVCache, Model, Output } from '../model/model.js'
import { combineGuidance } from './processors/index.js'

/**
 * A model under classifier-free guidance (Sanchez et al. 2023; HF's `guidance_scale` with `negative_prompt_ids`):
 * processors start from log-probabilities that are moved away from those which the same continuation has after another
 * prompt; its logits stay the model's own, as in HF. It works with any strategy. On a `BranchingModel` both sides run
 * as one pass.
 */
export class GuidedModel extends DelegatingModel {
  /**
   * @param promptLength tokens of the prompt, which `negativePrompt` replaces on the other side
   * @throws UserError for an empty negative prompt
   */
  constructor(
    model: Model,
    private readonly promptLength: number,
    private readonly negativePrompt: readonly number[],
    private readonly scale: number,
  ) {
    super(model)
    if (negativePrompt.length === 0) {
      throw usageError('The negative prompt is empty: give it at least one token.')
    }
  }

  override newCache(): KVCache {
    return this.guide(this.inner.newCache())
  }

  /** @param conditional a cache of the model that may hold the beginning of the prompt. */
  guide(conditional: KVCache): KVCache {
    return new GuidedCache(conditional, this.inner.newCache(), this.promptLength, this.negativePrompt.length)
  }

  override async forward(
    cache: KVCache,
    tokens: readonly number[],
    parents: readonly number[],
    nodes: readonly number[] = tokens.map((_, i) => i),
    { states, signal }: ForwardOptions = {},
  ): Promise<Output> {
    if (!(cache instanceof GuidedCache)) throw new TypeError('The cache is of another kind of model.')
    const first = cache.length
    const before = cache.unconditional.length
    const generated = tokens.map((_, i) => i).filter((i) => first + i >= this.promptLength)
    // The negative prompt runs together with the end of the prompt, whose last token gives the first scores.
    const entersPrompt = first < this.promptLength && first + tokens.length >= this.promptLength
    const head = entersPrompt ? this.negativePrompt : []
    const chosenFrom = nodes.filter((node) => first + node >= this.promptLength - 1)
    const counterpart = (node: number) => cache.counterpart(first + node) - before
    const [conditional, unconditional] = await Promise.all([
      this.inner.forward(cache.conditional, tokens, parents, nodes, { states, signal }),
      head.length + generated.length > 0
        ? this.inner.forward(
            cache.unconditional,
            [...head, ...generated.map((i) => tokens[i])],
            [...head.map((_, i) => i - 1), ...generated.map((i) => cache.counterpart(parents[i]))],
            chosenFrom.map(counterpart),
            { states: [], signal },
          )
        : undefined,
    ])
    return {
      ...renumber(conditional),
      scores: (node) => {
        const other = unconditional!.logits(counterpart(node))
        return combineGuidance(conditional.logits(node).slice(), other, this.scale)
      },
    }
  }
}

/** Two caches: what follows the prompts is the same in both, at a constant distance. */
class GuidedCache implements KVCache {
  constructor(
    readonly conditional: KVCache,
    readonly unconditional: KVCache,
    private readonly promptLength: number,
    private readonly negativeLength: number,
  ) {}

  get length(): number {
    return this.conditional.length
  }

  /** The slot on the other side of one at or after the prompt's last. */
  counterpart(slot: number): number {
    return slot - this.promptLength + this.negativeLength
  }

  keep(slots: readonly number[]): void {
    const generated = slots.filter((slot) => slot >= this.promptLength)
    if (slots.length - generated.length < Math.min(this.promptLength, this.length)) {
      throw new RangeError('A guided cache keeps its prompt.')
    }
    this.conditional.keep(slots)
    const negative = Array(Math.min(this.negativeLength, this.unconditional.length)).keys()
    this.unconditional.keep([...negative, ...generated.map((slot) => this.counterpart(slot))])
  }

  dispose(): void {
    this.conditional.dispose()
    this.unconditional.dispose()
  }
}
