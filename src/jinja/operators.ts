import { raise, typeError, unsupportedSyntax, valueError } from './errors.js'
import { escapeMarkup } from './html.js'
import { spend } from './meter.js'
import { arithmetic } from './numbers.js'
import { formatPercent } from './percent-format.js'
import { str } from './repr.js'
import { characterAt, characters, join, lengthOf, repeat, sliced, sliceIndices } from './text.js'
import {
  Dict,
  indexOf,
  intOf,
  isList,
  type JinjaValue,
  Markup,
  Range,
  Tuple,
  textOf,
  typeName,
  Undefined,
} from './values.js'
import { noteRead } from './watched.js'

/** `left OPERATOR right` of Python's arithmetic. @throws JinjaError as Python raises */
export function binary(operator: string, left: JinjaValue, right: JinjaValue): JinjaValue {
  const result = arithmetic(operator, left, right)
  if (result !== undefined) return result
  if (operator === '%' && textOf(left) !== undefined) {
    if (left instanceof Markup) unsupportedSyntax('the formatting of text that is marked as safe')
    return formatPercent(left as string, right)
  }
  const combined =
    operator === '+' ? added(left, right) : operator === '*' ? repeated(left, right) : undefined
  if (combined !== undefined) return combined
  for (const side of [left, right]) if (side instanceof Undefined) side.fail()
  if (operator === '+') {
    const kind =
      typeof left === 'string' ? 'str' : isList(left) ? 'list' : left instanceof Tuple ? 'tuple' : undefined
    if (kind) typeError(`can only concatenate ${kind} (not "${typeName(right)}") to ${kind}`)
  }
  if (
    operator === '*' &&
    [left, right].some((side) => textOf(side) !== undefined || isList(side) || side instanceof Tuple)
  ) {
    const other = textOf(left) !== undefined || isList(left) || left instanceof Tuple ? right : left
    typeError(`can't multiply sequence by non-int of type '${typeName(other)}'`)
  }
  const name = operator === '**' ? '** or pow()' : operator
  typeError(`unsupported operand type(s) for ${name}: '${typeName(left)}' and '${typeName(right)}'`)
}

function added(left: JinjaValue, right: JinjaValue): JinjaValue | undefined {
  if (typeof left === 'string' && typeof right === 'string') return join([left, right])
  const [text, other] = [textOf(left), textOf(right)]
  if (text !== undefined && other !== undefined)
    return new Markup(join([escapeMarkup(left), escapeMarkup(right)]))
  if (isList(left) && isList(right)) {
    spend(left.length + right.length)
    return [...left, ...right]
  }
  if (left instanceof Tuple && right instanceof Tuple) {
    spend(left.items.length + right.items.length)
    return new Tuple([...left.items, ...right.items])
  }
  return undefined
}

function repeated(left: JinjaValue, right: JinjaValue): JinjaValue | undefined {
  const isCount = (value: JinjaValue) => intOf(value) !== undefined
  const [value, count] = isCount(right) ? [left, right] : [right, left]
  if (!isCount(count)) return undefined
  const items = value instanceof Tuple ? value.items : value
  const isSequence = textOf(value) !== undefined || isList(items as JinjaValue)
  if (isSequence && BigInt.asIntN(64, intOf(count)!) !== intOf(count)) {
    raise('OverflowError', "cannot fit 'int' into an index-sized integer")
  }
  const times = Math.max(0, indexOf(count))
  if (typeof value === 'string') return repeat(value, times)
  if (value instanceof Markup) return new Markup(repeat(value.text, times))
  if (!isList(items as JinjaValue)) return undefined
  const list = items as readonly JinjaValue[]
  spend(list.length * times)
  const result: JinjaValue[] = []
  for (let i = 0; i < list.length * times; i++) result.push(list[i % list.length])
  return value instanceof Tuple ? new Tuple(result) : result
}

/** `value[index]` of Python alone; undefined where it raises TypeError or LookupError, which Jinja goes on from. */
export function subscript(value: JinjaValue, index: JinjaValue): JinjaValue | undefined {
  if (value instanceof Dict) {
    const isHashable = !isList(index) && !(index instanceof Dict)
    return isHashable ? value.get(index) : undefined
  }
  if (value instanceof Undefined) value.fail()
  const int = intOf(index)
  if (int === undefined) return undefined
  const place = indexOf(index)
  const within = (length: number) => {
    const at = place < 0 ? place + length : place
    return at >= 0 && at < length ? at : undefined
  }
  if (isList(value) || value instanceof Tuple) {
    const items = isList(value) ? value : value.items
    noteRead(items)
    const at = within(items.length)
    return at === undefined ? undefined : items[at]
  }
  if (value instanceof Range) {
    const at = within(value.length)
    return at === undefined ? undefined : value.at(at)
  }
  const text = textOf(value)
  if (text === undefined) return undefined
  const at = within(lengthOf(text))
  if (at === undefined) return undefined
  const character = characterAt(text, at)
  return value instanceof Markup ? new Markup(character) : character
}

/** `value[start:stop:step]`. @throws JinjaError as Python raises */
export function subsequence(value: JinjaValue, bounds: readonly (JinjaValue | undefined)[]): JinjaValue {
  if (value instanceof Undefined) value.fail()
  if (value instanceof Dict) typeError("unhashable type: 'slice'")
  const [start, stop, step = 1] = bounds.map(bound)
  if (step === 0) valueError('slice step cannot be zero')
  const cut = <T>(items: ArrayLike<T>) => {
    const range = sliceIndices(items.length, start, stop, step)
    return sliced(items, range.start, range.stop, step)
  }
  if (isList(value)) {
    noteRead(value)
    return cut(value)
  }
  if (value instanceof Tuple) return new Tuple(cut(value.items))
  if (value instanceof Range) {
    const range = sliceIndices(value.length, start, stop, step)
    return new Range(value.at(range.start), value.at(range.stop), value.step * BigInt(step))
  }
  const text = textOf(value)
  if (text === undefined) typeError(`'${typeName(value)}' object is not subscriptable`)
  const part = cut(characters(text)).join('')
  return value instanceof Markup ? new Markup(part) : part
}

function bound(value: JinjaValue | undefined): number | undefined {
  if (value === undefined || value === null) return undefined
  if (intOf(value) === undefined) {
    typeError('slice indices must be integers or None or have an __index__ method')
  }
  return indexOf(value)
}

export function negated(value: JinjaValue): JinjaValue {
  const int = intOf(value)
  if (int !== undefined) return -int
  if (typeof value === 'number') return -value
  if (value instanceof Undefined) value.fail()
  typeError(`bad operand type for unary -: '${typeName(value)}'`)
}

export function positive(value: JinjaValue): JinjaValue {
  const int = intOf(value)
  if (int !== undefined) return int
  if (typeof value === 'number') return value
  if (value instanceof Undefined) value.fail()
  typeError(`bad operand type for unary +: '${typeName(value)}'`)
}

/** `~`: the texts of all. */
export function concatenated(values: readonly JinjaValue[]): string {
  return join(values.map(str))
}

/** Takes a value apart for as many names. @throws JinjaError where it has more or fewer items */
export function unpacked(items: Iterator<JinjaValue>, count: number): JinjaValue[] {
  const values: JinjaValue[] = []
  for (;;) {
    const next = items.next()
    if (next.done) break
    if (values.length === count) valueError(`too many values to unpack (expected ${count})`)
    values.push(next.value)
  }
  if (values.length < count) {
    valueError(`not enough values to unpack (expected ${count}, got ${values.length})`)
  }
  return values
}
