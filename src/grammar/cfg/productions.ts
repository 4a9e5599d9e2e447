import type { Automaton } from '../automaton.js'
import { GrammarLimitError } from '../limits.js'
import type { Regex } from '../regex/regex.js'
import type { RuleExpression, RuleGrammar } from './expression.js'

/** Symbols of all right sides at most. */
const MOST_SYMBOLS = 500_000

/** A nonterminal by its number; a terminal as the complement (~) of its number. */
export type GrammarSymbol = number

/** One right side of a nonterminal: a ruleSequence of symbols, or a single symbol that is repeated. */
export interface Production {
  readonly nonterminal: number
  readonly symbols: readonly GrammarSymbol[]
  readonly min: number
  readonly max: number
}

export type RuleTerminal = Regex | Automaton

export interface Productions {
  readonly terminals: readonly RuleTerminal[]
  readonly nonterminals: number
  readonly start: number
  readonly all: readonly Production[]
}

/**
 * The rules as plain productions; what is nested in them has nonterminals of its own. Rules that the start does not lead to are left out.
 * @throws GrammarLimitError where there are too many
 */
export function productionsOf({ rules, start }: RuleGrammar): Productions {
  const flat = new Flattening(rules.length)
  flat.open.push(start)
  const isReached = new Uint8Array(rules.length)
  for (let rule = flat.open.pop(); rule !== undefined; rule = flat.open.pop()) {
    if (isReached[rule]) continue
    isReached[rule] = 1
    flat.define(rule, rules[rule].body)
  }
  // The start has a nonterminal of its own, so that what follows it is the same wherever it stands.
  const whole = flat.nonterminals++
  flat.define(whole, { kind: 'rule', rule: start })
  return { terminals: flat.terminals, nonterminals: flat.nonterminals, start: whole, all: flat.all }
}

class Flattening {
  readonly terminals: RuleTerminal[] = []
  readonly all: Production[] = []
  /** Rules that are mentioned. */
  readonly open: number[] = []
  readonly #numbers = new Map<RuleTerminal, number>()
  #symbols = 0

  constructor(public nonterminals: number) {}

  define(nonterminal: number, body: RuleExpression): void {
    if (body.kind === 'choice') for (const part of body.parts) this.#alternative(nonterminal, part)
    else this.#alternative(nonterminal, body)
  }

  #alternative(nonterminal: number, body: RuleExpression): void {
    if (body.kind === 'repeat' && body.max === 0) this.#add(nonterminal, [])
    else if (body.kind === 'repeat') this.#add(nonterminal, [this.#symbol(body.body)], body.min, body.max)
    else if (body.kind === 'sequence')
      this.#add(
        nonterminal,
        body.parts.map((part) => this.#symbol(part)),
      )
    else this.#add(nonterminal, [this.#symbol(body)])
  }

  #symbol(body: RuleExpression): GrammarSymbol {
    if (body.kind === 'rule') {
      this.open.push(body.rule)
      return body.rule
    }
    if (body.kind === 'regex') return this.#terminal(body.regex)
    if (body.kind === 'automaton') return this.#terminal(body.automaton)
    const nonterminal = this.nonterminals++
    this.define(nonterminal, body)
    return nonterminal
  }

  #terminal(language: RuleTerminal): GrammarSymbol {
    let number = this.#numbers.get(language)
    if (number === undefined) {
      number = this.terminals.length
      this.terminals.push(language)
      this.#numbers.set(language, number)
    }
    return ~number
  }

  #add(nonterminal: number, symbols: readonly GrammarSymbol[], min = 1, max = 1): void {
    this.#symbols += symbols.length + 1
    if (this.#symbols > MOST_SYMBOLS)
      throw new GrammarLimitError(
        `The grammar has more than ${MOST_SYMBOLS} symbols; leave out rules or alternatives.`,
      )
    this.all.push({ nonterminal, symbols, min, max })
  }
}
