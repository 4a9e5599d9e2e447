import { unsupportedSyntax, valueError } from './errors.js'
import { spend, spendText } from './meter.js'
import { floatRepr } from './numbers.js'
import { join } from './text.js'
import {
  Callable,
  Dict,
  Instance,
  Iterated,
  isList,
  type JinjaValue,
  Markup,
  Range,
  Tuple,
  typeName,
  Undefined,
} from './values.js'
import { refusePrinting } from './watched.js'

/** What `{{ value }}` prints. */
export function str(value: JinjaValue): string {
  if (typeof value === 'string') return value
  if (value instanceof Markup) return value.text
  if (value instanceof Undefined) return ''
  return repr(value)
}

/** Python's `repr`. @throws JinjaError for what Python prints with an address in memory */
export function repr(value: JinjaValue): string {
  spend(1)
  if (value === null) return 'None'
  switch (typeof value) {
    case 'boolean':
      return value ? 'True' : 'False'
    case 'bigint':
      return intRepr(value)
    case 'number':
      return floatRepr(value)
    case 'string':
      return quoted(value)
  }
  if (isList(value)) {
    refusePrinting(value)
    return `[${join(value.map(repr), ', ')}]`
  }
  if (value instanceof Tuple) {
    return value.items.length === 1 ? `(${repr(value.items[0])},)` : `(${join(value.items.map(repr), ', ')})`
  }
  if (value instanceof Dict) return dictRepr(value)
  if (value instanceof Range) {
    const step = value.step === 1n ? '' : `, ${value.step}`
    return `range(${value.start}, ${value.stop}${step})`
  }
  if (value instanceof Undefined) return 'Undefined'
  if (value instanceof Markup) return `Markup(${quoted(value.text)})`
  if (value instanceof Iterated && value.viewed) {
    return `${value.type}([${join(Array.from({ [Symbol.iterator]: () => value.iterate() }, repr), ', ')}])`
  }
  const own = value instanceof Instance || value instanceof Callable ? selfRepr(value) : undefined
  return own ?? unsupportedSyntax(`the printing of a value of type ${typeName(value)}`)
}

function selfRepr(value: Instance | Callable): string | undefined {
  if (value instanceof Callable)
    return value.type === 'Macro' ? `<Macro ${value.name ? quoted(value.name) : 'None'}>` : undefined
  const repr: unknown = 'repr' in value ? value.repr : undefined
  return typeof repr === 'function' ? repr.call(value) : undefined
}

/** A whole number's digits. @throws JinjaError for more than Python turns into text */
function intRepr(value: bigint): string {
  const text = String(value)
  if (text.length > 4301) valueError('Exceeds the limit (4300 digits) for integer string conversion')
  return text
}

export function dictRepr(dict: Dict): string {
  return `{${join(
    [...dict.entries()].map(([key, item]) => `${repr(key)}: ${repr(item)}`),
    ', ',
  )}}`
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** A text as a literal: in double quotes where it holds single ones alone. */
function quoted(text: string): string {
  spendText(text.length * 2)
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  const escaped = text.replace(/[\\'"\p{C}\p{Zl}\p{Zp}\p{Zs}]/gu, (character) => {
    if (character === quote) return `\\${quote}`
    if (/['" ]/.test(character)) return character
    if (character in ESCAPES) return ESCAPES[character]
    const code = character.codePointAt(0)!
    const hex = code.toString(16)
    if (code < 0x100) return `\\x${hex.padStart(2, '0')}`
    return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`
  })
  return quote + escaped + quote
}
