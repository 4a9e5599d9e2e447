import { type Automaton, DEAD } from '../../../src/grammar/automaton.js'
import type { RuleExpression, RuleGrammar } from '../../../src/grammar/cfg/expression.js'
import type { Regexes } from '../../../src/grammar/regex/nodes.js'
import { RegexAutomaton } from '../../../src/grammar/regex/regex-automaton.js'

export function at(automaton: Automaton, text: string | readonly number[]): number {
  let state = automaton.start
  for (const symbol of typeof text === 'string' ? Buffer.from(text) : text)
    state = automaton.next(state, symbol)
  return state
}

export function matches(automaton: Automaton, text: string | readonly number[]): boolean {
  return automaton.accepts(at(automaton, text))
}

export function isAlive(automaton: Automaton, text: string): boolean {
  return at(automaton, text) !== DEAD
}

/** An expression of which the texts can be enumerated. */
export type Plain =
  | string
  | { rule: number }
  | { all: Plain[] }
  | { any: Plain[] }
  | { body: Plain; min: number; max: number }

/** The grammar for the engine. @param isApart whether each terminal is an automaton of its own, so that none become one */
export function grammarOf(regexes: Regexes, rules: readonly Plain[], isApart: boolean): RuleGrammar {
  const automata = new Map<string, RuleExpression>()
  const expression = (body: Plain): RuleExpression => {
    if (typeof body === 'string') {
      if (!isApart) return { kind: 'regex', regex: regexes.literal(body) }
      const known: RuleExpression = automata.get(body) ?? {
        kind: 'automaton',
        automaton: new RegexAutomaton(regexes, regexes.literal(body)),
      }
      automata.set(body, known)
      return known
    }
    if ('rule' in body) return { kind: 'rule', rule: body.rule }
    if ('all' in body) return { kind: 'sequence', parts: body.all.map(expression) }
    if ('any' in body) return { kind: 'choice', parts: body.any.map(expression) }
    return { kind: 'repeat', body: expression(body.body), min: body.min, max: body.max }
  }
  return { rules: rules.map((body, i) => ({ name: `r${i}`, body: expression(body) })), start: 0 }
}

/** A grammar whose terminals are literals, and all of its texts and beginnings up to a length, by fixpoints of sets. */
export class BruteForce {
  readonly texts: Set<string>
  readonly prefixes: Set<string>
  readonly #texts: Set<string>[]

  constructor(
    rules: readonly Plain[],
    readonly longest: number,
  ) {
    this.#texts = rules.map(() => new Set())
    const prefixes = rules.map(() => new Set<string>())
    const isProductive = rules.map(() => false)
    fixpoint(
      rules,
      (body) => [this.#productive(body, isProductive)],
      (i, [is]) => {
        const changed = is !== isProductive[i]
        isProductive[i] = is
        return changed
      },
    )
    fixpoint(
      rules,
      (body) => this.#textsOf(body),
      (i, set) => grow(this.#texts[i], set),
    )
    fixpoint(
      rules,
      (body) => this.#prefixesOf(body, prefixes, isProductive),
      (i, set) => grow(prefixes[i], set),
    )
    this.texts = this.#texts[0]
    this.prefixes = prefixes[0]
  }

  #productive(body: Plain, known: readonly boolean[]): boolean {
    if (typeof body === 'string') return true
    if ('rule' in body) return known[body.rule]
    if ('all' in body) return body.all.every((part) => this.#productive(part, known))
    if ('any' in body) return body.any.some((part) => this.#productive(part, known))
    return body.min === 0 || this.#productive(body.body, known)
  }

  #textsOf(body: Plain): Set<string> {
    if (typeof body === 'string') return new Set(body.length <= this.longest ? [body] : [])
    if ('rule' in body) return this.#texts[body.rule]
    if ('all' in body)
      return body.all.reduce<Set<string>>((set, part) => this.#join(set, this.#textsOf(part)), new Set(['']))
    if ('any' in body) return new Set(body.any.flatMap((part) => [...this.#textsOf(part)]))
    const one = this.#textsOf(body.body)
    const found = new Set<string>()
    let power = new Set([''])
    // Longer ones than the longest text add nothing but ε.
    for (let count = 0; count <= Math.min(body.max, body.min + this.longest + 1); count++) {
      if (count >= body.min) for (const text of power) found.add(text)
      power = this.#join(power, one)
    }
    return found
  }

  #prefixesOf(body: Plain, known: readonly Set<string>[], isProductive: readonly boolean[]): Set<string> {
    if (typeof body === 'string')
      return new Set(
        Array.from({ length: body.length + 1 }, (_, i) => body.slice(0, i)).filter(
          (each) => each.length <= this.longest,
        ),
      )
    if (!this.#productive(body, isProductive)) return new Set()
    if ('rule' in body) return known[body.rule]
    if ('any' in body)
      return new Set(body.any.flatMap((part) => [...this.#prefixesOf(part, known, isProductive)]))
    const found = new Set([''])
    let before = new Set([''])
    const parts =
      'all' in body
        ? body.all
        : Array.from({ length: Math.min(body.max, body.min + this.longest + 1) }, () => body.body)
    for (const part of parts) {
      for (const text of this.#join(before, this.#prefixesOf(part, known, isProductive))) found.add(text)
      before = this.#join(before, this.#textsOf(part))
    }
    return found
  }

  #join(a: Set<string>, b: Set<string>): Set<string> {
    const joined = new Set<string>()
    for (const first of a)
      for (const second of b) if (first.length + second.length <= this.longest) joined.add(first + second)
    return joined
  }
}

function fixpoint<T>(
  rules: readonly Plain[],
  step: (body: Plain) => T,
  update: (rule: number, value: T) => boolean,
): void {
  for (let isChanged = true; isChanged; ) {
    isChanged = false
    rules.forEach((body, i) => {
      if (update(i, step(body))) isChanged = true
    })
  }
}

function grow(set: Set<string>, more: ReadonlySet<string>): boolean {
  const { size } = set
  for (const each of more) set.add(each)
  return set.size > size
}

export function texts(letters: string, longest: number): readonly string[] {
  const all = ['']
  for (let i = 0; i < all.length && all[i].length < longest; i++)
    for (const letter of letters) all.push(all[i] + letter)
  return all
}
