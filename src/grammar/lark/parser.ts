import type { GrammarText } from '../grammar-text.js'
import { COMMON } from './common.js'
import { attributesOf, escapedCharacter, flagsOf, jsonLiteral, substringOf, tokenRanges } from './lexer.js'
import { type Definition, isTerminalName, type LarkNode, type LarkSyntax } from './syntax.js'

const NAME = /_*[A-Za-z](?:[A-Za-z0-9_]|-(?!>))*/y
const COMMENT = String.raw`(?:\/\/|#)[^\r\n]*`
const SPACE = new RegExp(`(?:[ \\t\\f]|\\\\\\r?\\n)*(?:${COMMENT})?`, 'y')
const SPACE_AND_LINES = new RegExp(`\\s*(?:${COMMENT}\\s*)*`, 'y')
/** A bar, which may also begin a line. */
const BAR = new RegExp(`\\s*(?:${COMMENT}\\s*)*\\|`, 'y')
const ATOM = /["/([<%@~]|_*[A-Za-z]/y

/** Reads a grammar in Lark's notation with llguidance's additions. */
export class LarkParser {
  readonly #source: GrammarText
  readonly #definitions = new Map<string, Definition>()
  readonly #ignored: LarkNode[] = []
  #ignoresAtStart = false
  /** Open groups, in which lines may end anywhere. */
  #groups = 0

  constructor(readonly source: GrammarText) {
    this.#source = source
  }

  parse(): LarkSyntax {
    const source = this.#source
    source.takeMatch(SPACE_AND_LINES)
    while (!source.isAtEnd) {
      if (source.match(/%/y)) this.#statement()
      else this.#definition()
      if (!source.isAtEnd && !source.match(/[\r\n]/y)) source.expect('the end of the line')
      source.takeMatch(SPACE_AND_LINES)
    }
    return { definitions: this.#definitions, ignored: this.#ignored, ignoresAtStart: this.#ignoresAtStart }
  }

  #definition(): void {
    const source = this.#source
    const at = source.at
    source.takeMatch(/[?!]*/y)
    const name = this.#name("a rule's name")
    if (source.match(/[ \t]*\{/y)) source.fail('Templates of rules are not supported')
    if (source.match(/[ \t]*\.[ \t]*-?\d/y))
      source.fail('Priorities are not supported, since no text depends on them')
    this.#space()
    const attributes = attributesOf(source, () => this.#value())
    if (!source.take(':')) source.expect('":"')
    this.#space()
    this.#add({ name, at, body: this.#choice(), isLazy: attributes.isLazy, suffix: attributes.suffix })
  }

  #add(definition: Definition): void {
    if (this.#definitions.has(definition.name))
      this.#source.fail(`${JSON.stringify(definition.name)} is defined twice`, definition.at)
    this.#definitions.set(definition.name, definition)
  }

  #statement(): void {
    const source = this.#source
    const at = source.at
    const kind = source.takeMatch(/%\w*/y)![0]
    this.#space()
    if (kind === '%ignore') this.#ignored.push(this.#choice())
    else if (kind === '%import') this.#import()
    else if (kind === '%llguidance' || kind === '%grammar_options') this.#options(at)
    else source.fail(`${JSON.stringify(kind)} is not supported`, at)
    this.#space()
  }

  #import(): void {
    const source = this.#source
    const at = source.at
    const library = source.takeMatch(/\.*[\w.]*/y)![0]
    this.#space()
    const [, single] = /^common\.(\w+)$/.exec(library) ?? []
    if (!single && library !== 'common')
      source.fail(`Only terminals of "common" can be imported, not ${JSON.stringify(library)}`, at)
    if (single) {
      const isRenamed = source.take('->')
      if (isRenamed) this.#space()
      this.#importAs(single, isRenamed ? this.#name('a name') : single, at)
      return
    }
    if (!source.take('(')) source.expect('"("')
    do {
      source.takeMatch(SPACE_AND_LINES)
      const place = source.at
      const name = this.#name('a name')
      this.#importAs(name, name, place)
      source.takeMatch(SPACE_AND_LINES)
    } while (source.take(','))
    if (!source.take(')')) source.expect('")"')
  }

  #importAs(common: string, name: string, at: number): void {
    const regex = COMMON.get(common)
    if (regex === undefined)
      this.#source.fail(`The library "common" has no terminal ${JSON.stringify(common)}`, at)
    if (!isTerminalName(name))
      this.#source.fail(`The terminal ${JSON.stringify(name)} must be in upper case`, at)
    const body: LarkNode = { at, kind: 'regex', source: regex!, flags: '' }
    this.#add({ name, at, body, isLazy: false, suffix: undefined })
  }

  #options(at: number): void {
    const options = jsonLiteral(this.#source).value as Record<string, unknown>
    for (const [name, value] of Object.entries(options)) {
      if (name === 'allow_initial_skip' && typeof value === 'boolean') this.#ignoresAtStart = value
      else if (name !== 'no_forcing')
        this.#source.fail(`The option ${JSON.stringify(name)} is not supported`, at)
    }
  }

  /** Alternatives: `|` binds least, then `&`, then what stands side by side. */
  #choice(): LarkNode {
    const { at } = this.#source
    const parts = [this.#and()]
    while (this.#source.takeMatch(BAR)) {
      this.#space()
      parts.push(this.#and())
    }
    return parts.length === 1 ? parts[0] : { at, kind: 'choice', parts }
  }

  #and(): LarkNode {
    const source = this.#source
    const { at } = source
    const parts = [this.#sequence()]
    while (source.take('&')) {
      source.takeMatch(SPACE_AND_LINES)
      parts.push(this.#sequence())
    }
    if (source.take('->')) {
      this.#space()
      this.#name("an alias's name")
      this.#space()
    }
    return parts.length === 1 ? parts[0] : { at, kind: 'and', parts }
  }

  #sequence(): LarkNode {
    const source = this.#source
    const { at } = source
    const parts: LarkNode[] = []
    while (source.match(ATOM)) parts.push(this.#expression())
    return parts.length === 1 ? parts[0] : { at, kind: 'sequence', parts }
  }

  #expression(): LarkNode {
    const source = this.#source
    const { at } = source
    let body = this.#atom()
    for (let count = 0; ; count++) {
      this.#space()
      const found = source.takeMatch(/[*+?]|~(?=[ \t]*\d)|\{/y)?.[0]
      if (!found) return body
      const [min, max] =
        found === '~'
          ? this.#tildeCounts()
          : found === '{'
            ? this.#braceCounts()
            : [found === '+' ? 1 : 0, found === '?' ? 1 : Infinity]
      source.checkRepetition(min, max, count, at)
      body = { at, kind: 'repeat', body, min, max }
    }
  }

  #tildeCounts(): readonly [number, number] {
    const source = this.#source
    source.takeMatch(/[ \t]*/y)
    const min = source.count()
    return [min, source.takeMatch(/[ \t]*\.\.[ \t]*/y) ? source.count() : min]
  }

  #braceCounts(): readonly [number, number] {
    const source = this.#source
    const at = source.at - 1
    if (source.match(/[ \t]*["/A-Za-z_]/y)) source.fail('Templates of rules are not supported', at)
    source.takeMatch(/[ \t]*/y)
    const min = source.match(/,/y) ? 0 : source.count()
    let max = min
    if (source.takeMatch(/[ \t]*,[ \t]*/y))
      max = source.match(/\d/y) ? source.count() : source.match(/\}/y) ? Infinity : source.count()
    source.takeMatch(/[ \t]*/y)
    return source.take('}') ? [min, max] : source.expect('"}"')
  }

  #atom(): LarkNode {
    const source = this.#source
    const { at } = source
    if (source.take('~')) {
      source.takeMatch(/[ \t]*/y)
      return { at, kind: 'not', body: source.nested(() => this.#atom()) }
    }
    if (source.take('(')) return this.#group(')')
    if (source.take('[')) return { at, kind: 'repeat', body: this.#group(']'), min: 0, max: 1 }
    return this.#value()
  }

  #group(end: string): LarkNode {
    const source = this.#source
    this.#groups++
    source.takeMatch(SPACE_AND_LINES)
    const body = source.nested(() => this.#choice())
    if (!source.take(end)) source.expect(`"${end}"`)
    this.#groups--
    return body
  }

  #value(): LarkNode {
    const source = this.#source
    const { at } = source
    if (source.take('"')) return this.#text(at)
    const regex = source.takeMatch(/\/((?:\\.|[^/\\\r\n])+)\/([a-z]*)/y)
    if (regex) return { at, kind: 'regex', source: regex[1], flags: flagsOf(source, regex[2], at) }
    if (source.match(/\//y)) return source.fail('The regular expression has no closing "/"')
    const ranges = tokenRanges(source)
    if (ranges) return ranges
    const token = source.takeMatch(/<[^<>\s[][^<>\s]*>/y)
    if (token) return { at, kind: 'token', text: token[0] }
    if (source.match(/</y)) return source.fail('The token is neither <[ids]> nor <text>')
    if (source.takeMatch(/%json\s*/y)) return { at, kind: 'json', text: jsonLiteral(source).text }
    if (source.takeMatch(/%regex\s*/y)) return { at, kind: 'substring', chunks: substringOf(source, at) }
    if (source.match(/@/y)) return source.fail('References to other grammars are not supported')
    return { at, kind: 'name', name: this.#name('an expression') }
  }

  #text(at: number): LarkNode {
    const source = this.#source
    const text = this.#quoted(at)
    if (source.takeMatch(/[ \t]*\.\.(?=[ \t]*")/y)) {
      source.takeMatch(/[ \t]*"/y)
      const last = this.#quoted(at)
      if (Array.from(text).length !== 1 || Array.from(last).length !== 1)
        source.fail('The ends of a range must be single characters', at)
      const [first, end] = [text.codePointAt(0)!, last.codePointAt(0)!]
      if (end < first) source.fail('The range of characters ends before it begins', at)
      return { at, kind: 'range', first, last: end }
    }
    return { at, kind: 'literal', text, ignoresCase: source.takeMatch(/i(?![\w-])/y) !== undefined }
  }

  #quoted(at: number): string {
    const source = this.#source
    let text = ''
    while (!source.take('"')) {
      if (source.isAtEnd || source.match(/[\r\n]/y)) source.fail('The text has no closing quotation mark', at)
      text += escapedCharacter(source)
    }
    return text
  }

  #name(what: string): string {
    return this.#source.takeMatch(NAME)?.[0] ?? this.#source.expect(what)
  }

  #space(): void {
    this.#source.takeMatch(this.#groups > 0 ? SPACE_AND_LINES : SPACE)
  }
}
