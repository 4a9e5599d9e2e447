import type { Arguments, Expression } from './nodes.js'
import { TokenCursor } from './token-cursor.js'

const CONSTANTS: Readonly<Record<string, boolean | null>> = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
}

export interface TupleOptions {
  readonly conditional?: boolean
  readonly end?: string
  readonly parenthesised?: boolean
}

/** What binds most: literals, fields, items and calls. */
export abstract class PrimaryParser extends TokenCursor {
  protected abstract expression(): Expression

  protected abstract tuple(options?: TupleOptions): Expression

  protected primary(): Expression {
    const { type, text, line } = this.advance()
    if (type === 'name') {
      if (Object.hasOwn(CONSTANTS, text)) return { type: 'const', value: CONSTANTS[text], line }
      this.loaded(text)
      return { type: 'name', name: text, line }
    }
    if (type === 'string') {
      let value = text
      while (this.current.type === 'string') value += this.advance().text
      return { type: 'const', value, line }
    }
    if (type === 'integer') return { type: 'const', value: BigInt(text), line }
    if (type === 'float') return { type: 'const', value: Number(text), line }
    if (type === 'operator' && text === '(') {
      const value = this.tuple({ parenthesised: true })
      this.expect('operator', ')')
      return value
    }
    if (type === 'operator' && text === '[')
      return { type: 'list', items: this.until(']', () => this.expression()), line }
    if (type === 'operator' && text === '{')
      return { type: 'dict', pairs: this.until('}', () => this.pair()), line }
    this.retreat()
    return this.fail(`${this.describe()} is unexpected`)
  }

  private pair(): readonly [Expression, Expression] {
    const key = this.expression()
    this.expect('operator', ':')
    return [key, this.expression()]
  }

  private until<T>(end: string, item: () => T): T[] {
    const items: T[] = []
    while (!this.skip('operator', end)) {
      if (items.length > 0) {
        this.expect('operator', ',')
        if (this.skip('operator', end)) break
      }
      items.push(item())
    }
    return items
  }

  protected postfix(start: Expression): Expression {
    let value = start
    for (;;) {
      const { line } = this.current
      if (this.skip('operator', '.')) value = this.dotted(value, line)
      else if (this.skip('operator', '[')) value = this.subscript(value, line)
      else if (this.isAt('operator', '('))
        value = { type: 'call', callee: value, args: this.arguments(), line }
      else return value
    }
  }

  private dotted(object: Expression, line: number): Expression {
    const { type, text } = this.current
    if (type !== 'name' && type !== 'integer') this.fail('the name of a field is missing')
    this.advance()
    if (type === 'name') return { type: 'attribute', object, name: text, line }
    return { type: 'item', object, index: { type: 'const', value: BigInt(text), line }, line }
  }

  private subscript(object: Expression, line: number): Expression {
    const bound = () =>
      /^[:\],]$/.test(this.current.text) && this.current.type === 'operator' ? undefined : this.expression()
    const start = bound()
    let value: Expression
    if (this.skip('operator', ':')) {
      const stop = bound()
      const step = this.skip('operator', ':') ? bound() : undefined
      value = { type: 'slice', object, bounds: [start, stop, step], line }
    } else {
      if (start === undefined) this.fail('an expression is missing')
      const items = [start]
      while (this.skip('operator', ',')) items.push(this.expression())
      const index: Expression = items.length === 1 ? start : { type: 'tuple', items, line }
      value = { type: 'item', object, index, line }
    }
    this.expect('operator', ']')
    return value
  }

  protected arguments(): Arguments {
    const positional: Expression[] = []
    const named: [string, Expression][] = []
    let spread: Expression | undefined
    let spreadNamed: Expression | undefined
    const ensure = (isRight: boolean) => isRight || this.fail('the arguments of a call are out of order')
    this.expect('operator', '(')
    this.until(')', () => {
      if (this.isAt('operator', '*')) {
        ensure(!spread && !spreadNamed)
        this.advance()
        spread = this.expression()
      } else if (this.isAt('operator', '**')) {
        ensure(!spreadNamed)
        this.advance()
        spreadNamed = this.expression()
      } else if (this.current.type === 'name' && this.isAt('operator', '=', 1)) {
        ensure(!spreadNamed)
        const name = this.advance().text
        this.advance()
        if (named.some(([other]) => other === name)) this.fail(`the argument ${name} is given twice`)
        named.push([name, this.expression()])
      } else {
        ensure(!spread && !spreadNamed && named.length === 0)
        positional.push(this.expression())
      }
    })
    return { positional, named, spread, spreadNamed }
  }
}
