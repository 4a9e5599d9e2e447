import type { MtpModule, ParallelHeads } from '../../model/heads.js'
import type { KVCache } from '../../model/model.js'
import { type Prefix, tokensOf } from '../../model/prefix.js'
import { chain, type TokenTree } from '../../model/token-tree.js'
import { maximum } from '../ranking.js'
import type { CreateDrafter, Drafter, VerifiedStep } from '../strategy.js'

export interface MtpOptions extends GuessedTokens {
  /** By depth; the last one is used again for what is deeper. */
  readonly modules: readonly MtpModule[]
  /** Tokens to draft at a time. */
  readonly depth: number
}

export interface GuessedTokens {
  /** The token of each score, where there is not one for each of the target's. */
  readonly draftTokens?: readonly number[]
  /** Nothing is drafted beyond these tokens. */
  readonly eosTokenIds?: readonly number[]
}

/**
 * Drafts a chain with modules of multi-token prediction (DeepSeek-AI 2024, section 2.2): depth k has a row for each position
 * j, made of the state of depth k - 1 there and the token k places on, as in training; its last row predicts the draft's
 * token k.
 */
export function mtp(options: MtpOptions): CreateDrafter {
  return () => new MtpDrafter(options)
}

/** The rows of one depth. */
interface Depth {
  readonly module: MtpModule
  readonly cache: KVCache
  /** States by position, from those of the first row that may still change. */
  readonly states: Map<number, Float32Array>
  /** The first position whose row is not there, or was made of a drafted token. */
  next: number
}

class MtpDrafter implements Drafter {
  readonly states = ['hidden'] as const
  private readonly depths: readonly Depth[]
  /** Positions whose state of the target is known: from `first` to before `observed`. */
  private first: number | undefined
  private observed = 0

  constructor(private readonly options: MtpOptions) {
    const { modules, depth } = options
    this.depths = Array.from({ length: depth }, (_, k) => {
      const module = modules[Math.min(k, modules.length - 1)]
      return { module, cache: module.newCache(), states: new Map(), next: 0 }
    })
  }

  verified({ prefix, states }: VerifiedStep): void {
    const hidden = states('hidden')
    const end = prefix.length - 1
    if (this.first === undefined) {
      this.first = end - hidden.length
      for (const depth of this.depths) depth.next = this.first
    }
    for (const [i, state] of hidden.entries()) {
      this.depths[0].states.set(end - hidden.length + i, state.slice())
    }
    this.observed = end
  }

  async draft(prefix: Prefix, _: unknown, limit: number): Promise<TokenTree> {
    const text = tokensOf(prefix)
    const { eosTokenIds = [] } = this.options
    const drafted: number[] = []
    for (const [k, depth] of this.depths.entries()) {
      if (drafted.length >= limit || this.observed !== text.length - 1) break
      const following = this.depths[k + 1]
      const token = await this.row(depth, following, [...text, ...drafted], k + 1)
      depth.next = Math.max(depth.next, text.length - 1 - k)
      for (const position of depth.states.keys()) {
        if (position < depth.next) depth.states.delete(position)
      }
      drafted.push(token)
      if (eosTokenIds.includes(token)) break
    }
    return chain(drafted)
  }

  /** Makes the rows of a depth that are not final yet; gives the token that the last one predicts. */
  private async row(
    { module, cache, states, next }: Depth,
    following: Depth | undefined,
    tokens: readonly number[],
    distance: number,
  ): Promise<number> {
    const final = next - this.first!
    if (cache.length > final) cache.keep(Array.from({ length: final }, (_, slot) => slot))
    const positions = Array.from({ length: this.observed - next }, (_, i) => next + i)
    const items = positions.map((position) => ({
      token: tokens[position + distance],
      state: states.get(position)!,
    }))
    const last = items.length - 1
    const parents = items.map((_, i) => final + i - 1)
    const wanted = following ? (['residual'] as const) : []
    const output = await module.forward(cache, items, parents, [last], { states: wanted })
    for (const [i, position] of positions.entries()) {
      following?.states.set(position, output.residual(i).slice())
    }
    return likeliest(output.logits(last), this.options)
  }

  dispose(): void {
    for (const { cache } of this.depths) cache.dispose()
  }
}

function likeliest(logits: Float32Array, { draftTokens }: GuessedTokens): number {
  const best = logits.indexOf(maximum(logits))
  return draftTokens ? draftTokens[best] : best
}

export interface ParallelMtpOptions extends GuessedTokens {
  readonly heads: ParallelHeads
}

/**
 * Drafts a chain with parallel heads (Gloeckle et al. 2024, section 2): each guesses its token from the target's states
 * alone, so that one pass gives the draft, and no row of it is made of a guess.
 */
export function parallelMtp(options: ParallelMtpOptions): CreateDrafter {
  return () => new ParallelMtpDrafter(options)
}

class ParallelMtpDrafter implements Drafter {
  readonly states = ['residual'] as const
  private readonly cache: KVCache
  /** Those that the heads have not seen. */
  private waiting: Float32Array[] = []

  constructor(private readonly options: ParallelMtpOptions) {
    this.cache = options.heads.newCache()
  }

  verified({ states }: VerifiedStep): void {
    for (const state of states('residual')) this.waiting.push(state.slice())
  }

  async draft(_prefix: Prefix, _last: unknown, limit: number): Promise<TokenTree> {
    const { heads, eosTokenIds = [] } = this.options
    if (this.waiting.length === 0) return chain([])
    const scores = await heads.append(this.cache, this.waiting)
    this.waiting = []
    const tokens = scores.slice(0, limit).map((each) => likeliest(each, this.options))
    const end = tokens.findIndex((token) => eosTokenIds.includes(token))
    return chain(end < 0 ? tokens : tokens.slice(0, end + 1))
  }

  dispose(): void {
    this.cache.dispose()
  }
}
