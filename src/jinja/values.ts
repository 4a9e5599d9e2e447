import { raise, typeError } from './errors.js'
import { keysInOrder } from './key-order.js'
import { Watched, watch } from './watched.js'

/**
 * A value of a template, as Python has it: None is null, an int a bigint, a float a number, a str a string (whose characters are
 * code points), and a list an array. None of these but a namespace changes: the sandbox has no methods that change a value.
 */
export type JinjaValue =
  | null
  | boolean
  | bigint
  | number
  | string
  | readonly JinjaValue[]
  | Dict
  | Tuple
  | Range
  | Iterated
  | Markup
  | Undefined
  | Callable
  | Instance

export class Tuple {
  constructor(readonly items: readonly JinjaValue[]) {}
}

/** A dict: keys in the order in which they came first; 1, 1.0 and True are one key. */
export class Dict {
  private readonly entriesByKey = new Map<unknown, readonly [JinjaValue, JinjaValue]>()

  constructor(entries: Iterable<readonly [JinjaValue, JinjaValue]> = []) {
    for (const [key, value] of entries) this.set(key, value)
  }

  get size(): number {
    return this.entriesByKey.size
  }

  get(key: JinjaValue): JinjaValue | undefined {
    return this.entriesByKey.get(hashed(key))?.[1]
  }

  has(key: JinjaValue): boolean {
    return this.entriesByKey.has(hashed(key))
  }

  /** For the making of a dict. */
  set(key: JinjaValue, value: JinjaValue): void {
    const hash = hashed(key)
    this.entriesByKey.set(hash, [this.entriesByKey.get(hash)?.[0] ?? key, value])
  }

  keys(): JinjaValue[] {
    return [...this.entriesByKey.values()].map(([key]) => key)
  }

  values(): JinjaValue[] {
    return [...this.entriesByKey.values()].map(([, value]) => value)
  }

  entries(): IterableIterator<readonly [JinjaValue, JinjaValue]> {
    return this.entriesByKey.values()
  }
}

export class Range {
  readonly length: number

  constructor(
    readonly start: bigint,
    readonly stop: bigint,
    readonly step: bigint,
  ) {
    const span = step > 0n ? stop - start : start - stop
    const size = step > 0n ? step : -step
    this.length = span > 0n ? Number((span + size - 1n) / size) : 0
  }

  at(index: number): bigint {
    return this.start + this.step * BigInt(index)
  }
}

/** What is gone through once (a generator), or a view of a dict, which can be gone through again. */
export class Iterated {
  private iterator: Iterator<JinjaValue> | undefined

  /** @param type Python's name of it */
  constructor(
    readonly type: string,
    private readonly source: () => Iterator<JinjaValue>,
    /** The dict of a view. */
    readonly viewed?: Dict,
  ) {}

  iterate(): Iterator<JinjaValue> {
    if (this.viewed) return this.source()
    this.iterator ??= this.source()
    return this.iterator
  }
}

/** Text that is marked as safe HTML. */
export class Markup {
  constructor(readonly text: string) {}
}

/** A value that is not there: it prints nothing and is false, and all else that is done with it is an error. */
export class Undefined {
  constructor(private readonly message: string) {}

  fail(): never {
    raise('UndefinedError', this.message)
  }
}

export type Named = ReadonlyMap<string, JinjaValue>

/** A function, a method or a macro. */
export class Callable {
  constructor(
    readonly type: string,
    readonly name: string,
    readonly call: (args: readonly JinjaValue[], named: Named) => JinjaValue,
    readonly attributes: Readonly<Record<string, JinjaValue>> = {},
  ) {}
}

/** An object with attributes: a namespace, a loop. */
export abstract class Instance {
  abstract readonly type: string
  abstract attribute(name: string): JinjaValue | undefined
}

export function typeName(value: JinjaValue): string {
  if (value === null) return 'NoneType'
  if (Array.isArray(value)) return 'list'
  switch (typeof value) {
    case 'boolean':
      return 'bool'
    case 'bigint':
      return 'int'
    case 'number':
      return 'float'
    case 'string':
      return 'str'
  }
  if (value instanceof Dict) return 'dict'
  if (value instanceof Tuple) return 'tuple'
  if (value instanceof Range) return 'range'
  return value instanceof Markup || value instanceof Undefined
    ? value.constructor.name
    : (value as Iterated | Callable | Instance).type
}

/** A value, or another where there is none: None is a value. */
export function orElse(value: JinjaValue | undefined, other: () => JinjaValue): JinjaValue {
  return value === undefined ? other() : value
}

export const isList = (value: JinjaValue): value is readonly JinjaValue[] => Array.isArray(value)

/** What a dict knows a key by. @throws JinjaError for what Python cannot hash */
function hashed(key: JinjaValue): unknown {
  if (typeof key === 'string' || typeof key === 'bigint' || key === null) return key
  if (typeof key === 'boolean') return key ? 1n : 0n
  if (typeof key === 'number') return Number.isInteger(key) ? BigInt(key) : key
  if (key instanceof Markup) return key.text
  if (key instanceof Undefined) return Undefined
  if (key instanceof Tuple) {
    const parts = key.items.map((item) => {
      const hash = hashed(item)
      return typeof hash === 'function' || (typeof hash === 'object' && hash !== null)
        ? identityOf(hash)
        : `${typeof hash} ${JSON.stringify(String(hash))}`
    })
    return `\0(${parts.join()})`
  }
  if (isList(key) || key instanceof Dict) typeError(`unhashable type: '${typeName(key)}'`)
  return key
}

const identities = new WeakMap<object, number>()
let identityCount = 0

function identityOf(object: object): string {
  if (!identities.has(object)) identities.set(object, identityCount++)
  return `object ${identities.get(object)}`
}

export function truthy(value: JinjaValue): boolean {
  if (typeof value !== 'object' || value === null) return Boolean(value)
  if (isList(value)) return value.length > 0
  if (value instanceof Dict) return value.size > 0
  if (value instanceof Tuple) return value.items.length > 0
  if (value instanceof Range) return value.length > 0
  if (value instanceof Iterated) return value.viewed === undefined || value.viewed.size > 0
  if (value instanceof Markup) return value.text !== ''
  return !(value instanceof Undefined)
}

/** The text of a str, marked or not; undefined for another value. */
export function textOf(value: JinjaValue): string | undefined {
  if (typeof value === 'string') return value
  return value instanceof Markup ? value.text : undefined
}

/** A whole number where Python takes one (an int or a bool); undefined for another value. */
export function intOf(value: JinjaValue): bigint | undefined {
  if (typeof value === 'bigint') return value
  return typeof value === 'boolean' ? BigInt(value) : undefined
}

/** Whether a flag is set that Python's own functions take as a C int. @throws JinjaError for what is no int, and for one beyond it */
export function flagOf(value: JinjaValue): boolean {
  const number = indexOf(value)
  if ((number | 0) !== number) raise('OverflowError', 'Python int too large to convert to C int')
  return number !== 0
}

/** A size or place. @throws JinjaError for what is no int, and for one that no text or list reaches */
export function indexOf(value: JinjaValue): number {
  const int = intOf(value)
  if (int === undefined) {
    if (value instanceof Undefined) typeError("'Undefined' object cannot be interpreted as an integer")
    typeError(`'${typeName(value)}' object cannot be interpreted as an integer`)
  }
  const most = BigInt(Number.MAX_SAFE_INTEGER)
  return Number(int > most ? most : int < -most ? -most : int)
}

/**
 * A value of JavaScript, as JSON has it, as a template's: a whole number is an int, unless it is a `Float`.
 * @throws JinjaError for what is no data
 */
export function fromJson(value: unknown): JinjaValue {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'bigint':
      return value
    case 'number':
      return Number.isInteger(value) && !Object.is(value, -0) ? BigInt(value) : value
    case 'undefined':
      return null
    case 'object': {
      if (value === null) return null
      if (value instanceof Float) return value.value
      if (value instanceof Watched) {
        const list = value.items.map(fromJson)
        watch(list, value)
        return list
      }
      if (Array.isArray(value)) return value.map(fromJson)
      const fields = value as Readonly<Record<string, unknown>>
      const keys = keysInOrder(fields).filter((key) => fields[key] !== undefined)
      return new Dict(keys.map((key) => [key, fromJson(fields[key])]))
    }
  }
  typeError(`a ${typeof value} is no data of a template`)
}

/** A number of JSON that is written as a float, which JavaScript would make the same as a whole one. */
export class Float {
  constructor(readonly value: number) {}

  toJSON(): number {
    return this.value
  }
}
