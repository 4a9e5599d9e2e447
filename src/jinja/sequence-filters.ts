import { compare, sorted } from './compare.js'
import { environment } from './environment.js'
import { raise, typeError } from './errors.js'
import { unsupportedFilter } from './filter-names.js'
import { type Filter, filter, VALUE_FILTERS } from './filters.js'
import { generated, iterate, iterator } from './iterate.js'
import { pairs } from './methods.js'
import { binary } from './operators.js'
import { str } from './repr.js'
import { characters, join } from './text.js'
import {
  Dict,
  flagOf,
  Iterated,
  isList,
  type JinjaValue,
  type Named,
  Range,
  Tuple,
  textOf,
  truthy,
  typeName,
  Undefined,
} from './values.js'

type Given = JinjaValue | undefined
type Key = (item: JinjaValue) => JinjaValue

const ignoreCase = (value: JinjaValue) => textOf(value)?.toLowerCase() ?? value

/** What an attribute such as `function.name` or `0` gives of an item: Jinja's `make_attrgetter`. */
function attributeGetter(attribute: JinjaValue, change: Key = (value) => value, fallback: Given = null): Key {
  const path = pathOf(attribute)
  return (item) => {
    let value = item
    for (const part of path) {
      value = environment.item(value, part)
      if (fallback !== null && fallback !== undefined && value instanceof Undefined) value = fallback
    }
    return change(value)
  }
}

function pathOf(attribute: JinjaValue): JinjaValue[] {
  if (attribute === null) return []
  const text = textOf(attribute)
  return text === undefined
    ? [attribute]
    : text.split('.').map((part) => (/^\d+$/.test(part) ? BigInt(part) : part))
}

const caseOf = (isSensitive: Given): Key => (truthy(isSensitive ?? false) ? (value) => value : ignoreCase)

/** Goes through a value lazily, as Jinja's generators do. */
const lazily = (value: JinjaValue, run: (items: Iterable<JinjaValue>) => Iterator<JinjaValue>) =>
  generated(() => run({ [Symbol.iterator]: () => iterate(value) }))

const extreme = (name: string, operator: string): Filter =>
  filter(name, '/ case_sensitive attribute', (value, isSensitive, attribute = null) => {
    const key = attributeGetter(attribute, caseOf(isSensitive))
    let best: { item: JinjaValue; key: JinjaValue } | undefined
    for (const item of iterate(value)) {
      const found = { item, key: key(item) }
      if (!best || compare(operator, found.key, best.key)) best = found
    }
    return best?.item ?? new Undefined('No aggregated item, sequence was empty.')
  })

/** `map`, by an attribute or by a filter. */
function mapped(value: JinjaValue, args: readonly JinjaValue[], named: Named): JinjaValue {
  return generated(function* () {
    if (!truthy(value)) return
    const run = mapping(args, named)
    for (const item of iterate(value)) yield run(item)
  })
}

function mapping(args: readonly JinjaValue[], named: Named): Key {
  if (args.length === 0 && named.has('attribute')) {
    const unknown = [...named.keys()].find((name) => name !== 'attribute' && name !== 'default')
    if (unknown !== undefined) raise('FilterArgumentError', `Unexpected keyword argument '${unknown}'`)
    return attributeGetter(named.get('attribute')!, undefined, named.get('default'))
  }
  if (args.length === 0) raise('FilterArgumentError', 'map requires a filter argument')
  const [name, ...rest] = args
  return (item) => filtered(str(name), item, rest, named)
}

/** `select`, `reject`, and both by an attribute. */
const selecting =
  (isWanted: boolean, byAttribute: boolean): Filter =>
  (value, args, named) =>
    generated(function* () {
      if (!truthy(value)) return
      const rest = [...args]
      if (byAttribute && rest.length === 0)
        raise('FilterArgumentError', 'Missing parameter for attribute name')
      const key: Key = byAttribute ? attributeGetter(rest.shift()!) : (item) => item
      const test = rest.shift()
      for (const item of iterate(value)) {
        const found = key(item)
        const holds = test === undefined ? truthy(found) : environment.test(str(test), found, rest, named)
        if (holds === isWanted) yield item
      }
    })

function* distinct(items: Iterable<JinjaValue>, key: Key): Generator<JinjaValue> {
  const seen = new Dict()
  for (const item of items) {
    const found = key(item)
    if (seen.has(found)) continue
    seen.set(found, true)
    yield item
  }
}

function reversed(value: JinjaValue): JinjaValue {
  const text = textOf(value)
  if (text !== undefined) return characters(text).reverse().join('')
  if (value instanceof Undefined) return []
  if (value instanceof Iterated && !value.viewed) return [...iterate(value)].reverse()
  return new Iterated('list_reverseiterator', reverseIterator(value))
}

function reverseIterator(value: JinjaValue): () => Iterator<JinjaValue> {
  const isReversible =
    isList(value) ||
    value instanceof Tuple ||
    value instanceof Dict ||
    value instanceof Range ||
    value instanceof Iterated
  if (!isReversible) {
    iterator(value)
    typeError(`'${typeName(value)}' object is not reversible`)
  }
  return () => [...iterate(value)].reverse().values()
}

function last(value: JinjaValue): JinjaValue {
  if (value instanceof Iterated && !value.viewed) typeError(`'${value.type}' object is not reversible`)
  const text = textOf(value)
  if (text === undefined && !(value instanceof Undefined)) reverseIterator(value)
  const items = [...iterate(value)]
  return items.length > 0 ? items[items.length - 1] : new Undefined('No last item, sequence was empty.')
}

function joined(value: JinjaValue, separator: Given = '', attribute: Given = null): JinjaValue {
  const key = attributeGetter(attribute)
  return join(
    [...iterate(value)].map((item) => str(key(item))),
    str(separator),
  )
}

function dictSorted(
  value: JinjaValue,
  isSensitive: Given,
  by: Given = 'key',
  isReversed: Given = false,
): JinjaValue {
  if (by !== 'key' && by !== 'value')
    raise('FilterArgumentError', 'You can only sort by either "key" or "value"')
  if (value instanceof Undefined) value.fail()
  if (!(value instanceof Dict))
    raise('AttributeError', `'${typeName(value)}' object has no attribute 'items'`)
  const change = caseOf(isSensitive)
  const key = (pair: JinjaValue) => change((pair as Tuple).items[by === 'key' ? 0 : 1])
  return sorted(pairs(value), key, flagOf(isReversed))
}

function sortedBy(
  value: JinjaValue,
  isReversed: Given = false,
  isSensitive: Given = false,
  attribute: Given = null,
): JinjaValue {
  const text = textOf(attribute)
  const parts = text === undefined ? [attribute] : text.split(',')
  const keys = parts.map((part) => attributeGetter(part, caseOf(isSensitive)))
  return sorted(iterate(value), (item) => keys.map((key) => key(item)), flagOf(isReversed))
}

function summed(value: JinjaValue, attribute: Given = null, start: Given = 0n): JinjaValue {
  if (textOf(start) !== undefined) typeError("sum() can't sum strings [use ''.join(seq) instead]")
  const key = attributeGetter(attribute)
  let sum = start
  for (const item of iterate(value)) sum = binary('+', sum, key(item))
  return sum
}

const SEQUENCE_FILTERS: Readonly<Record<string, Filter>> = {
  attr: filter('attr', 'name', (value, name) => {
    const text = textOf(name!)
    if (text === undefined) typeError('attribute name must be string')
    return environment.ownAttribute(value, text)
  }),
  dictsort: filter('dictsort', '/ case_sensitive by reverse', dictSorted),
  first: filter('first', '', (value) => {
    const next = iterator(value).next()
    return next.done ? new Undefined('No first item, sequence was empty.') : next.value
  }),
  items: filter('items', '', (value) =>
    generated(() => {
      if (value instanceof Undefined) return [].values()
      return value instanceof Dict ? pairs(value) : typeError('Can only get item pairs from a mapping.')
    }),
  ),
  join: filter('join', '/ d attribute', joined),
  last: filter('last', '', last),
  list: filter('list', '', (value) => [...iterate(value)]),
  map: mapped,
  max: extreme('max', '>'),
  min: extreme('min', '<'),
  reject: selecting(false, false),
  rejectattr: selecting(false, true),
  select: selecting(true, false),
  selectattr: selecting(true, true),
  reverse: filter('reverse', '', reversed),
  sort: filter('sort', '/ reverse case_sensitive attribute', sortedBy),
  sum: filter('sum', '/ attribute start', summed),
  unique: filter('unique', '/ case_sensitive attribute', (value, isSensitive, attribute = null) =>
    lazily(value, (items) => distinct(items, attributeGetter(attribute, caseOf(isSensitive)))),
  ),
}

/** `value|name(args)`. */
export function filtered(
  name: string,
  value: JinjaValue,
  args: readonly JinjaValue[],
  named: Named,
): JinjaValue {
  const found = [VALUE_FILTERS, SEQUENCE_FILTERS].find((filters) => Object.hasOwn(filters, name))
  unsupportedFilter(name)
  if (!found) raise('TemplateRuntimeError', `there is no filter ${name}`)
  return found[name](value, args, named)
}
