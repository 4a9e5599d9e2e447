import { JinjaError } from './errors.js'
import type { Token } from './lexer.js'

/** Expressions and statements within one another, so that the parser's own calls do not run out of stack. */
const DEEPEST = 150

/** A place among the tokens of a template. */
export class TokenCursor {
  private position = 0
  private depth = 0
  private names: Set<string> | undefined

  constructor(private readonly tokens: readonly Token[]) {}

  /** What `parse` gives, and the names that it reads. */
  protected recordNames<T>(parse: () => T): [T, ReadonlySet<string>] {
    const outer = this.names
    const names = new Set<string>()
    this.names = names
    const parsed = parse()
    for (const name of names) outer?.add(name)
    this.names = outer
    return [parsed, names]
  }

  protected loaded(name: string): void {
    this.names?.add(name)
  }

  protected get current(): Token {
    return this.tokens[this.position]
  }

  protected advance(): Token {
    const token = this.current
    if (token.type !== 'end') this.position++
    return token
  }

  protected retreat(): void {
    this.position--
  }

  protected isAt(type: Token['type'], text?: string, ahead = 0): boolean {
    const token = this.tokens[Math.min(this.position + ahead, this.tokens.length - 1)]
    return token.type === type && (text === undefined || token.text === text)
  }

  protected skip(type: Token['type'], text: string): boolean {
    const isThere = this.isAt(type, text)
    if (isThere) this.advance()
    return isThere
  }

  protected expect(type: Token['type'], text?: string): Token {
    if (this.isAt(type, text)) return this.advance()
    this.fail(`${this.describe()} is unexpected where ${text ? `"${text}"` : WANTED[type]} is wanted`)
  }

  protected describe(): string {
    const { type, text } = this.current
    return type === 'name' || type === 'operator' || type === 'string' ? JSON.stringify(text) : WANTED[type]
  }

  protected nest(): void {
    if (++this.depth > DEEPEST)
      this.fail(`it holds expressions or statements more than ${DEEPEST} deep in one another`)
  }

  protected unnest(): void {
    this.depth--
  }

  protected fail(message: string): never {
    throw new JinjaError('syntax', message, this.current.line)
  }
}

const WANTED: Readonly<Record<Token['type'], string>> = {
  data: 'text',
  printBegin: '{{',
  printEnd: '}}',
  blockBegin: '{%',
  blockEnd: '%}',
  name: 'a name',
  string: 'a text',
  integer: 'a number',
  float: 'a number',
  operator: 'an operator',
  end: 'the end of the template',
}
