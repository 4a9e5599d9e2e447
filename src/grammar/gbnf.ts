import type { Automaton } from './automaton.js'
import { CfgAutomaton } from './cfg/cfg-automaton.js'
import { type RuleExpression, type RuleGrammar, ruleChoice, ruleSequence } from './cfg/expression.js'
import { GrammarText } from './grammar-text.js'
import { codePoints, complement } from './regex/code-points.js'
import { Regexes } from './regex/nodes.js'
import type { CodePointRange } from './regex/utf8.js'
import { COUNTED_TOKEN, type GrammarVocabulary, TokenExpressions } from './token-expressions.js'

export interface GbnfOptions {
  /** The model's tokens, for grammars that name some. */
  readonly vocabulary?: GrammarVocabulary
  readonly regexes?: Regexes
}

/**
 * The language of a grammar in llama.cpp's notation (`grammars/README.md`). Left recursion is allowed.
 * @throws GrammarError where it is malformed; GrammarLimitError where it is too large
 */
export function gbnfAutomaton(source: string, options: GbnfOptions = {}): Automaton {
  const regexes = options.regexes ?? new Regexes()
  const parser = new GbnfParser(source, regexes, options.vocabulary)
  return new CfgAutomaton(regexes, parser.parse(), () => parser.explainEmpty())
}

const NAME = /[A-Za-z0-9_-]+/y
const SPACE = /[ \t]*(?:#[^\r\n]*)?/y
const SPACE_AND_LINES = /\s*(?:#[^\r\n]*\s*)*/y
/** A bar, which may also begin a line. */
const BAR = /\s*(?:#[^\r\n]*\s*)*\|/y

/** Letters after a backslash that stand for a character, and characters that stand for themselves. */
const ESCAPES: Readonly<Record<string, number>> = { t: 9, n: 10, r: 13 }
const ESCAPED = '\\"[]-^\''

class GbnfParser {
  readonly #source: GrammarText
  readonly #tokens: TokenExpressions
  /** Numbers of rules by name, whether defined yet or only mentioned. */
  readonly #numbers = new Map<string, number>()
  readonly #mentions: number[] = []
  readonly #bodies: RuleExpression[] = []
  /** Place of the first class without characters. */
  #emptyClass: number | undefined

  constructor(
    source: string,
    readonly regexes: Regexes,
    vocabulary: GrammarVocabulary | undefined,
  ) {
    this.#source = new GrammarText(source, 'GBNF')
    this.#tokens = new TokenExpressions(regexes, vocabulary)
  }

  /** @throws GrammarError where a class without characters may be why there is no text */
  explainEmpty(): void {
    if (this.#emptyClass !== undefined)
      this.#source.fail('The class holds no character, so that no text matches it', this.#emptyClass)
  }

  parse(): RuleGrammar {
    const source = this.#source
    source.takeMatch(SPACE_AND_LINES)
    while (!source.isAtEnd) {
      this.#rule()
      source.takeMatch(SPACE_AND_LINES)
    }
    const start = this.#numbers.get('root')
    if (start === undefined || !this.#bodies[start])
      return source.fail('There is no rule "root", which every grammar starts from')
    const rules = [...this.#numbers].map(([name, number]) => {
      if (!this.#bodies[number])
        source.fail(`The rule ${JSON.stringify(name)} is not defined`, this.#mentions[number])
      return { name, body: this.#bodies[number] }
    })
    const counted = this.#tokens.counted
    if (counted !== undefined) source.fail(COUNTED_TOKEN, counted)
    return { rules, start }
  }

  #rule(): void {
    const source = this.#source
    const start = source.at
    const name = source.takeMatch(NAME)?.[0] ?? source.expect("a rule's name")
    source.takeMatch(SPACE)
    if (!source.take('::=')) source.expect('"::="')
    source.takeMatch(SPACE_AND_LINES)
    const number = this.#numberOf(name, start)
    if (this.#bodies[number]) source.fail(`The rule ${JSON.stringify(name)} is defined twice`, start)
    this.#bodies[number] = this.#choice(SPACE)
    if (!source.isAtEnd && !source.match(/[\r\n]/y)) source.expect('the end of the rule')
  }

  #numberOf(name: string, at: number): number {
    let number = this.#numbers.get(name)
    if (number === undefined) {
      number = this.#numbers.size
      this.#numbers.set(name, number)
      this.#mentions.push(at)
    }
    return number
  }

  /** @param space what may stand between symbols: lines may end in groups only, and at a bar */
  #choice(space: RegExp): RuleExpression {
    const parts = [this.#sequence(space)]
    while (this.#source.takeMatch(BAR)) {
      this.#source.takeMatch(SPACE_AND_LINES)
      parts.push(this.#sequence(space))
    }
    return ruleChoice(parts)
  }

  #sequence(space: RegExp): RuleExpression {
    const parts: RuleExpression[] = []
    for (let atom = this.#atom(); atom; atom = this.#atom()) {
      this.#source.takeMatch(space)
      parts.push(this.#repetitions(atom, space))
    }
    return ruleSequence(parts)
  }

  #atom(): RuleExpression | undefined {
    const source = this.#source
    const start = source.at
    if (source.take('"')) return this.#literal()
    if (source.take('[')) return this.#characters(this.#class())
    if (source.take('.')) return this.#characters([[0, 0x10ffff]])
    if (source.take('(')) {
      source.takeMatch(SPACE_AND_LINES)
      const body = source.nested(() => this.#choice(SPACE_AND_LINES))
      return source.take(')') ? body : source.expect('")"')
    }
    if (source.match(/[<!]/y)) return this.#token()
    const name = source.takeMatch(NAME)?.[0]
    if (name === undefined) {
      return source.match(/[*+?{]/y) ? source.fail('There is nothing to repeat') : undefined
    }
    return { kind: 'rule', rule: this.#numberOf(name, start) }
  }

  #repetitions(atom: RuleExpression, space: RegExp): RuleExpression {
    const source = this.#source
    let body = atom
    let count = 0
    for (let found = source.match(/[*+?{]/y); found; found = source.match(/[*+?{]/y)) {
      const start = source.at
      source.at++
      const [min, max] =
        found[0] === '{' ? this.#counts() : [found[0] === '+' ? 1 : 0, found[0] === '?' ? 1 : Infinity]
      source.checkRepetition(min, max, count++, start)
      this.#tokens.repeated(body, min, max)
      body = { kind: 'repeat', body, min, max }
      source.takeMatch(space)
    }
    return body
  }

  #counts(): readonly [number, number] {
    const source = this.#source
    source.takeMatch(SPACE)
    const min = source.count()
    let max = min
    source.takeMatch(SPACE)
    if (source.take(',')) {
      source.takeMatch(SPACE)
      max = source.match(/\d/y) ? source.count() : Infinity
      source.takeMatch(SPACE)
    }
    return source.take('}') ? [min, max] : source.expect('"}"')
  }

  #literal(): RuleExpression {
    const source = this.#source
    const start = source.at - 1
    let text = ''
    while (!source.take('"')) {
      if (source.isAtEnd) source.fail('The text has no closing quotation mark', start)
      text += String.fromCodePoint(this.#character())
    }
    return { kind: 'regex', regex: this.regexes.literal(text) }
  }

  #class(): readonly CodePointRange[] {
    const source = this.#source
    const start = source.at - 1
    const isNegated = source.take('^')
    const ranges: CodePointRange[] = []
    while (!source.take(']')) {
      if (source.isAtEnd) source.fail('The class has no closing bracket', start)
      const at = source.at
      const first = this.#character()
      const last = source.match(/-[^\]]/uy) && source.take('-') ? this.#character() : first
      if (last < first) source.fail('The range of characters ends before it begins', at)
      ranges.push([first, last])
    }
    const characters = isNegated ? complement(codePoints(ranges)) : codePoints(ranges)
    if (characters.length === 0) this.#emptyClass ??= start
    return characters
  }

  #character(): number {
    const source = this.#source
    const start = source.at
    if (!source.take('\\')) return source.character()
    const letter = source.text[source.at++] ?? source.fail('The grammar ends in the middle')
    const digits = { x: 2, u: 4, U: 8 }[letter]
    if (digits) return source.hexadecimal(digits, start)
    if (ESCAPED.includes(letter)) return letter.charCodeAt(0)
    return ESCAPES[letter] ?? source.fail(`The escape "\\${letter}" is not known`, start)
  }

  #characters(ranges: readonly CodePointRange[]): RuleExpression {
    return { kind: 'regex', regex: this.regexes.characters(ranges) }
  }

  #token(): RuleExpression {
    const source = this.#source
    const start = source.at
    const isNegated = source.take('!')
    const fail = (what: string) => source.fail(what, start)
    if (!source.take('<')) return source.expect('"<"')
    const found = source.takeMatch(/\[(\d{1,15})\]>|([^[>\r\n][^>\r\n]*)>/y)
    if (!found) return source.fail('The token is neither <[id]> nor <text>', start)
    const id = found[1] ? Number(found[1]) : this.#tokens.named(`<${found[2]}>`, fail)
    return isNegated
      ? this.#tokens.others((each) => each === id, [id], start, fail)
      : this.#tokens.some([id], fail)
  }
}
