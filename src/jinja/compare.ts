import { typeError } from './errors.js'
import { iterate } from './iterate.js'
import { spend } from './meter.js'
import {
  Dict,
  Iterated,
  intOf,
  isList,
  type JinjaValue,
  Range,
  Tuple,
  textOf,
  typeName,
  Undefined,
} from './values.js'

/** A number of any kind: JavaScript compares bigints and numbers exactly. */
function numberOf(value: JinjaValue): bigint | number | undefined {
  return typeof value === 'number' ? value : intOf(value)
}

/** The items of a list or tuple. */
function sequenceOf(value: JinjaValue): readonly JinjaValue[] | undefined {
  if (isList(value)) return value
  return value instanceof Tuple ? value.items : undefined
}

/** Python's `==`. */
export function equal(left: JinjaValue, right: JinjaValue): boolean {
  spend(3)
  if (left === right) return !Number.isNaN(left as number)
  const [a, b] = [numberOf(left), numberOf(right)]
  if (a !== undefined || b !== undefined) {
    // biome-ignore lint/suspicious/noDoubleEquals: a bigint and a number of the same size are equal
    return a !== undefined && b !== undefined && a == b
  }
  const [text, other] = [textOf(left), textOf(right)]
  if (text !== undefined || other !== undefined) return text === other
  if (left === null || right === null) return false
  if (left instanceof Undefined) return right instanceof Undefined
  const [items, others] = [sequenceOf(left), sequenceOf(right)]
  if (items && others) {
    if (isList(left) !== isList(right) || items.length !== others.length) return false
    return items.every((item, i) => item === others[i] || equal(item, others[i]))
  }
  if (left instanceof Dict) return right instanceof Dict && equalDicts(left, right)
  if (left instanceof Range && right instanceof Range) {
    const sizes = left.length === right.length
    return (
      sizes &&
      (left.length === 0 || (left.start === right.start && (left.length === 1 || left.step === right.step)))
    )
  }
  if (left instanceof Iterated && right instanceof Iterated && left.viewed && right.viewed) {
    return equalViews(left, right)
  }
  return false
}

function equalDicts(left: Dict, right: Dict): boolean {
  if (left.size !== right.size) return false
  for (const [key, value] of left.entries()) {
    const other = right.get(key)
    if (other === undefined || !(value === other || equal(value, other))) return false
  }
  return true
}

/** Views of keys and items are sets; views of values are equal to themselves alone. */
function equalViews(left: Iterated, right: Iterated): boolean {
  if (left.type === 'dict_values' || right.type === 'dict_values') return false
  const [a, b] = [iterate(left), iterate(right)].map((items) => [...items])
  return a.length === b.length && a.every((item) => b.some((other) => equal(item, other)))
}

const REFLECTED: Readonly<Record<string, (order: number) => boolean>> = {
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
}

/** An operator of a comparison. @throws JinjaError for values without an order */
export function compare(operator: string, left: JinjaValue, right: JinjaValue): boolean {
  switch (operator) {
    case '==':
      return equal(left, right)
    case '!=':
      return !equal(left, right)
    case 'in':
      return contains(right, left)
    case 'not in':
      return !contains(right, left)
  }
  const order = orderOf(left, right, operator)
  return order !== undefined && REFLECTED[operator](order)
}

/** Less than 0 where `left` comes first; undefined beside a NaN. */
function orderOf(left: JinjaValue, right: JinjaValue, operator: string): number | undefined {
  spend(1)
  const [a, b] = [numberOf(left), numberOf(right)]
  if (a !== undefined && b !== undefined) {
    if (a < b) return -1
    if (a > b) return 1
    return Number.isNaN(a) || Number.isNaN(b) ? undefined : 0
  }
  const [text, other] = [textOf(left), textOf(right)]
  if (text !== undefined && other !== undefined) return orderOfTexts(text, other)
  const [items, others] = [sequenceOf(left), sequenceOf(right)]
  if (items && others && isList(left) === isList(right)) {
    for (let i = 0; i < Math.min(items.length, others.length); i++) {
      if (items[i] !== others[i] && !equal(items[i], others[i])) return orderOf(items[i], others[i], operator)
    }
    return items.length - others.length
  }
  for (const side of [left, right]) if (side instanceof Undefined) side.fail()
  typeError(`'${operator}' not supported between instances of '${typeName(left)}' and '${typeName(right)}'`)
}

/** By code points: units of UTF-16 differ from them beyond 16 bits. */
function orderOfTexts(left: string, right: string): number {
  if (left === right) return 0
  spend(Math.min(left.length, right.length) / 16)
  let at = 0
  while (left[at] === right[at]) at++
  if (at === left.length || at === right.length) return left.length - right.length
  const code = (text: string) => {
    const unit = text.charCodeAt(at)
    // Surrogates come after all that 16 bits hold.
    return unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit
  }
  return code(left) - code(right)
}

/** Python's `value in container`. */
export function contains(container: JinjaValue, value: JinjaValue): boolean {
  const text = textOf(container)
  if (text !== undefined) {
    const part = textOf(value)
    if (part === undefined) {
      typeError(`'in <string>' requires string as left operand, not ${typeName(value)}`)
    }
    spend(1 + text.length / 16)
    return text.includes(part)
  }
  if (container instanceof Dict) return container.has(value)
  if (container instanceof Iterated && container.viewed && container.type === 'dict_keys')
    return container.viewed.has(value)
  for (const item of iterate(container, 'argument of type')) {
    if (item === value || equal(item, value)) return true
  }
  return false
}

/** Python's stable `sorted`, by keys. */
export function sorted(
  items: Iterable<JinjaValue>,
  key: (item: JinjaValue) => JinjaValue,
  isReversed: boolean,
): JinjaValue[] {
  const keyed = Array.from(items, (item) => ({ item, key: key(item) }))
  const isLess = (a: JinjaValue, b: JinjaValue) => compare('<', a, b)
  const direction = isReversed ? -1 : 1
  keyed.sort((a, b) => (isLess(a.key, b.key) ? -direction : isLess(b.key, a.key) ? direction : 0))
  return keyed.map(({ item }) => item)
}
