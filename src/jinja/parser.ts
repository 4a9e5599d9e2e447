import { JinjaError, unsupportedSyntax } from './errors.js'
import { ExpressionParser } from './expression-parser.js'
import { tokenize } from './lexer.js'
import type { Body, Expression, FilterNode, Signature, Statement, Target } from './nodes.js'

/** @throws JinjaError of kind `syntax` or `unsupported`, with its line */
export function parse(source: string): Body {
  return new Parser(tokenize(source)).template()
}

/** Statements of Jinja that mean other templates, or escaping for HTML. */
const UNSUPPORTED = ['block', 'extends', 'include', 'import', 'from', 'autoescape']
const SPECIAL = ['caller', 'varargs', 'kwargs'] as const

/** Jinja's parser (`jinja2/parser.py`), with the extensions that transformers loads: loopcontrols and `generation`. */
class Parser extends ExpressionParser {
  /** The statements that are open, with their lines and what ends them. */
  private readonly open: {
    readonly name: string
    readonly line: number
    readonly ends: readonly string[]
  }[] = []
  /** Loops that `break` and `continue` would reach. */
  private loops = 0

  template(): Body {
    const body = this.statements(undefined)
    if (this.unknown.length > 0) throw this.unknown[0]
    return body
  }

  /** Statements up to one that `ends`, whose name comes next; up to the end of the template where there are no `ends`. */
  private statements(ends: readonly string[] | undefined): Body {
    const body: Statement[] = []
    for (;;) {
      const { type, text, line } = this.current
      if (type === 'end') {
        if (ends === undefined) return body
        const { name, line: begun } = this.open.at(-1)!
        this.fail(`the template ends without {% end${name} %} for the {% ${name} %} of line ${begun}`)
      }
      this.advance()
      if (type === 'data') body.push({ type: 'text', line, text })
      else if (type === 'printBegin') {
        body.push({ type: 'print', line, value: this.tuple() })
        this.expect('printEnd')
      } else {
        if (ends?.includes(this.current.text) && this.current.type === 'name') return body
        body.push(...this.statement())
        this.expect('blockEnd')
      }
    }
  }

  private statement(): Statement[] {
    const { type, text: name, line } = this.current
    if (type !== 'name') this.fail('the name of a statement is missing')
    if (UNSUPPORTED.includes(name)) unsupportedSyntax(`{% ${name} %}`, line)
    const parse = this.parsers[name]
    if (!parse || !Object.hasOwn(this.parsers, name)) this.unexpected(name)
    this.advance()
    this.nest()
    const statement = parse(line)
    this.unnest()
    return statement
  }

  private unexpected(name: string): never {
    const inner = this.open.at(-1)
    const wanted = inner && ` where {% ${inner.ends.join(' %} or {% ')} %} is wanted`
    const place = inner ? `${wanted} for the {% ${inner.name} %} of line ${inner.line}` : ''
    this.fail(`{% ${name} %} is unexpected${place}`)
  }

  private readonly parsers: Readonly<Record<string, (line: number) => Statement[]>> = {
    print: () => this.print(),
    if: (line) => [this.if(line)],
    for: (line) => [this.for(line)],
    set: (line) => [this.set(line)],
    with: (line) => [this.with(line)],
    filter: (line) => [
      {
        type: 'filterBlock',
        line,
        filter: this.filters(undefined, true) as FilterNode,
        body: this.block('filter'),
      },
    ],
    macro: (line) => [this.macro(line)],
    call: (line) => [this.callBlock(line)],
    generation: (line) => [{ type: 'generation', line, body: this.functionBody('generation').body }],
    break: (line) => [this.jump('break', line)],
    continue: (line) => [this.jump('continue', line)],
  }

  /** The body of a statement up to `{% endNAME %}` and this. */
  private block(name: string): Body {
    const body = this.part(name, [`end${name}`])
    this.advance()
    return body
  }

  private part(name: string, ends: readonly string[], soft = false): Body {
    this.skip('operator', ':')
    const { line } = this.expect('blockEnd')
    this.open.push({ name, line, ends })
    const wasSoft = this.soft
    this.soft = soft
    const body = this.statements(ends)
    this.soft = wasSoft
    this.open.pop()
    return body
  }

  /** The body of what Jinja makes a function of, which loops around it end at. */
  private functionBody(name: string, parameters: Signature['parameters'] = []) {
    const { loops } = this
    this.loops = 0
    const [body, names] = this.recordNames(() => this.block(name))
    this.loops = loops
    const isParameter = (special: string) => parameters.some((parameter) => parameter.name === special)
    const special = new Set<string>(SPECIAL.filter((name) => names.has(name) && !isParameter(name)))
    return { body, signature: { parameters, special } }
  }

  private print(): Statement[] {
    const values: Statement[] = []
    while (this.current.type !== 'blockEnd') {
      if (values.length > 0) this.expect('operator', ',')
      values.push({ type: 'print', line: this.current.line, value: this.expression() })
    }
    return values
  }

  private if(line: number): Statement {
    const branches: { test: Expression; body: Body }[] = []
    for (;;) {
      const test = this.tuple({ conditional: false })
      branches.push({ test, body: this.part('if', ['elif', 'else', 'endif'], true) })
      const { text } = this.advance()
      if (text === 'elif') continue
      const otherwise = text === 'else' ? this.part('if', ['endif'], true) : []
      if (text === 'else') this.advance()
      return { type: 'if', line, branches, otherwise }
    }
  }

  private for(line: number): Statement {
    const target = this.target({ end: 'in' })
    if (namesOf(target).includes('loop')) this.fail('loop, which a loop sets, cannot be assigned')
    this.expect('name', 'in')
    const items = this.tuple({ conditional: false, end: 'recursive' })
    const test = this.skip('name', 'if') ? this.expression() : undefined
    const recursive = this.skip('name', 'recursive')
    const { loops } = this
    this.loops = recursive ? 1 : loops + 1
    const body = this.part('for', ['endfor', 'else'])
    this.loops = loops
    const otherwise = this.advance().text === 'else' ? this.block('for') : []
    return { type: 'for', line, target, items, test, recursive, body, otherwise }
  }

  private set(line: number): Statement {
    const target = this.target({ fields: true })
    if (this.skip('operator', '=')) return { type: 'set', line, target, value: this.tuple() }
    const filter = this.filters(undefined) as FilterNode | undefined
    return { type: 'setBlock', line, target, filter, body: this.block('set') }
  }

  private with(line: number): Statement {
    const assignments: { target: Target; value: Expression }[] = []
    while (this.current.type !== 'blockEnd') {
      if (assignments.length > 0) this.expect('operator', ',')
      const target = this.target({})
      this.expect('operator', '=')
      assignments.push({ target, value: this.expression() })
    }
    return { type: 'with', line, assignments, body: this.block('with') }
  }

  private macro(line: number): Statement {
    const name = this.expect('name').text
    this.assignable(name)
    const parameters = this.parameters()
    return { type: 'macro', line, name, ...this.functionBody('macro', parameters) }
  }

  private callBlock(line: number): Statement {
    const parameters = this.isAt('operator', '(') ? this.parameters() : []
    const call = this.expression()
    if (call.type !== 'call') this.fail('{% call %} needs the call of a macro')
    return { type: 'callBlock', line, call, ...this.functionBody('call', parameters) }
  }

  private parameters(): Signature['parameters'] {
    const parameters: { name: string; fallback: Expression | undefined }[] = []
    this.expect('operator', '(')
    while (!this.isAt('operator', ')')) {
      if (parameters.length > 0) this.expect('operator', ',')
      const name = this.expect('name').text
      this.assignable(name)
      const fallback = this.skip('operator', '=') ? this.expression() : undefined
      if (!fallback && parameters.at(-1)?.fallback) this.fail(`the parameter ${name} needs a default`)
      if (parameters.some((parameter) => parameter.name === name))
        this.fail(`two parameters are called ${name}`)
      parameters.push({ name, fallback })
    }
    this.expect('operator', ')')
    return parameters
  }

  private jump(type: 'break' | 'continue', line: number): Statement {
    if (this.loops === 0) throw new JinjaError('syntax', `{% ${type} %} stands in no loop`, line)
    return { type, line }
  }

  private target(options: { end?: string; fields?: boolean }): Target {
    const targets: Target[] = []
    let isTuple = false
    while (!this.endsTuple(options.end)) {
      targets.push(this.singleTarget(options.fields ?? false))
      if (!this.skip('operator', ',')) break
      isTuple = true
    }
    if (targets.length === 0) this.fail('the name of a variable is missing')
    return isTuple ? { type: 'tuple', targets } : targets[0]
  }

  private singleTarget(fields: boolean): Target {
    if (this.skip('operator', '(')) {
      const target = this.target({ fields })
      this.expect('operator', ')')
      return target
    }
    const name = this.expect('name').text
    if (fields && this.skip('operator', '.')) {
      this.loaded(name)
      return { type: 'field', namespace: name, field: this.expect('name').text }
    }
    this.assignable(name)
    if (name === 'loop' && this.open.some((statement) => statement.name === 'for')) {
      this.fail('loop, which a loop sets, cannot be assigned')
    }
    return { type: 'name', name }
  }

  private assignable(name: string): void {
    if (/^(?:[tT]rue|[fF]alse|[nN]one)$/.test(name)) this.fail(`${name} cannot be assigned`)
  }
}

function namesOf(target: Target): string[] {
  if (target.type === 'name') return [target.name]
  return target.type === 'tuple' ? target.targets.flatMap(namesOf) : []
}
