import { JinjaError } from './errors.js'
import { FILTER_NAMES, unsupportedFilter } from './filter-names.js'
import type { Arguments, Expression } from './nodes.js'
import { PrimaryParser, type TupleOptions } from './primary-parser.js'
import { TEST_NAMES } from './tests.js'

const COMPARISONS = ['==', '!=', '<', '<=', '>', '>=']

/** Jinja's expressions by their order of binding. */
export class ExpressionParser extends PrimaryParser {
  /** Whether Jinja looks a filter up when it is called only: within `if`. */
  protected soft = false
  /** Filters and tests that are not known, and not in what Jinja looks up late. */
  protected readonly unknown: JinjaError[] = []
  /** Several expressions between commas are a tuple. */
  protected tuple({ conditional = true, end, parenthesised = false }: TupleOptions = {}): Expression {
    const { line } = this.current
    const items: Expression[] = []
    let isTuple = false
    while (!this.endsTuple(end)) {
      items.push(conditional ? this.expression() : this.or())
      if (!this.skip('operator', ',')) break
      isTuple = true
    }
    if (!isTuple && items.length === 1) return items[0]
    if (items.length === 0 && !parenthesised) this.fail('an expression is missing')
    return { type: 'tuple', items, line }
  }

  protected endsTuple(end: string | undefined): boolean {
    const { type } = this.current
    if (type === 'printEnd' || type === 'blockEnd' || this.isAt('operator', ')')) return true
    return end !== undefined && this.isAt('name', end)
  }

  protected expression(): Expression {
    this.nest()
    const { line } = this.current
    const known = this.unknown.length
    let value = this.or()
    while (this.skip('name', 'if')) {
      // Jinja looks filters up late in a conditional expression, before its `if` too.
      this.unknown.length = known
      const { soft } = this
      this.soft = true
      const test = this.or()
      const otherwise = this.skip('name', 'else') ? this.expression() : undefined
      this.soft = soft
      value = { type: 'conditional', test, value, otherwise, line }
    }
    this.unnest()
    return value
  }

  private or(): Expression {
    let left = this.and()
    while (this.skip('name', 'or')) left = { type: 'or', left, right: this.and(), line: left.line }
    return left
  }

  private and(): Expression {
    let left = this.not()
    while (this.skip('name', 'and')) left = { type: 'and', left, right: this.not(), line: left.line }
    return left
  }

  private not(): Expression {
    const { line } = this.current
    if (!this.skip('name', 'not')) return this.compare()
    this.nest()
    const operand = this.not()
    this.unnest()
    return { type: 'not', operand, line }
  }

  private compare(): Expression {
    const first = this.sum()
    const rest: { operator: string; operand: Expression }[] = []
    for (;;) {
      const { type, text } = this.current
      if (type === 'operator' && COMPARISONS.includes(text)) {
        this.advance()
        rest.push({ operator: text, operand: this.sum() })
      } else if (this.skip('name', 'in')) rest.push({ operator: 'in', operand: this.sum() })
      else if (this.isAt('name', 'not') && this.isAt('name', 'in', 1)) {
        this.advance()
        this.advance()
        rest.push({ operator: 'not in', operand: this.sum() })
      } else return rest.length === 0 ? first : { type: 'compare', first, rest, line: first.line }
    }
  }

  private sum(): Expression {
    return this.binary(['+', '-'], () => this.concat())
  }

  private concat(): Expression {
    const items = [this.product()]
    while (this.skip('operator', '~')) items.push(this.product())
    return items.length === 1 ? items[0] : { type: 'concat', items, line: items[0].line }
  }

  private product(): Expression {
    return this.binary(['*', '/', '//', '%'], () => this.binary(['**'], () => this.unary(true)))
  }

  /** Left to right, as Jinja parses powers as well. */
  private binary(operators: readonly string[], operand: () => Expression): Expression {
    let left = operand()
    for (;;) {
      const { type, text } = this.current
      if (type !== 'operator' || !operators.includes(text)) return left
      this.advance()
      left = { type: 'binary', operator: text, left, right: operand(), line: left.line }
    }
  }

  private unary(filters: boolean): Expression {
    const { line, type, text } = this.current
    let value: Expression
    if (type === 'operator' && (text === '-' || text === '+')) {
      this.advance()
      this.nest()
      value = { type: text === '-' ? 'neg' : 'pos', operand: this.unary(false), line }
      this.unnest()
    } else value = this.primary()
    value = this.postfix(value)
    return filters ? this.filtersAndTests(value) : value
  }

  private filtersAndTests(start: Expression): Expression {
    let value = start
    for (;;) {
      const { line } = this.current
      if (this.isAt('operator', '|')) value = this.filters(value)!
      else if (this.skip('name', 'is')) value = this.test(value, line)
      else if (this.isAt('operator', '('))
        value = { type: 'call', callee: value, args: this.arguments(), line }
      else return value
    }
  }

  /** @param value undefined for a block's text; the first bar may be left out then */
  protected filters(value: Expression | undefined, startsInline = false): Expression | undefined {
    let filtered = value
    let isInline = startsInline
    while (isInline || this.skip('operator', '|')) {
      isInline = false
      const { line } = this.current
      const name = this.qualifiedName()
      unsupportedFilter(name, line)
      if (!FILTER_NAMES.has(name)) this.notThere('filter', name, line)
      filtered = { type: 'filter', value: filtered, name, args: this.optionalArguments(), line }
    }
    return filtered
  }

  private notThere(kind: string, name: string, line: number): void {
    if (!this.soft) this.unknown.push(new JinjaError('syntax', `there is no ${kind} ${name}`, line))
  }

  private test(value: Expression, line: number): Expression {
    const isNegated = this.skip('name', 'not')
    const name = this.qualifiedName()
    if (!TEST_NAMES.has(name)) this.notThere('test', name, line)
    let args = this.optionalArguments()
    const { type, text } = this.current
    const isOperand =
      ['name', 'string', 'integer', 'float'].includes(type) ||
      this.isAt('operator', '[') ||
      this.isAt('operator', '{')
    if (args === NONE && isOperand && !(type === 'name' && /^(?:else|or|and)$/.test(text))) {
      if (type === 'name' && text === 'is') this.fail('two tests with "is" cannot follow one another')
      args = { ...NONE, positional: [this.postfix(this.primary())] }
    }
    const test: Expression = { type: 'test', value, name, args, line }
    return isNegated ? { type: 'not', operand: test, line } : test
  }

  private qualifiedName(): string {
    let name = this.expect('name').text
    while (this.skip('operator', '.')) name += `.${this.expect('name').text}`
    return name
  }

  private optionalArguments(): Arguments {
    return this.isAt('operator', '(') ? this.arguments() : NONE
  }
}

const NONE: Arguments = { positional: [], named: [], spread: undefined, spreadNamed: undefined }
