import { raise, typeError, unsupported, valueError } from './errors.js'
import { formatFloat, formatInteger, grouped } from './number-format.js'
import { floatOf } from './numbers.js'
import { repr, str } from './repr.js'
import { lengthOf, repeat, slice } from './text.js'
import { Dict, intOf, isList, orElse, Tuple, typeName, Undefined, type Value } from './values.js'

const SPEC = /^(?:([\s\S])?([<>=^]))?([-+ ])?(z)?(#)?(0)?(\d+)?([,_])?(?:\.(\d+))?([bcdeEfFgGnosxX%])?$/u

interface Spec {
  readonly fill: string
  readonly align: string
  readonly sign: string
  readonly isAlternate: boolean
  readonly width: number
  readonly separator: string
  readonly precision: number | undefined
  readonly kind: string
}

/** Python's `format(value, spec)`. @throws JinjaError as Python raises */
export function formatValue(value: Value, text: string): string {
  if (text === '') return str(value)
  const isNumber = typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean'
  if (!isNumber && typeof value !== 'string') {
    if (
      value instanceof Undefined ||
      isList(value) ||
      value instanceof Dict ||
      value instanceof Tuple ||
      value === null
    ) {
      typeError(`unsupported format string passed to ${typeName(value)}.__format__`)
    }
    unsupported(`the format "${text}" of a ${typeName(value)}`)
  }
  const spec = parseSpec(text, isNumber, typeName(value))
  if (typeof value === 'string') return formatText(value, spec)
  const int = intOf(value)
  const isFloat = /^[eEfFgG%]$/.test(spec.kind)
  if (int !== undefined && !isFloat) return formatInt(int, spec)
  return formatReal(floatOf(value)!, spec, typeName(value))
}

function parseSpec(text: string, isNumber: boolean, type: string): Spec {
  const match = SPEC.exec(text)
  if (!match) valueError(`Invalid format specifier '${text}' for object of type '${type}'`)
  const [, fill, align, sign, z, alternate, zero, width, separator, precision, kind] = match
  if (z) unsupported('the format "z"')
  return {
    fill: fill ?? (zero ? '0' : ' '),
    align: align ?? (zero && isNumber ? '=' : isNumber ? '>' : '<'),
    sign: sign ?? '',
    isAlternate: alternate !== undefined,
    width: Number(width ?? 0),
    separator: separator ?? '',
    precision: precision === undefined ? undefined : Number(precision),
    kind: kind ?? '',
  }
}

function formatText(text: string, spec: Spec): string {
  const { kind, precision } = spec
  if (kind !== '' && kind !== 's') valueError(`Unknown format code '${kind}' for object of type 'str'`)
  if (spec.sign) valueError('Sign not allowed in string format specifier')
  if (spec.isAlternate) valueError('Alternate form (#) not allowed in string format specifier')
  if (spec.separator) valueError(`Cannot specify '${spec.separator}' with 's'.`)
  if (spec.align === '=') valueError("'=' alignment not allowed in string format specifier")
  return aligned('', precision === undefined ? text : slice(text, 0, precision), spec)
}

function formatInt(value: bigint, spec: Spec): string {
  const { kind, separator } = spec
  if (kind === 's') valueError("Unknown format code 's' for object of type 'int'")
  if (spec.precision !== undefined) valueError('Precision not allowed in integer format specifier')
  if (kind === 'c') {
    if (value < 0n || value > 0x10ffffn) raise('OverflowError', '%c arg not in range(0x110000)')
    if (spec.sign) valueError("Sign not allowed with integer format specifier 'c'")
    return aligned('', String.fromCodePoint(Number(value)), spec)
  }
  const isDecimal = kind === '' || kind === 'd' || kind === 'n'
  if (separator === ',' && !isDecimal) valueError(`Cannot specify ',' with '${kind}'.`)
  if (separator && kind === 'n') valueError(`Cannot specify '${separator}' with 'n'.`)
  const prefix = spec.isAlternate && !isDecimal ? `0${kind}` : ''
  const digits = formatInteger(value < 0n ? -value : value, kind)
  return signed(value < 0n, prefix, digits, spec, isDecimal ? 3 : 4)
}

function formatReal(value: number, spec: Spec, type: string): string {
  const { kind, precision, isAlternate } = spec
  if (!/^[eEfFgGn%]?$/.test(kind)) valueError(`Unknown format code '${kind}' for object of type '${type}'`)
  if (spec.separator && kind === 'n') valueError(`Cannot specify '${spec.separator}' with 'n'.`)
  const isNegative = value < 0 || Object.is(value, -0)
  const isPercent = kind === '%'
  const how = isPercent ? 'f' : kind === 'n' ? 'g' : kind || 'r'
  const digits = formatFloat(isPercent ? value * 100 : value, how, precision, isAlternate)
  return signed(isNegative, '', isPercent ? `${digits}%` : digits, spec, 3)
}

function signed(isNegative: boolean, prefix: string, digits: string, spec: Spec, group: number): string {
  const sign = isNegative ? '-' : spec.sign === '-' ? '' : spec.sign
  const start = sign + prefix
  if (!spec.separator || !/^\d|^[\da-f]/i.test(digits) || /^(?:inf|nan)/i.test(digits))
    return aligned(start, digits, spec)
  const isZeros = spec.fill === '0' && spec.align === '='
  return aligned(start, grouped(digits, spec.separator, group, isZeros ? spec.width - start.length : 0), spec)
}

function aligned(start: string, text: string, { fill, align, width }: Spec): string {
  const missing = width - lengthOf(start) - lengthOf(text)
  if (missing <= 0) return start + text
  if (align === '=') return start + repeat(fill, missing) + text
  const before = align === '<' ? 0 : align === '>' ? missing : Math.floor(missing / 2)
  return repeat(fill, before) + start + text + repeat(fill, missing - before)
}

/** What a template reads of a field: `environment.getattr` and `getitem`. */
export interface FieldAccess {
  attribute(value: Value, name: string): Value
  item(value: Value, key: Value): Value
}

/** `str.format` of the sandbox. @throws JinjaError as Python raises */
export function formatFields(
  template: string,
  args: readonly Value[],
  named: (name: string) => Value | undefined,
  access: FieldAccess,
): string {
  let automatic = 0
  let isManual: boolean | undefined
  const numbered = (name: string): string => {
    if (!/^\d*$/.test(name)) return name
    const manual = name !== ''
    if (isManual !== undefined && manual !== isManual) {
      valueError('cannot switch between manual field specification and automatic field numbering')
    }
    isManual = manual
    return manual ? name : String(automatic++)
  }
  const argument = (name: string): Value => {
    if (!/^\d+$/.test(name)) return orElse(named(name), () => raise('KeyError', repr(name)))
    const index = Number(name)
    if (index < args.length) return args[index]
    raise('IndexError', `Replacement index ${index} out of range for positional args tuple`)
  }
  const field = (source: string): Value => {
    const name = numbered(source)
    const [first] = /^[^.[]*/.exec(name)!
    let value = argument(first)
    let rest = name.slice(first.length)
    while (rest !== '') {
      const part = /^\.([^.[]+)|^\[([^\]]+)\]/.exec(rest)
      if (!part) valueError('Empty attribute in format string')
      const [whole, attribute, key] = part
      value =
        attribute !== undefined
          ? access.attribute(value, attribute)
          : access.item(value, /^\d+$/.test(key) ? BigInt(key) : key)
      rest = rest.slice(whole.length)
      if (rest !== '' && !/^[.[]/.test(rest))
        valueError("Only '.' or '[' may follow ']' in format field specifier")
    }
    return value
  }
  return expand(template, field, 2)
}

function expand(template: string, field: (source: string) => Value, depth: number): string {
  if (depth < 0) valueError('Max string recursion exceeded')
  let text = ''
  for (let at = 0; at < template.length; ) {
    const character = template[at]
    if (character !== '{' && character !== '}') {
      const end = template.slice(at).search(/[{}]/)
      text += template.slice(at, end < 0 ? undefined : at + end)
      at = end < 0 ? template.length : at + end
    } else if (template[at + 1] === character) {
      text += character
      at += 2
    } else {
      if (character === '}') valueError("Single '}' encountered in format string")
      const end = closing(template, at)
      text += replacement(template.slice(at + 1, end), field, depth)
      at = end + 1
    }
  }
  return text
}

/** Where the brace at `open` closes. */
function closing(template: string, open: number): number {
  let depth = 0
  for (let at = open; at < template.length; at++) {
    if (template[at] === '{') depth++
    else if (template[at] === '}' && --depth === 0) return at
  }
  return valueError(
    open + 1 === template.length
      ? "Single '{' encountered in format string"
      : "expected '}' before end of string",
  )
}

function replacement(source: string, field: (source: string) => Value, depth: number): string {
  const match = /^((?:[^!:[]|\[[^\]]*\])*)(?:!([^:]*))?(?::([\s\S]*))?$/.exec(source)
  if (!match) valueError("expected ':' after conversion specifier")
  const [, name, conversion, spec = ''] = match
  let value = field(name)
  if (conversion === 's') value = str(value)
  else if (conversion === 'r') value = repr(value)
  else if (conversion === 'a') unsupported('the conversion !a')
  else if (conversion !== undefined) valueError(`Unknown conversion specifier ${conversion}`)
  return formatValue(value, expand(spec, field, depth - 1))
}
