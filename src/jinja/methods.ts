import { bind, bindPlaces } from './arguments.js'
import { equal } from './compare.js'
import { typeError, unsupportedSyntax, valueError } from './errors.js'
import { iterate, iterator } from './iterate.js'
import { spend } from './meter.js'
import { unpacked } from './operators.js'
import { type FieldAccess, formatFields } from './str-format.js'
import { STRING_METHODS } from './string-methods.js'
import {
  Callable,
  Dict,
  Instance,
  Iterated,
  indexOf,
  intOf,
  isList,
  type JinjaValue,
  Markup,
  type Named,
  orElse,
  Range,
  Tuple,
  typeName,
  Undefined,
} from './values.js'

/** Methods that change a value, which Jinja's sandbox hides. */
const CHANGING: Readonly<Record<string, readonly string[]>> = {
  dict: ['clear', 'pop', 'popitem', 'setdefault', 'update'],
  list: ['append', 'clear', 'pop', 'reverse', 'insert', 'sort', 'extend', 'remove'],
}

type Run = (args: readonly JinjaValue[], named: Named) => JinjaValue

const method = (name: string, run: Run): Callable => new Callable('builtin_function_or_method', name, run)

/** What Python's `getattr` gives; undefined where the value has no such attribute. */
export function attributeOf(value: JinjaValue, name: string, access: FieldAccess): JinjaValue | undefined {
  if (value instanceof Undefined) return value.fail()
  if (value instanceof Instance) {
    const own = value.attribute(name)
    return own === undefined ? hidden(value, name) : own
  }
  if (value instanceof Callable && Object.hasOwn(value.attributes, name)) return value.attributes[name]
  const type = typeName(value)
  if (CHANGING[type]?.includes(name)) return unsafe(value, name)
  if (value instanceof Markup) {
    if (name in STRING_METHODS || /^format/.test(name))
      unsupportedSyntax(`the method ${name} of text that is marked as safe`)
    return hidden(value, name)
  }
  if (typeof value === 'string') return stringMethod(value, name, access) ?? hidden(value, name)
  const run = methodOf(value, name)
  if (run !== undefined) return typeof run === 'function' ? method(name, run as Run) : (run as JinjaValue)
  return hidden(value, name)
}

/** Attributes between underscores are there and out of reach. */
function hidden(value: JinjaValue, name: string): JinjaValue | undefined {
  return /^__\w+__$/.test(name) ? unsafe(value, name) : undefined
}

function unsafe(value: JinjaValue, name: string): Undefined {
  return new Undefined(`access to attribute '${name}' of '${typeName(value)}' object is unsafe`)
}

function stringMethod(text: string, name: string, access: FieldAccess): JinjaValue | undefined {
  if (name === 'format') {
    return method(name, (args, named) => formatFields(text, args, named, access))
  }
  if (!Object.hasOwn(STRING_METHODS, name)) return undefined
  return method(name, (args, named) => STRING_METHODS[name](text, args, named))
}

/** A method of a value that is no text, or the value of a field. */
function methodOf(value: JinjaValue, name: string): Run | JinjaValue | undefined {
  if (value instanceof Dict) return dictMethod(value, name)
  if (isList(value)) return name === 'copy' ? () => [...value] : sequenceMethod(value, 'list', name)
  if (value instanceof Tuple) return sequenceMethod(value.items, 'tuple', name)
  if (value instanceof Range) {
    if (name === 'start' || name === 'stop' || name === 'step') return value[name]
    const items = () => Array.from({ length: value.length }, (_, i) => value.at(i))
    return name === 'count' || name === 'index' ? sequenceMethod(items(), 'range', name) : undefined
  }
  if (value instanceof Iterated && value.viewed && (name === 'isdisjoint' || name === 'mapping')) {
    unsupportedSyntax(`${name} of the view of a dict`)
  }
  const isNumber = typeof value === 'number' || intOf(value) !== undefined
  if (isNumber && NUMBER_FIELDS.includes(name)) unsupportedSyntax(`${name} of numbers`)
  return undefined
}

function dictMethod(dict: Dict, name: string): Run | undefined {
  const view = (type: string, items: () => Iterator<JinjaValue>): Run => {
    return (args, named) => {
      bindPlaces(name, '', args, named)
      return new Iterated(type, items, dict)
    }
  }
  switch (name) {
    case 'items':
      return view('dict_items', () => pairs(dict))
    case 'keys':
      return view('dict_keys', () => dict.keys().values())
    case 'values':
      return view('dict_values', () => dict.values().values())
    case 'get':
      return (args, named) => {
        const [key, fallback = null] = bindPlaces(name, 'key / default', args, named)
        return orElse(dict.get(key!), () => fallback)
      }
    case 'copy':
      return () => new Dict(dict.entries())
    case 'fromkeys':
      return fromKeys
  }
  return undefined
}

export function* pairs(dict: Dict): Generator<JinjaValue> {
  for (const pair of dict.entries()) yield new Tuple(pair)
}

export const fromKeys: Run = (args, named) => {
  const [keys, value = null] = bindPlaces('fromkeys', 'iterable / value', args, named)
  return new Dict([...iterate(keys!)].map((key) => [key, value]))
}

/** `dict(pairs_or_mapping, **fields)`. @throws JinjaError as Python raises */
export function makeDict(args: readonly JinjaValue[], named: Named): Dict {
  const [source] = bind('dict', '/ mapping', args)
  const dict = new Dict()
  if (source instanceof Dict) for (const [key, value] of source.entries()) dict.set(key, value)
  else if (source !== undefined) {
    for (const pair of iterate(source)) {
      const [key, value] = unpacked(iterator(pair), 2)
      dict.set(key, value)
    }
  }
  for (const [key, value] of named) dict.set(key, value)
  spend(dict.size)
  return dict
}

function sequenceMethod(items: readonly JinjaValue[], type: string, name: string): Run | undefined {
  const isSame = (item: JinjaValue, sought: JinjaValue) => item === sought || equal(item, sought)
  if (name === 'count') {
    return (args, named) => {
      const [sought] = bindPlaces(name, 'value', args, named)
      return BigInt(items.filter((item) => isSame(item, sought!)).length)
    }
  }
  if (name !== 'index') return undefined
  return (args, named) => {
    const [sought, start = 0n, stop] = bindPlaces(name, 'value / start stop', args, named)
    const place = (value: JinjaValue) => {
      const at = indexOf(value)
      return at < 0 ? Math.max(0, at + items.length) : at
    }
    const end = Math.min(stop === undefined ? items.length : place(stop), items.length)
    for (let i = place(start); i < end; i++) if (isSame(items[i], sought!)) return BigInt(i)
    valueError(`${type}.index(x): x not in ${type}`)
  }
}

/** Fields and methods of numbers, of which no chat template needs one. */
const NUMBER_FIELDS =
  'as_integer_ratio bit_count bit_length conjugate denominator from_bytes fromhex hex imag is_integer numerator real to_bytes'.split(
    ' ',
  )

export function call(callee: JinjaValue, args: readonly JinjaValue[], named: Named): JinjaValue {
  if (callee instanceof Callable) return callee.call(args, named)
  if (callee instanceof Undefined) callee.fail()
  if (callee instanceof Instance && 'call' in callee && typeof callee.call === 'function')
    return callee.call(args, named)
  typeError(`'${typeName(callee)}' object is not callable`)
}
