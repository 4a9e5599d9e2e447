import { type Prefix, prefixOf, tokensOf } from '../../model/prefix.js'
import { chain, type TokenTree } from '../../model/token-tree.js'
import type { CreateDrafter, Drafter, Request } from '../strategy.js'

/** What re-encoding needs of a tokenizer. */
export interface Codec {
  /** Ids that end a text. */
  readonly eosTokenIds: readonly number[]
  encode(text: string, options?: { addSpecialTokens?: boolean }): number[]
  decode(ids: readonly number[], options?: { skipSpecialTokens?: boolean }): string
}

/** A side of re-encoding: the draft model's, or the target's. */
export interface CodecSide {
  readonly codec: Codec
  /** Tokens before a draft that are decoded and encoded together with it (HF's `…_lookbehind`). */
  readonly lookbehind: number
}

export interface ReencodedOptions {
  /** Drafts chains of the draft model's tokens, without chance. */
  readonly createDrafter: CreateDrafter
  readonly draft: CodecSide
  readonly target: CodecSide
}

/**
 * Drafts with a model of other tokens, by way of text (string-level exact match, Timor et al. 2025; HF's
 * `AssistedCandidateGeneratorDifferentTokenizers`): its draft is proposed as the target's tokens of the same text.
 */
export function reencoded(options: ReencodedOptions): CreateDrafter {
  // The target's processors know nothing of other tokens.
  return (request) => new ReencodedDrafter(options, { ...request, processors: [] })
}

const WITHOUT_SPECIALS = { skipSpecialTokens: true }
/** What a part of a character is decoded to. */
const INCOMPLETE = '\uFFFD'

class ReencodedDrafter implements Drafter {
  readonly states: Drafter['states']
  private readonly drafter: Drafter

  constructor(
    private readonly options: ReencodedOptions,
    request: Request,
  ) {
    this.drafter = options.createDrafter(request)
    this.states = this.drafter.states
  }

  async draft(prefix: Prefix, last: { hidden: Float32Array }, limit: number): Promise<TokenTree> {
    const { draft, target } = this.options
    const text = target.codec.decode(tokensOf(prefix), WITHOUT_SPECIALS)
    if (text === '' || text.endsWith(INCOMPLETE)) return chain([])
    const ids = this.withoutEnd(draft.codec.encode(text))
    if (ids.length === 0) return chain([])
    const { tokens } = await this.drafter.draft(prefixOf(ids), last, limit)
    return chain(this.continuation(prefix, this.addedText(ids, this.withoutEnd(tokens))).slice(0, limit))
  }

  /** Ids of the draft model without what ends a text: some tokenizers put it after every one. */
  private withoutEnd(ids: readonly number[]): readonly number[] {
    const { eosTokenIds } = this.options.draft.codec
    return ids.slice(0, 1 + ids.findLastIndex((id) => !eosTokenIds.includes(id)))
  }

  /** The text that drafted tokens add, up to the first character that is not whole. */
  private addedText(ids: readonly number[], drafted: readonly number[]): string {
    const { codec, lookbehind } = this.options.draft
    const tail = ids.slice(-lookbehind)
    const before = codec.decode(tail, WITHOUT_SPECIALS)
    const after = codec.decode([...tail, ...drafted], WITHOUT_SPECIALS)
    return after.startsWith(before) ? after.slice(before.length).split(INCOMPLETE, 1)[0] : ''
  }

  /** The target's tokens of a text that goes on; none where it would be cut otherwise at the place where it begins. */
  private continuation(prefix: Prefix, added: string): number[] {
    const { codec, lookbehind } = this.options.target
    const tail = codec.decode(tokensOf(prefix, lookbehind), WITHOUT_SPECIALS)
    const [before, after] = [tail, tail + added].map((text) =>
      codec.encode(text, { addSpecialTokens: false }),
    )
    return before.every((id, i) => after[i] === id) ? after.slice(before.length) : []
  }

  dispose(): void {
    this.drafter.dispose?.()
  }
}
