import { ControlTokens } from './cfg/control-tokens.js'
import { type RuleExpression, ruleChoice } from './cfg/expression.js'
import type { Regexes } from './regex/nodes.js'

/** Tokens as a grammar may name them. */
export interface GrammarVocabulary {
  /** Ids of all control tokens. */
  readonly controls: readonly number[]
  /** The token of exactly this text, special tokens included; undefined where there is none. */
  idOf(text: string): number | undefined
  /** Bytes of a token of text; undefined for a control token and for an id without a token. */
  bytesOf(id: number): Uint8Array | undefined
}

/** Tokens in rules: control tokens by their ids, tokens of text by their bytes, which other tokens may spell as well. */
export class TokenExpressions {
  readonly #regexes: Regexes
  readonly #vocabulary: GrammarVocabulary | undefined
  readonly #controls: ReadonlySet<number>
  readonly #known = new Map<string, ControlTokens>()
  /** Expressions of any tokens but some, which are not yet repeated without end, and their places. */
  readonly #single = new Map<RuleExpression, number>()

  /** @param vocabulary without it every id is a control token, and neither names nor negations are possible */
  constructor(regexes: Regexes, vocabulary?: GrammarVocabulary) {
    this.#regexes = regexes
    this.#vocabulary = vocabulary
    this.#controls = new Set(vocabulary?.controls)
  }

  /** @param fail is told why there is no such token */
  named(text: string, fail: (what: string) => never): number {
    if (!this.#vocabulary) return fail(`The token ${JSON.stringify(text)} needs a model's vocabulary`)
    return this.#vocabulary.idOf(text) ?? fail(`The vocabulary has no token ${JSON.stringify(text)}`)
  }

  /** One of some tokens. */
  some(ids: Iterable<number>, fail: (what: string) => never): RuleExpression {
    const controls: number[] = []
    const parts: RuleExpression[] = []
    for (const id of ids) {
      const bytes = this.#vocabulary?.bytesOf(id)
      if (!this.#vocabulary || this.#controls.has(id)) controls.push(id)
      else if (bytes && bytes.length > 0) parts.push({ kind: 'regex', regex: this.#regexes.literal(bytes) })
      else fail(`The vocabulary has no token of id ${id}`)
    }
    if (controls.length > 0) parts.push(this.#anyOf(controls))
    return ruleChoice(parts)
  }

  /**
   * Any token but some. As text it is characters, without the token's borders: it must be repeated without end, where they
   * make no difference.
   * @param except control tokens
   * @param at its place, for the message
   */
  others(
    except: (id: number) => boolean,
    named: readonly number[],
    at: number,
    fail: (what: string) => never,
  ): RuleExpression {
    if (!this.#vocabulary) return fail("Tokens that are excluded need a model's vocabulary")
    const text = named.find((id) => !this.#controls.has(id))
    if (text !== undefined)
      return fail(
        `The token of id ${text} is text, which other tokens can spell, so that it cannot be excluded`,
      )
    const characters = this.#regexes.repeat(this.#regexes.characters([[0, 0x10ffff]]), 1, Infinity)
    const expression = ruleChoice([
      { kind: 'regex', regex: characters },
      this.#anyOf(this.#vocabulary.controls.filter((id) => !except(id))),
    ])
    this.#single.set(expression, at)
    return expression
  }

  /** A repetition was read: without end, it settles tokens with exceptions. */
  repeated(body: RuleExpression, min: number, max: number): void {
    if (min < 2 && max === Infinity) this.#single.delete(body)
  }

  /** The place of a token with exceptions that is not repeated without end; undefined where there is none. */
  get counted(): number | undefined {
    return this.#single.values().next().value
  }

  #anyOf(ids: readonly number[]): RuleExpression {
    const key = ids.join()
    const automaton = this.#known.get(key) ?? new ControlTokens(ids)
    this.#known.set(key, automaton)
    return { kind: 'automaton', automaton }
  }
}

/** The message for a token with exceptions that is counted. */
export const COUNTED_TOKEN = 'A token with exceptions stands for any text: it must be repeated by * or +'
