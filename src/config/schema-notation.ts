import { usageError } from '../errors.js'

/** A JSON schema as this notation makes it. */
export type NotedSchema = Readonly<Record<string, unknown>>

/** simonw/llm's names, and those of JSON Schema. */
const TYPES: ReadonlyMap<string, string> = new Map([
  ['str', 'string'],
  ['string', 'string'],
  ['int', 'integer'],
  ['integer', 'integer'],
  ['float', 'number'],
  ['number', 'number'],
  ['bool', 'boolean'],
  ['boolean', 'boolean'],
])

/** Nested lists and objects at most. */
const DEEPEST = 100

/**
 * The JSON schema of an object whose fields are told in short, separated by commas, or by lines where there are some:
 * `name: who it is, age int, tags [str], kind (a|b|c)?, address {street, zip int}`. A field is its name, its type (a string by default) and
 * after a colon its description; `?` after the name or the type lets it be left out. It reads what simonw/llm's `--schema` does, and adds
 * optional fields, lists, choices and objects.
 * @throws UserError, exit code 2, with the place of the fault
 */
export function parseNotation(text: string): NotedSchema {
  return new NotationReader(text).read()
}

class NotationReader {
  private at = 0
  private depth = 0
  private readonly separator: string

  constructor(private readonly text: string) {
    this.separator = text.trim().includes('\n') ? '\n' : ','
  }

  read(): NotedSchema {
    const schema = this.fields(undefined, this.separator)
    return schema
  }

  /** @param close what ends the fields; undefined for the end of the text */
  private fields(close: string | undefined, separator: string): NotedSchema {
    const properties: Record<string, unknown> = Object.create(null)
    const required: string[] = []
    for (;;) {
      this.skip(separator)
      if (this.isAtEnd(close)) break
      const { name, schema, isOptional } = this.field(close, separator)
      if (name in properties) this.fail(`the field ${JSON.stringify(name)} is there twice`)
      properties[name] = schema
      if (!isOptional) required.push(name)
      this.space(separator)
      if (this.isAtEnd(close)) break
      if (this.text[this.at] !== separator) this.fail(`${this.here()} is where the next field would begin`)
    }
    if (Object.keys(properties).length === 0) this.fail('there is no field')
    if (close) this.at++
    return { type: 'object', properties, required, additionalProperties: false }
  }

  private field(close: string | undefined, separator: string) {
    const name = this.word()
    let isOptional = this.take('?')
    this.space(separator)
    let schema: NotedSchema = { type: 'string' }
    if (this.at < this.text.length && !this.ends(close, separator) && this.text[this.at] !== ':') {
      schema = this.type()
      isOptional = this.take('?') || isOptional
      this.space(separator)
    }
    if (!this.take(':')) return { name, schema, isOptional }
    const start = this.at
    while (this.at < this.text.length && !this.ends(close, separator)) this.at++
    const description = this.text.slice(start, this.at).trim()
    return { name, schema: description ? { ...schema, description } : schema, isOptional }
  }

  private type(): NotedSchema {
    const open = this.text[this.at]
    if (open === '[') return this.nested(() => this.list())
    if (open === '{') {
      this.at++
      return this.nested(() => this.fields('}', ','))
    }
    if (open === '(') return this.choices()
    const start = this.at
    const word = this.word()
    const type = TYPES.get(word)
    if (type) return { type }
    this.at = start
    return this.fail(
      `${JSON.stringify(word)} is no type: write ${[...TYPES.keys()].join(', ')}, [type], (a|b) or {fields}`,
    )
  }

  private list(): NotedSchema {
    this.at++
    this.space('')
    const items = this.text[this.at] === ']' ? { type: 'string' } : this.type()
    this.space('')
    if (!this.take(']')) this.fail('a list has no ]')
    return { type: 'array', items }
  }

  private choices(): NotedSchema {
    const end = this.text.indexOf(')', this.at)
    if (end < 0) this.fail('choices have no )')
    const values = this.text
      .slice(this.at + 1, end)
      .split('|')
      .map((value) => value.trim())
    if (values.some((value) => value === '')) this.fail('a choice is empty')
    if (new Set(values).size < values.length) this.fail('a choice is there twice')
    this.at = end + 1
    return { type: 'string', enum: values }
  }

  private nested(read: () => NotedSchema): NotedSchema {
    if (++this.depth > DEEPEST) this.fail(`it is nested more than ${DEEPEST} deep`)
    const schema = read()
    this.depth--
    return schema
  }

  private word(): string {
    const [word] = /^[^\s,:?[\](){}|]+/.exec(this.text.slice(this.at, this.at + 1000)) ?? []
    if (word === undefined) return this.fail(`${this.here()} is where a name would be`)
    this.at += word.length
    return word
  }

  private take(character: string): boolean {
    if (this.text[this.at] !== character) return false
    this.at++
    return true
  }

  /** Passes over separators and white space. */
  private skip(separator: string): void {
    while (this.at < this.text.length && (this.text[this.at] === separator || /\s/.test(this.text[this.at])))
      this.at++
  }

  /** Passes over white space that separates nothing. */
  private space(separator: string): void {
    while (this.at < this.text.length && this.text[this.at] !== separator && /\s/.test(this.text[this.at]))
      this.at++
  }

  private isAtEnd(close: string | undefined): boolean {
    if (this.at < this.text.length) return close !== undefined && this.text[this.at] === close
    if (close) this.fail(`fields have no ${close}`)
    return true
  }

  private ends(close: string | undefined, separator: string): boolean {
    return this.text[this.at] === separator || (close !== undefined && this.text[this.at] === close)
  }

  private here(): string {
    return this.at < this.text.length ? JSON.stringify(this.text[this.at]) : 'the end'
  }

  private fail(fault: string): never {
    throw usageError(
      `The schema cannot be read at character ${this.at + 1}: ${fault}. It is JSON, or fields such as "name, age int, tags [str], kind (a|b)?".`,
    )
  }
}
