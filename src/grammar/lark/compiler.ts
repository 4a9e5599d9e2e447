import { excerpt, UserError } from '../../errors.js'
import type { Automaton } from '../automaton.js'
import { strongComponents } from '../cfg/components.js'
import { type RuleExpression, type RuleGrammar, ruleChoice, ruleSequence } from '../cfg/expression.js'
import type { GrammarText } from '../grammar-text.js'
import { GrammarLimitError } from '../limits.js'
import { ByteSet } from '../regex/byte-set.js'
import { utf8 } from '../regex/encoding.js'
import { toUtf8 } from '../regex/language.js'
import type { Regexes } from '../regex/nodes.js'
import { parseRegex } from '../regex/parse.js'
import type { Regex } from '../regex/regex.js'
import { substrings } from '../regex/substring.js'
import { COUNTED_TOKEN, type GrammarVocabulary, TokenExpressions } from '../token-expressions.js'
import { type Definition, isTerminalName, type LarkNode, type LarkSyntax } from './syntax.js'

/** Token ids that one range may have. */
const MOST_TOKENS = 2 ** 22
const NEWLINE = [[0x0a, 0x0a]] as const

export interface LarkOptions {
  /** The model's tokens, for grammars that name some. */
  readonly vocabulary?: GrammarVocabulary
  /** The language of a JSON schema, given as text, for `%json`. */
  readonly json?: (schema: string) => Automaton
}

/** Makes a grammar of rules, whose terminals are regular expressions, out of Lark's syntax. */
export class LarkCompiler {
  readonly #tokens: TokenExpressions
  readonly #terminals = new Map<string, Regex>()
  readonly #schemas = new Map<string, Automaton>()
  readonly #numbers: ReadonlyMap<string, number>
  /** Regular expressions of the text, with their places. */
  readonly #parsed: { readonly regex: Regex; readonly source: string; readonly at: number }[] = []
  /** Text that may follow a terminal. */
  readonly #ignored: Regex

  constructor(
    private readonly source: GrammarText,
    private readonly regexes: Regexes,
    private readonly syntax: LarkSyntax,
    private readonly options: LarkOptions,
  ) {
    this.#tokens = new TokenExpressions(regexes, options.vocabulary)
    const rules = [...syntax.definitions.keys()].filter((name) => !isTerminalName(name))
    this.#numbers = new Map(rules.map((name, number) => [name, number]))
    this.#makeTerminals()
    this.#ignored = regexes.repeat(regexes.or(syntax.ignored.map((node) => this.#regex(node))), 0, Infinity)
  }

  compile(): RuleGrammar {
    const { definitions, ignoresAtStart } = this.syntax
    const start = this.#numbers.get('start')
    if (start === undefined)
      return this.source.fail('There is no rule "start", which every grammar starts from')
    const rules = [...this.#numbers.keys()].map((name) => ({
      name,
      body: this.#rule(definitions.get(name)!),
    }))
    const counted = this.#tokens.counted
    if (counted !== undefined) this.source.fail(COUNTED_TOKEN, counted)
    if (!ignoresAtStart) return { rules, start }
    const body = ruleSequence([
      { kind: 'regex', regex: this.#ignored },
      { kind: 'rule', rule: start },
    ])
    return { rules: [...rules, { name: 'start', body }], start: rules.length }
  }

  /** @throws GrammarError where a regular expression that matches nothing may be why there is no text */
  explainEmpty(): void {
    const empty = this.#parsed.find(({ regex }) => this.regexes.isEmpty(regex))
    if (!empty) return
    const cause = /\(\?[=!]/.test(empty.source)
      ? ': a look-ahead sees no further than its terminal, so write what follows into it'
      : ''
    this.source.fail(`/${excerpt(empty.source, 60)}/ matches no text${cause}`, empty.at)
  }

  #rule(definition: Definition): RuleExpression {
    if (!definition.isLazy) return this.#expression(definition.body)
    if (namesIn(definition.body).some((name) => !isTerminalName(name)))
      this.source.fail('A lazy rule is made of terminals only', definition.at)
    return this.#lexeme(this.#text(definition))
  }

  #expression(node: LarkNode): RuleExpression {
    const fail = (what: string) => this.source.fail(what, node.at)
    switch (node.kind) {
      case 'sequence':
      case 'choice': {
        const parts = node.parts.map((part) => this.#expression(part))
        return node.kind === 'choice' ? ruleChoice(parts) : ruleSequence(parts)
      }
      case 'repeat': {
        const body = this.#expression(node.body)
        this.#tokens.repeated(body, node.min, node.max)
        return { kind: 'repeat', body, min: node.min, max: node.max }
      }
      case 'name':
        if (isTerminalName(node.name)) return this.#lexeme(this.#regex(node))
        return { kind: 'rule', rule: this.#numbers.get(node.name) ?? this.#unknown(node.name, node.at) }
      case 'and':
      case 'not':
        return fail('"&" and "~" are for terminals, whose names are in upper case')
      case 'token':
        return this.#followed(this.#tokens.some([this.#tokens.named(node.text, fail)], fail))
      case 'tokens':
        return this.#tokensOf(node.ranges, node.isNegated, node.at)
      case 'json':
        return this.#followed({ kind: 'automaton', automaton: this.#schema(node.text, node.at) })
      default:
        return this.#lexeme(this.#regex(node))
    }
  }

  #lexeme(regex: Regex): RuleExpression {
    return { kind: 'regex', regex: this.regexes.join(regex, this.#ignored) }
  }

  #followed(expression: RuleExpression): RuleExpression {
    if (this.#ignored === this.regexes.epsilon) return expression
    return ruleSequence([expression, { kind: 'regex', regex: this.#ignored }])
  }

  #tokensOf(ranges: readonly (readonly [number, number])[], isNegated: boolean, at: number): RuleExpression {
    const fail = (what: string) => this.source.fail(what, at)
    const size = ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0)
    if (size > MOST_TOKENS) fail(`The ranges have more than ${MOST_TOKENS} token ids`)
    const ids = ranges.flatMap(([first, last]) =>
      Array.from({ length: last - first + 1 }, (_, i) => first + i),
    )
    if (!isNegated) return this.#followed(this.#tokens.some(ids, fail))
    const excluded = new Set(ids)
    return this.#tokens.others((id) => excluded.has(id), ids, at, fail)
  }

  #schema(text: string, at: number): Automaton {
    let known = this.#schemas.get(text)
    if (!known) {
      known =
        this.options.json?.(text) ?? this.source.fail('JSON schemas in grammars are not supported here', at)
      this.#schemas.set(text, known)
    }
    return known
  }

  /** Makes the terminals, those first that others refer to. */
  #makeTerminals(): void {
    const definitions = [...this.syntax.definitions.values()].filter(({ name }) => isTerminalName(name))
    const numbers = new Map(definitions.map(({ name }, number) => [name, number]))
    const mentioned = definitions.map(({ body, suffix }) =>
      [body, ...(suffix ? [suffix] : [])]
        .flatMap(namesIn)
        .map((name) => numbers.get(name))
        .filter((number) => number !== undefined),
    )
    for (const component of strongComponents(definitions.length, (number) => mentioned[number])) {
      const [first] = component
      const { name, at } = definitions[first]
      if (component.length > 1 || mentioned[first].includes(first))
        this.source.fail(
          `The terminal ${JSON.stringify(name)} refers to itself: make it a rule, in lower case`,
          at,
        )
      this.#terminals.set(name, this.#text(definitions[first]))
    }
  }

  /** The texts of a definition that is made of terminals. */
  #text({ body, isLazy, suffix }: Definition): Regex {
    const { regexes } = this
    const text = suffix ? regexes.join(this.#regex(body), this.#regex(suffix)) : this.#regex(body)
    if (!isLazy) return text
    // Lazy texts have no shorter beginning that is one.
    const longer = regexes.concat([text, regexes.bytes(ByteSet.all), regexes.all])
    return regexes.and([text, regexes.not(longer)])
  }

  #regex(node: LarkNode): Regex {
    const { regexes } = this
    const inner = (part: LarkNode) => this.#regex(part)
    switch (node.kind) {
      case 'literal':
        if (!node.ignoresCase) return regexes.literal(node.text)
        return toUtf8(regexes, parseRegex(node.text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), 'i'))
      case 'regex':
        return this.#parse(node.source, node.flags, node.at)
      case 'range':
        return regexes.characters([[node.first, node.last]])
      case 'substring':
        return substrings(regexes, node.chunks)
      case 'sequence':
        return regexes.concat(node.parts.map(inner))
      case 'choice':
        return regexes.or(node.parts.map(inner))
      case 'and':
        return regexes.and(node.parts.map(inner))
      case 'not':
        // The complement is one of texts in UTF-8.
        return regexes.and([regexes.not(inner(node.body)), utf8(regexes).text])
      case 'repeat':
        return regexes.repeat(inner(node.body), node.min, node.max)
      case 'name':
        if (!isTerminalName(node.name))
          return this.source.fail(
            `The rule ${JSON.stringify(node.name)} cannot be part of a terminal`,
            node.at,
          )
        return this.#terminals.get(node.name) ?? this.#unknown(node.name, node.at)
      default:
        return this.source.fail('Neither tokens nor JSON schemas can be part of a terminal', node.at)
    }
  }

  #parse(source: string, flags: string, at: number): Regex {
    try {
      const regex = toUtf8(this.regexes, parseRegex(source, flags, NEWLINE))
      this.#parsed.push({ regex, source, at })
      return regex
    } catch (error) {
      if (!(error instanceof UserError) || error instanceof GrammarLimitError) throw error
      return this.source.fail(error.message.replace(/\.$/, ''), at)
    }
  }

  #unknown(name: string, at: number): never {
    return this.source.fail(`${JSON.stringify(name)} is not defined`, at)
  }
}

/** Names that an expression mentions. */
function namesIn(node: LarkNode): readonly string[] {
  const names: string[] = []
  const open = [node]
  for (let next = open.pop(); next; next = open.pop()) {
    if (next.kind === 'name') names.push(next.name)
    else if ('body' in next) open.push(next.body)
    else if ('parts' in next) for (const part of next.parts) open.push(part)
  }
  return names
}
