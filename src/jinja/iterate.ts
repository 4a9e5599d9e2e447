import { typeError } from './errors.js'
import { spend } from './meter.js'
import { characters } from './text.js'
import {
  Dict,
  Iterated,
  isList,
  type JinjaValue,
  Range,
  Tuple,
  textOf,
  typeName,
  Undefined,
} from './values.js'
import { noteRead } from './watched.js'

/** The iterator of a value. @throws JinjaError for one that has none */
export function iterator(value: JinjaValue, complaint = 'object'): Iterator<JinjaValue> {
  if (isList(value)) {
    noteRead(value)
    return value.values()
  }
  if (value instanceof Tuple) return value.items.values()
  if (value instanceof Dict) return value.keys().values()
  if (value instanceof Iterated) return value.iterate()
  if (value instanceof Range) return numbersOf(value)
  if (value instanceof Undefined) return [].values()
  const text = textOf(value)
  if (text !== undefined) return characters(text).values()
  if (complaint === 'object') typeError(`'${typeName(value)}' object is not iterable`)
  typeError(`${complaint} '${typeName(value)}' is not iterable`)
}

export function isIterable(value: JinjaValue): boolean {
  const isSequence =
    isList(value) || value instanceof Tuple || value instanceof Dict || value instanceof Range
  return isSequence || value instanceof Iterated || value instanceof Undefined || textOf(value) !== undefined
}

/** The items of a value, each a step. */
export function* iterate(value: JinjaValue, complaint?: string): Generator<JinjaValue> {
  const items = iterator(value, complaint)
  for (;;) {
    const next = items.next()
    if (next.done) return
    spend(1)
    yield next.value
  }
}

/** A generator's value. */
export function generated(source: () => Iterator<JinjaValue>): Iterated {
  return new Iterated('generator', source)
}

function* numbersOf(range: Range): Generator<JinjaValue> {
  for (let i = 0; i < range.length; i++) yield range.at(i)
}

/** Python's `len`. @throws JinjaError for a value without one */
export function sizeOf(value: JinjaValue): number | undefined {
  if (isList(value)) return value.length
  if (value instanceof Dict) return value.size
  if (value instanceof Tuple) return value.items.length
  if (value instanceof Range) return value.length
  if (value instanceof Undefined) return 0
  return value instanceof Iterated ? value.viewed?.size : undefined
}
