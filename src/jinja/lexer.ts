import { JinjaError } from './errors.js'
import { unescapeText } from './unescape.js'
import { SPACE, stripEnd } from './whitespace.js'

export interface Token {
  readonly type:
    | 'data'
    | 'printBegin'
    | 'printEnd'
    | 'blockBegin'
    | 'blockEnd'
    | 'name'
    | 'string'
    | 'integer'
    | 'float'
    | 'operator'
    | 'end'
  /** Names, operators, data, and strings without their quotes and escapes. */
  readonly text: string
  readonly line: number
}

const TAG = /\{([%{#])([-+]?)/g
const RAW = new RegExp(`\\{%[-+]?${SPACE}*raw${SPACE}*(?:-%\\}${SPACE}*|%\\})`, 'y')
const END_RAW = new RegExp(`\\{%([-+]?)${SPACE}*endraw${SPACE}*(?:\\+%\\}|-%\\}${SPACE}*|%\\}\\n?)`, 'g')
const END_COMMENT = new RegExp(`\\+#\\}|-#\\}${SPACE}*|#\\}\\n?`, 'g')
const END_BLOCK = new RegExp(`\\+%\\}|-%\\}${SPACE}*|%\\}\\n?`, 'y')
const END_PRINT = new RegExp(`-\\}\\}${SPACE}*|\\}\\}`, 'y')
const SKIP = new RegExp(`${SPACE}+`, 'y')
const FLOAT = /(?<!\.)(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?e[+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)/iy
const INTEGER = /0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[\da-f])+|[1-9](?:_?\d)*|0(?:_?0)*/iy
const NAME = /[\p{L}\p{N}\p{M}\p{Pc}·]+/uy
const IDENTIFIER = /^[\p{XID_Start}_]\p{XID_Continue}*$/u
const STRING = /'([^'\\]*(?:\\[\s\S][^'\\]*)*)'|"([^"\\]*(?:\\[\s\S][^"\\]*)*)"/y
const OPERATOR = /\/\/|\*\*|==|!=|>=|<=|[-+/*%~[\](){}><=.:|,;]/y
const CLOSING: Readonly<Record<string, string>> = { '{': '}', '(': ')', '[': ']' }

/** Line ends as `\n`, and without the last one: what Jinja reads. */
function normalizeNewlines(source: string): string {
  return source.replace(/\r\n|\r/g, '\n').replace(/\n$/, '')
}

/**
 * The tokens of a template, with Jinja's settings in transformers: `trim_blocks` takes the newline after a block away, and
 * `lstrip_blocks` the space before one that begins a line.
 * @throws JinjaError of kind `syntax`
 */
export function tokenize(source: string): Token[] {
  return new Lexer(normalizeNewlines(source)).run()
}

class Lexer {
  private readonly tokens: Token[] = []
  private position = 0
  private line = 1
  /** Whether what was read last ends with a newline. */
  private startsLine = true

  constructor(private readonly source: string) {}

  run(): Token[] {
    while (this.position < this.source.length) this.dataAndTag()
    this.push('end', '')
    return this.tokens
  }

  private dataAndTag(): void {
    TAG.lastIndex = this.position
    const found = TAG.exec(this.source)
    if (!found) {
      this.data(this.source.slice(this.position), '+')
      return
    }
    const data = this.source.slice(this.position, found.index)
    const [tag, kind, sign] = found
    RAW.lastIndex = found.index
    const raw = kind === '%' ? RAW.exec(this.source)?.[0] : undefined
    this.data(data, kind === '{' && sign !== '-' ? '+' : sign)
    this.advance(raw ?? tag)
    if (raw !== undefined) this.raw()
    else if (kind === '#') this.comment()
    else this.tag(kind === '{' ? 'print' : 'block')
  }

  /** @param sign of the tag behind it: `-` strips all space before it, none the space of its line, `+` nothing */
  private data(text: string, sign: string): void {
    const lineStart = text.lastIndexOf('\n') + 1
    let kept = text
    if (sign === '-') kept = stripEnd(text)
    else if (sign === '' && (lineStart > 0 || this.startsLine) && stripEnd(text.slice(lineStart)) === '') {
      kept = text.slice(0, lineStart)
    }
    if (kept !== '') this.push('data', kept)
    this.advance(text)
  }

  private raw(): void {
    END_RAW.lastIndex = this.position
    const end = END_RAW.exec(this.source)
    if (!end) this.fail('the end of a raw block is missing')
    this.data(this.source.slice(this.position, end.index), end[1])
    this.advance(end[0])
  }

  private comment(): void {
    END_COMMENT.lastIndex = this.position
    const end = END_COMMENT.exec(this.source)
    if (!end) this.fail('the end of a comment is missing')
    this.advance(this.source.slice(this.position, end.index) + end[0])
  }

  private tag(kind: 'print' | 'block'): void {
    this.push(`${kind}Begin`, '')
    const open: string[] = []
    while (this.position < this.source.length) {
      if (this.match(SKIP) !== undefined) continue
      if (open.length === 0 && this.endOf(kind)) return
      this.token(open)
    }
  }

  private endOf(kind: 'print' | 'block'): boolean {
    const { line } = this
    const end = this.match(kind === 'print' ? END_PRINT : END_BLOCK)
    if (end === undefined) return false
    this.tokens.push({ type: `${kind}End`, text: end, line })
    return true
  }

  private token(open: string[]): void {
    const { line } = this
    const push = (type: Token['type'], text: string) => this.tokens.push({ type, text, line })
    const float = this.match(FLOAT)
    if (float !== undefined) return void push('float', float.replaceAll('_', ''))
    const integer = this.match(INTEGER)
    if (integer !== undefined) return void push('integer', integer.replaceAll('_', ''))
    const name = this.match(NAME)
    if (name !== undefined) {
      if (!IDENTIFIER.test(name)) this.fail(`${JSON.stringify(name)} is no name`)
      return void push('name', name)
    }
    const string = this.match(STRING)
    if (string !== undefined) return void push('string', unescapeText(string.slice(1, -1), line))
    const operator = this.match(OPERATOR)
    if (operator === undefined) {
      const character = String.fromCodePoint(this.source.codePointAt(this.position)!)
      if (/['"]/.test(character)) this.fail('a text is not closed')
      this.fail(`${JSON.stringify(character)} is unexpected`)
    }
    if (operator in CLOSING) open.push(CLOSING[operator])
    else if (/[})\]]/.test(operator) && open.pop() !== operator) this.fail(`"${operator}" is unexpected`)
    push('operator', operator)
  }

  private match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.position
    const text = pattern.exec(this.source)?.[0]
    if (text !== undefined) this.advance(text)
    return text
  }

  private push(type: Token['type'], text: string): void {
    this.tokens.push({ type, text, line: this.line })
  }

  private advance(text: string): void {
    this.position += text.length
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.line++
    if (text !== '') this.startsLine = text.endsWith('\n')
  }

  private fail(message: string): never {
    throw new JinjaError('syntax', message, this.line)
  }
}
