import { tokensOf } from '../../model/prefix.js'
import { Ranking } from '../../strategies/ranking.js'
import type { LogitsProcessor } from '../../strategies/strategy.js'
import { isInPermutationHead, permutationHead, randomPermutation } from './mt19937.js'

/** HF's WatermarkingConfig. */
export interface WatermarkingConfig {
  /** Share of the vocabulary that is green. */
  greenlist_ratio: number
  /** What a green token's score gains. */
  bias: number
  hashing_key: number
  /** What seeds a step's green list: the last token, or also the candidate itself. */
  seeding_scheme: 'lefthash' | 'selfhash'
  /** Tokens that the seed looks at. */
  context_width: number
}

/** The hash's table has this many entries (HF: 1 000 003, a prime). */
const TABLE_SIZE = 1_000_003
/** With selfhash only the best tokens are tried, for each needs a green list of its own (HF: 40). */
const SELFHASH_CANDIDATES = 40

/** Which tokens are green after a context, exactly as HF's WatermarkLogitsProcessor on the CPU has them. */
export class Greenlist {
  private readonly size: number
  private readonly permutation: Int32Array<ArrayBuffer>
  private table: Int32Array | undefined

  constructor(
    private readonly config: WatermarkingConfig,
    private readonly vocabSize: number,
  ) {
    this.size = Math.floor(vocabSize * config.greenlist_ratio)
    this.permutation = new Int32Array(vocabSize)
  }

  /** The green tokens after `context`, token ids, oldest first; valid until the next call. */
  tokens(context: readonly number[]): Int32Array {
    return permutationHead(this.vocabSize, this.size, this.seed(context), this.permutation)
  }

  /** Whether `token` is green after `context`; several times faster than the list. */
  includes(token: number, context: readonly number[]): boolean {
    return isInPermutationHead(token, this.vocabSize, this.size, this.seed(context))
  }

  private seed(context: readonly number[]): bigint {
    const key = BigInt(this.config.hashing_key)
    const last = context.at(-1)!
    const seed =
      this.config.seeding_scheme === 'lefthash' ? key * BigInt(last) : this.selfhash(key, context, last)
    const modulus = 2n ** 64n - 1n
    return ((seed % modulus) + modulus) % modulus
  }

  // torch computes the products in int64, which wraps around.
  private selfhash(key: bigint, context: readonly number[], last: number): bigint {
    this.table ??= randomPermutation(TABLE_SIZE, this.config.hashing_key)
    const hash = (token: number) => BigInt(this.table![token % TABLE_SIZE] + 1)
    let least: bigint | undefined
    for (const token of context.slice(-this.config.context_width)) {
      const product = BigInt.asIntN(64, key * hash(token) * hash(last))
      if (least === undefined || product < least) least = product
    }
    return least!
  }
}

/**
 * Adds `bias` to the green tokens' scores (Kirchenbauer et al. 2023, algorithms 2 and 3; HF
 * WatermarkLogitsProcessor). A sequence shorter than `context_width` is left alone.
 */
export function watermark(config: WatermarkingConfig): LogitsProcessor {
  const ranking = new Ranking()
  let greenlist: Greenlist | undefined
  return (logits, prefix) => {
    if (prefix.length < config.context_width) return
    greenlist ??= new Greenlist(config, logits.length)
    const context = tokensOf(prefix, config.context_width)
    if (config.seeding_scheme === 'lefthash') {
      for (const token of greenlist.tokens(context)) logits[token] += config.bias
      return
    }
    for (const token of ranking.read(logits).top(SELFHASH_CANDIDATES)) {
      if (greenlist.includes(token, [...context, token])) logits[token] += config.bias
    }
  }
}
