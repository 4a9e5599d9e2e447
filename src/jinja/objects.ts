import { bindPlaces } from './arguments.js'
import { equal } from './compare.js'
import { raise, typeError } from './errors.js'
import { sizeOf } from './iterate.js'
import { PASS, spend } from './meter.js'
import { makeDict } from './methods.js'
import { dictRepr } from './repr.js'
import { Callable, type Dict, Instance, type JinjaValue, type Named, Undefined } from './values.js'

const fn = (name: string, run: (args: readonly JinjaValue[]) => JinjaValue) =>
  new Callable('method', name, (args, named) => {
    if (named.size > 0) typeError(`${name}() takes no keyword arguments`)
    return run(args)
  })

/** The one value that a template can change; transformers keeps names that begin with an underscore out of it. */
export class Namespace extends Instance {
  readonly type = 'TemplateNamespace'
  private readonly fields: Dict

  constructor(args: readonly JinjaValue[], named: Named) {
    super()
    this.fields = makeDict(args, named)
    for (const name of this.fields.keys()) checkField(name)
  }

  attribute(name: string): JinjaValue | undefined {
    return this.fields.get(name)
  }

  set(name: string, value: JinjaValue): void {
    checkField(name)
    this.fields.set(name, value)
  }

  repr(): string {
    return `<Namespace ${dictRepr(this.fields)}>`
  }
}

function checkField(name: JinjaValue): void {
  if (typeof name === 'string' && name.startsWith('_')) {
    raise('SecurityError', `a namespace takes no field whose name begins with an underscore, such as ${name}`)
  }
}

const END = Symbol('the end of a loop')

/** `loop`: what a loop tells of itself. Items are looked at one ahead where the last is asked for. */
export class Loop extends Instance {
  readonly type = 'LoopContext'
  private index0 = -1
  private current: JinjaValue | undefined
  private before: JinjaValue | undefined
  private ahead: JinjaValue | typeof END | undefined
  private length: number | undefined
  private items: Iterator<JinjaValue>
  private last: readonly JinjaValue[] | undefined

  /** @param recurse renders the loop of other items; undefined for a loop that is not recursive */
  constructor(
    private readonly source: JinjaValue | undefined,
    items: Iterator<JinjaValue>,
    private readonly recurse: ((items: JinjaValue, depth: number) => string) | undefined,
    private readonly depth0: number,
  ) {
    super()
    this.items = items
  }

  next(): JinjaValue | undefined {
    spend(PASS)
    const item = this.peek()
    this.ahead = undefined
    if (item === END) return undefined
    this.index0++
    this.before = this.current
    this.current = item
    return item
  }

  private peek(): JinjaValue | typeof END {
    if (this.ahead === undefined) {
      const next = this.items.next()
      this.ahead = next.done ? END : next.value
    }
    return this.ahead
  }

  private size(): number {
    if (this.length !== undefined) return this.length
    const size = this.source === undefined ? undefined : sizeOf(this.source)
    if (size === undefined) {
      const hadLooked = this.ahead !== undefined && this.ahead !== END
      const rest: JinjaValue[] = []
      for (let next = this.items.next(); !next.done; next = this.items.next()) {
        spend(1)
        rest.push(next.value)
      }
      this.items = rest.values()
      if (this.ahead === END) this.ahead = undefined
      this.length = rest.length + this.index0 + 1 + (hadLooked ? 1 : 0)
    } else this.length = size
    return this.length
  }

  attribute(name: string): JinjaValue | undefined {
    const { index0 } = this
    switch (name) {
      case 'index':
        return BigInt(index0 + 1)
      case 'index0':
        return BigInt(index0)
      case 'first':
        return index0 === 0
      case 'last':
        return this.peek() === END
      case 'length':
        return BigInt(this.size())
      case 'revindex':
        return BigInt(this.size() - index0)
      case 'revindex0':
        return BigInt(this.size() - index0 - 1)
      case 'depth':
        return BigInt(this.depth0 + 1)
      case 'depth0':
        return BigInt(this.depth0)
      case 'previtem':
        return index0 === 0 ? new Undefined('there is no previous item') : this.before
      case 'nextitem': {
        const item = this.peek()
        return item === END ? new Undefined('there is no next item') : item
      }
      case 'cycle':
        return fn(name, (args) => args[index0 % args.length] ?? typeError('no items for cycling given'))
      case 'changed':
        return fn(name, (args) => this.changed(args))
    }
    return undefined
  }

  private changed(values: readonly JinjaValue[]): boolean {
    const { last } = this
    const isSame = last?.length === values.length && values.every((value, i) => equal(value, last[i]))
    if (!isSame) this.last = values
    return !isSame
  }

  call(args: readonly JinjaValue[], named: Named): JinjaValue {
    const [items] = bindPlaces('loop', 'iterable', args, named)
    if (!this.recurse) typeError("the loop must have the 'recursive' marker to be called recursively")
    return this.recurse(items!, this.depth0 + 1)
  }

  repr(): string {
    return `<LoopContext ${this.index0 + 1}/${this.size()}>`
  }
}
