import { bind } from './arguments.js'
import { sorted } from './compare.js'
import { typeError, valueError } from './errors.js'
import { spend, spendText } from './meter.js'
import { floatRepr } from './numbers.js'
import { join, repeat } from './text.js'
import {
  Dict,
  indexOf,
  intOf,
  isList,
  type JinjaValue,
  type Named,
  Tuple,
  textOf,
  truthy,
  typeName,
} from './values.js'
import { noteRead } from './watched.js'

interface Style {
  readonly ensureAscii: boolean
  readonly sortKeys: boolean
  readonly indent: string | undefined
  readonly item: string
  readonly key: string
}

/** The filter `tojson` as transformers has it: Python's `json.dumps`, which keeps other letters than ASCII's. */
export function toJson(value: JinjaValue, args: readonly JinjaValue[], named: Named): string {
  const parameters = '/ ensure_ascii indent separators sort_keys'
  const [ensureAscii = false, indent = null, separators = null, sortKeys = false] = bind(
    'tojson',
    parameters,
    args,
    named,
  )
  const isIndented = indent !== null
  const [item, key] = separators === null ? [isIndented ? ',' : ', ', ': '] : separatorsOf(separators)
  return dump(
    value,
    {
      ensureAscii: truthy(ensureAscii),
      sortKeys: truthy(sortKeys),
      indent: isIndented ? (textOf(indent) ?? repeat(' ', indexOf(indent))) : undefined,
      item,
      key,
    },
    '\n',
  )
}

function separatorsOf(value: JinjaValue): readonly [string, string] {
  const items = value instanceof Tuple ? value.items : isList(value) ? value : []
  const [item, key] = items.map(textOf)
  if (items.length !== 2) valueError('the separators of tojson are no pair')
  if (item === undefined || key === undefined) typeError('the separators of tojson are no texts')
  return [item, key]
}

/** @param newline with the space of the level */
function dump(value: JinjaValue, style: Style, newline: string): string {
  spend(1)
  const text = textOf(value)
  if (text !== undefined) return quoted(text, style)
  const scalar = scalarJson(value)
  if (scalar !== undefined) return scalar
  const inner = newline + (style.indent ?? '')
  const wrap = (parts: readonly string[], open: string, close: string) => {
    if (parts.length === 0) return open + close
    const isFlat = style.indent === undefined
    return isFlat
      ? `${open}${join(parts, style.item)}${close}`
      : `${open}${inner}${join(parts, style.item + inner)}${newline}${close}`
  }
  const items = value instanceof Tuple ? value.items : value
  noteRead(items as object)
  if (isList(items as JinjaValue))
    return wrap(
      (items as readonly JinjaValue[]).map((part) => dump(part, style, inner)),
      '[',
      ']',
    )
  if (!(value instanceof Dict)) typeError(`Object of type ${typeName(value)} is not JSON serializable`)
  const pairs = [...value.entries()].map((pair) => new Tuple(pair))
  const ordered = style.sortKeys ? (sorted(pairs, (pair) => pair, false) as Tuple[]) : pairs
  return wrap(
    ordered.map(
      ({ items: [key, part] }) => `${quoted(keyText(key), style)}${style.key}${dump(part, style, inner)}`,
    ),
    '{',
    '}',
  )
}

function scalarJson(value: JinjaValue): string | undefined {
  if (value === null) return 'null'
  if (typeof value === 'boolean') return String(value)
  if (intOf(value) !== undefined) return String(value)
  if (typeof value !== 'number') return undefined
  if (Number.isNaN(value)) return 'NaN'
  return Number.isFinite(value) ? floatRepr(value) : value < 0 ? '-Infinity' : 'Infinity'
}

function keyText(key: JinjaValue): string {
  const text = textOf(key) ?? scalarJson(key)
  if (text === undefined) typeError(`keys must be str, int, float, bool or None, not ${typeName(key)}`)
  return text
}

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\f': '\\f',
  '\b': '\\b',
}

function quoted(text: string, { ensureAscii }: Style): string {
  spendText(text.length * 2)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: JSON escapes them
  const pattern = ensureAscii ? /["\\]|[^ -~]/g : /["\\\0-\x1f]/g
  const escaped = (character: string) =>
    ESCAPES[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  return `"${text.replace(pattern, escaped)}"`
}
