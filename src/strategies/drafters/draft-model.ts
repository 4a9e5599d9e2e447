import type { Model } from '../../model/model.js'
import { extend, type Prefix, tokensOf } from '../../model/prefix.js'
import type { TokenTree } from '../../model/token-tree.js'
import { sampleIndex } from '../../random.js'
import { maximum } from '../ranking.js'
import { softmax } from '../softmax.js'
import type { CreateDrafter, Drafter, Request } from '../strategy.js'
import { DraftCache } from './draft-cache.js'

export interface DraftModelOptions {
  /** With the target's vocabulary. */
  readonly model: Model
  /** HF's `num_assistant_tokens`: tokens to draft at a time. */
  readonly numTokens: number
  /** HF's schedule `heuristic`: two tokens more where all were accepted, and one fewer where not. */
  readonly adaptive?: boolean
  /** HF's `assistant_confidence_threshold`: drafting ends with a token that is less probable. */
  readonly confidenceThreshold?: number
  /** Draws the draft for `rejectionSample`; otherwise it is the most probable one at each place. */
  readonly sampled?: boolean
  /** Nothing is drafted beyond these tokens. */
  readonly eosTokenIds?: readonly number[]
}

/** Drafts a chain with a smaller model (Leviathan et al. 2023, algorithm 1; HF's `AssistedCandidateGenerator`). */
export function draftModel(options: DraftModelOptions): CreateDrafter {
  return (request) => new DraftModelDrafter(options, request)
}

class DraftModelDrafter implements Drafter {
  private readonly cache: DraftCache
  /** Tokens to draft at a time. */
  private numTokens: number
  /** The last draft, and how long the text was before it. */
  private drafted: { readonly tokens: readonly number[]; readonly after: number } | undefined

  constructor(
    private readonly options: DraftModelOptions,
    private readonly request: Pick<Request, 'processors' | 'draftRandom'>,
  ) {
    this.cache = new DraftCache(options.model)
    this.numTokens = options.numTokens
  }

  async draft(prefix: Prefix, _: unknown, limit: number): Promise<TokenTree> {
    const { model, confidenceThreshold = 0, sampled = false, eosTokenIds = [] } = this.options
    const text = tokensOf(prefix)
    this.adapt(text)
    const room = Math.min(limit, this.numTokens, model.maxPositions - prefix.length)
    // The most probable token is the one with the best score: probabilities of a large vocabulary take as long as a small model's pass.
    const needsProbabilities = sampled || confidenceThreshold > 0
    const tree: Required<TokenTree> = { tokens: [], parents: [], probs: [] }
    let pending = this.cache.follow(text)
    let last = prefix
    while (tree.tokens.length < room) {
      const scores = await this.scores(pending, last)
      // Where nothing can follow the draft, the target says so, if it comes there.
      if (!Number.isFinite(maximum(scores))) break
      const p = needsProbabilities ? softmax(scores, scores) : scores
      const token = sampled ? sampleIndex(p, this.request.draftRandom) : p.indexOf(maximum(p))
      tree.parents.push(tree.tokens.length - 1)
      tree.tokens.push(token)
      if (sampled) tree.probs.push(p)
      if ((needsProbabilities && p[token] < confidenceThreshold) || eosTokenIds.includes(token)) break
      last = extend(last, token)
      pending = [token]
    }
    this.drafted = { tokens: tree.tokens, after: text.length }
    return sampled ? tree : { tokens: tree.tokens, parents: tree.parents }
  }

  /** HF's `update_candidate_strategy`, which counts a draft that ended early as one that was not accepted whole. */
  private adapt(text: readonly number[]): void {
    if (!this.options.adaptive || !this.drafted) return
    const { tokens, after } = this.drafted
    const isWhole = tokens.length === this.numTokens && tokens.every((token, i) => text[after + i] === token)
    this.numTokens = isWhole ? this.numTokens + 2 : Math.max(1, this.numTokens - 1)
  }

  /** The model's scores after the tokens, processed as the target's are, [vocab]: a copy. */
  private async scores(tokens: readonly number[], prefix: Prefix): Promise<Float32Array<ArrayBuffer>> {
    const scores = (await this.cache.append(tokens)).slice()
    for (const process of this.request.processors) process(scores, prefix)
    return scores
  }

  dispose(): void {
    this.cache.dispose()
  }
}
