import { typeError, valueError } from './errors.js'
import { spend, spendText } from './meter.js'
import { type JinjaValue, textOf, typeName } from './values.js'
import { isSpace, SPACE, stripEnd, stripStart } from './whitespace.js'

const SPACES = new RegExp(`${SPACE}+`)
const LINE_END = '\\n\\r\\v\\f\\x1c-\\x1e\\x85\\u2028\\u2029'
const LINE = new RegExp(`([^${LINE_END}]*)(\\r\\n|[${LINE_END}]|$)`, 'g')

/** `str.split` and `str.rsplit`. */
export function split(text: string, separator: JinjaValue, most: number, fromEnd: boolean): string[] {
  spend(1 + text.length / Math.max(2, textOf(separator)?.length ?? 0))
  if (separator === null) return splitSpaces(text, most, fromEnd)
  const by = textOf(separator)
  if (by === undefined) typeError(`must be str or None, not ${typeName(separator)}`)
  if (by === '') valueError('empty separator')
  const parts = text.split(by)
  if (most < 0 || parts.length <= most + 1) return parts
  return fromEnd
    ? [parts.slice(0, parts.length - most).join(by), ...parts.slice(parts.length - most)]
    : [...parts.slice(0, most), parts.slice(most).join(by)]
}

function splitSpaces(text: string, most: number, fromEnd: boolean): string[] {
  const parts: string[] = []
  let rest = fromEnd ? stripEnd(text) : stripStart(text)
  if (most < 0) return rest === '' ? [] : stripEnd(stripStart(text)).split(SPACES)
  while (rest !== '' && parts.length < most) {
    const at = fromEnd ? lastSpace(rest) : rest.search(SPACES)
    if (at < 0) break
    parts.push(fromEnd ? rest.slice(at + 1) : rest.slice(0, at))
    rest = fromEnd ? stripEnd(rest.slice(0, at)) : stripStart(rest.slice(at))
    spendText(rest.length)
  }
  if (rest !== '') parts.push(rest)
  return fromEnd ? parts.reverse() : parts
}

function lastSpace(text: string): number {
  for (let at = text.length - 1; at >= 0; at--) if (isSpace(text[at])) return at
  return -1
}

/** `str.splitlines`. */
export function splitLines(text: string, keepEnds: boolean): string[] {
  spend(1 + text.length / 4)
  const lines: string[] = []
  for (const [whole, line, end] of text.matchAll(LINE)) {
    if (whole === '') break
    lines.push(keepEnds ? line + end : line)
  }
  return lines
}
