import { type Automaton, DEAD } from '../../src/grammar/automaton.js'
import { Grammar } from '../../src/grammar/grammar.js'
import { GrammarLimitError } from '../../src/grammar/limits.js'
import { allows, idsOf, type TokenMask } from '../../src/grammar/mask.js'
import { advance, type TokenMasks } from '../../src/grammar/masks.js'
import { readJson } from '../../src/grammar/schema/json.js'
import { completionTokens } from '../../src/grammar/shortest-tokens.js'
import type { GrammarTokens } from '../../src/grammar/tokens.js'
import { TOKEN_KIND } from '../../src/grammar/vocabulary.js'
import { stateAfter } from './languages.js'

/** Whether a value is valid; undefined where the judge cannot tell. */
export type Judge = (text: string) => boolean | undefined

/** A language under the tokens of a model, and who judges its texts. */
export interface Judged {
  readonly automaton: Automaton
  readonly masks: TokenMasks
  readonly judge: Judge
}

/** A mask that was wrong: what about it, and the text before it. */
export interface MaskFault {
  readonly kind:
    | 'completed to a value that is not valid'
    | 'allowed, but dead'
    | 'not allowed'
    | 'no end'
    | 'a name twice'
  readonly before: string
  readonly token?: string
  readonly whole?: string
}

const COUNTS = {
  /** States whose masks were looked at. */
  states: 0,
  /** Tokens of their masks that were completed. */
  completed: 0,
  /** Of these without a completion within the limits. */
  unknown: 0,
  /** Values that the judge could not tell. */
  unjudged: 0,
  /** Texts that were read in tokens cut at random, and these tokens. */
  texts: 0,
  pieces: 0,
  /** Texts that were written with just enough room. */
  held: 0,
}

/** Tokens that are completed in a state, of all kinds and of those with JSON's own characters each; all where there are fewer. */
const SAMPLE = 12
/** Tokens of a text that is written with just enough room. */
const SPARE = 12
/** Tokens of a random walk. */
const LONGEST_WALK = 24

/**
 * Judge of masks by what they promise: each token that is allowed can be completed to a valid value, a valid text is allowed however it is cut
 * into tokens, and a text that has just enough room comes to its end.
 */
export class MaskOracle {
  readonly counts = { ...COUNTS }
  readonly faults: MaskFault[] = []
  /** Tokens with characters of JSON's own. */
  private readonly marked: readonly number[]

  /** @param random uniform in [0, 1) */
  constructor(
    private readonly tokens: GrammarTokens,
    private readonly random: () => number,
  ) {
    const { vocabulary } = tokens
    this.marked = [...vocabulary.idsOf(TOKEN_KIND.text)].filter((id) =>
      /["\\{}[\],:\n]/.test(Buffer.from(vocabulary.bytesOf(id)).toString('latin1')),
    )
  }

  /** Looks at the masks of random states. @param instances texts, in whose middle walks may begin */
  states(judged: Judged, instances: readonly string[], count: number): void {
    const { automaton } = judged
    for (let i = 0; i < count; i++) {
      const text = i % 2 === 1 && instances.length > 0 ? this.of(instances) : ''
      const cut = this.below(Buffer.byteLength(text))
      const before = [...Buffer.from(text).subarray(0, cut)]
      const steps = this.below(text === '' ? LONGEST_WALK : 4)
      let state = stateAfter(automaton, automaton.start, Uint8Array.from(before))
      if (state === DEAD) continue
      for (let step = 0; step < steps; step++) {
        const token = this.step(judged, state)
        if (token === undefined) break
        const after = advance(automaton, this.tokens.vocabulary, state, token)
        // Nothing is to be seen where only the end may follow.
        if (automaton.accepts(after) && judged.masks.maskOf(after).count === this.tokens.ends.length) break
        before.push(...this.tokens.vocabulary.bytesOf(token))
        state = after
      }
      this.look(judged, Uint8Array.from(before), state)
    }
  }

  /** Reads a text that is valid, cut into tokens at random. */
  pieces({ automaton, masks }: Judged, text: string): void {
    const { trie, vocabulary } = this.tokens
    const bytes = Buffer.from(text)
    let state = automaton.start
    let at = 0
    this.counts.texts++
    while (at < bytes.length) {
      const ids: number[] = []
      for (let node = -1, end = at; end < bytes.length; end++) {
        node = trie.child(node, bytes[end])
        if (node < 0) break
        for (let id = trie.tokens[node]; id >= 0; id = trie.same[id]) ids.push(id)
      }
      // A vocabulary that lacks a byte cannot spell the text.
      if (ids.length === 0) return
      const token = this.of(ids)
      this.counts.pieces++
      if (!allows(masks.maskOf(state), token)) {
        this.fault('not allowed', bytes.subarray(0, at), token, text)
        return
      }
      state = advance(automaton, vocabulary, state, token)
      at += vocabulary.offsets[token + 1] - vocabulary.offsets[token]
    }
    const { ends } = this.tokens
    if (ends.length > 0 && !allows(masks.maskOf(state), ends[0])) this.fault('no end', bytes)
  }

  /** Writes a text at random with a few tokens more than the shortest has. */
  room({ automaton, judge }: Judged): void {
    const { ends, vocabulary } = this.tokens
    const grammar = new Grammar(automaton, this.tokens)
    let state = grammar.start
    let room = grammar.shortest(state) + 1 + this.below(SPARE)
    if (room === Infinity) return
    this.counts.held++
    const bytes: number[] = []
    for (; room > 0; room--) {
      const ids = idsOf(grammar.maskOf(state, room))
      if (ids.length === 0) break
      const token = this.of(ids)
      if (ends.includes(token)) break
      bytes.push(...vocabulary.bytesOf(token))
      state = grammar.advance(state, token)
    }
    if (automaton.accepts(state)) this.judge(judge, bytes)
    else this.fault('no end', Uint8Array.from(bytes))
  }

  /** A token of the mask: any, one with JSON's own characters, or the first to the end. */
  private step({ automaton, masks }: Judged, state: number): number | undefined {
    const mask = masks.maskOf(state)
    const { kinds } = this.tokens.vocabulary
    const way = this.random()
    const marked = way < 0.4 ? this.markedOf(mask, 1) : []
    const toEnd = way > 0.8 ? this.completion(automaton, state) : undefined
    const token = marked[0] ?? toEnd?.[0] ?? this.of(idsOf(mask))
    return token !== undefined && kinds[token] === TOKEN_KIND.text ? token : undefined
  }

  private look(judged: Judged, before: Uint8Array, state: number): void {
    const { automaton, masks } = judged
    const { vocabulary } = this.tokens
    const mask = masks.maskOf(state)
    const ids = idsOf(mask)
    this.counts.states++
    if (ids.length === 0) this.fault('no end', before)
    const some = ids.length <= 2 * SAMPLE ? [...ids] : Array.from({ length: SAMPLE }, () => this.of(ids))
    for (const token of new Set([...some, ...this.markedOf(mask, SAMPLE)])) {
      const after = advance(automaton, vocabulary, state, token)
      const bytes = [...before, ...vocabulary.bytesOf(token)]
      this.counts.completed++
      if (after === DEAD) this.fault('allowed, but dead', before, token)
      else this.complete(judged, bytes, token, after)
    }
  }

  private complete(
    { automaton, judge }: Judged,
    bytes: readonly number[],
    token: number,
    state: number,
  ): void {
    try {
      this.judge(judge, bytes, token, [...automaton.completion(state)])
    } catch (error) {
      if (!(error instanceof GrammarLimitError)) throw error
      this.counts.unknown++
    }
  }

  private completion(automaton: Automaton, state: number): readonly number[] | undefined {
    try {
      return completionTokens(automaton, this.tokens, state)
    } catch (error) {
      if (!(error instanceof GrammarLimitError)) throw error
      return undefined
    }
  }

  private judge(judge: Judge, bytes: readonly number[], token?: number, rest: readonly number[] = []): void {
    const before = Uint8Array.from(bytes)
    const whole = Buffer.from([...bytes, ...rest]).toString()
    let isTwice = false
    let verdict: boolean | undefined = false
    try {
      readJson(whole, 'It', () => {
        isTwice = true
      })
      verdict = judge(whole)
    } catch (error) {
      if (error instanceof GrammarLimitError) verdict = undefined
    }
    if (verdict === undefined) this.counts.unjudged++
    if (verdict === false) this.fault('completed to a value that is not valid', before, token, whole)
    else if (isTwice) this.fault('a name twice', before, token, whole)
  }

  /** Some tokens of a mask with characters of JSON's own. */
  private markedOf(mask: TokenMask, most: number): number[] {
    const found: number[] = []
    const { marked } = this
    const first = this.below(marked.length)
    for (let i = 0; i < marked.length && found.length < most; i++) {
      const id = marked[(first + i * 37) % marked.length]
      if (allows(mask, id)) found.push(id)
    }
    return found
  }

  private fault(kind: MaskFault['kind'], before: Uint8Array, token?: number, whole?: string): void {
    const spelled = token === undefined ? undefined : this.tokens.vocabulary.bytesOf(token)
    const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString()
    this.faults.push({ kind, before: text(before)!, token: text(spelled), whole })
  }

  private below(count: number): number {
    return Math.floor(this.random() * count)
  }

  private of<T>(values: ArrayLike<T>): T {
    return values[this.below(values.length)]
  }
}
