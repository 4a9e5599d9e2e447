import type { GrammarText } from '../grammar-text.js'
import type { Definition, LarkNode } from './syntax.js'

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f' }
const HEX_DIGITS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 }

/** One character of a quoted text, with the escapes of JSON and of Python. */
export function escapedCharacter(source: GrammarText): string {
  const start = source.at
  if (!source.take('\\')) return String.fromCodePoint(source.character())
  const pair = source.takeMatch(/u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})/y)
  if (pair) return String.fromCharCode(Number.parseInt(pair[1], 16), Number.parseInt(pair[2], 16))
  const letter = String.fromCodePoint(source.character())
  if (HEX_DIGITS[letter]) return String.fromCodePoint(source.hexadecimal(HEX_DIGITS[letter], start))
  if ('"\'\\/'.includes(letter)) return letter
  return ESCAPES[letter] ?? source.fail(`The escape "\\${letter}" is not known`, start)
}

export function flagsOf(source: GrammarText, flags: string, at: number): string {
  const unknown = /[^imsu]/.exec(flags)
  if (unknown) source.fail(`The flag "${unknown[0]}" of regular expressions is not supported`, at)
  return flags
}

/** Attributes in brackets after a rule's name. Names of captures change no text; what would is refused. */
export function attributesOf(
  source: GrammarText,
  value: () => LarkNode,
): Pick<Definition, 'isLazy' | 'suffix'> {
  let isLazy = false
  let suffix: LarkNode | undefined
  if (!source.take('[')) return { isLazy, suffix }
  do {
    source.takeMatch(/\s*/y)
    const at = source.at
    const name = source.takeMatch(/\w+/y)?.[0] ?? source.expect('an attribute')
    source.takeMatch(/\s*/y)
    const given = source.takeMatch(/=\s*/y)
      ? source.match(/[\d.]/y)
        ? source.takeMatch(/[\d.]+/y)!
        : value()
      : undefined
    if (name === 'lazy' && !given) isLazy = true
    else if (name === 'suffix' && given && 'kind' in given) suffix = given
    else if (name === 'stop' && given && 'kind' in given && given.kind === 'literal' && given.text === '') {
      // The text may end wherever the model ends it, as it may anyway.
    } else if (name === 'stop') {
      source.fail(
        'The attribute "stop" is not supported, since its text would be taken back; use "suffix"',
        at,
      )
    } else if (name !== 'capture' && name !== 'stop_capture')
      source.fail(`The attribute ${JSON.stringify(name)} is not supported`, at)
    source.takeMatch(/\s*/y)
  } while (source.take(','))
  if (!source.take(']')) source.expect('"]"')
  source.takeMatch(/[ \t]*/y)
  return { isLazy: isLazy || suffix !== undefined, suffix }
}

/** Tokens by their ids, `<[1-5,9]>`, all but some, `<[^1-5,9]>`, or all, `<[*]>`. */
export function tokenRanges(source: GrammarText): LarkNode | undefined {
  const { at } = source
  const found = source.takeMatch(/<\[([^\]\r\n]*)\]>/y)
  if (!found) return undefined
  if (found[1] === '*') return { at, kind: 'tokens', ranges: [], isNegated: true }
  const isNegated = found[1].startsWith('^')
  const ranges = found[1]
    .slice(isNegated ? 1 : 0)
    .split(',')
    .map((part): readonly [number, number] => {
      const range = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part)
      if (!range) return source.fail(`${JSON.stringify(part)} is no range of token ids`, at)
      const [first, last] = [Number(range[1]), Number(range[2] ?? range[1])]
      if (last < first) source.fail(`The range of token ids ${part} ends before it begins`, at)
      return [first, last]
    })
  return { at, kind: 'tokens', ranges, isNegated }
}

/** A JSON object up to its closing brace. */
export function jsonLiteral(source: GrammarText): { readonly text: string; readonly value: unknown } {
  const start = source.at
  if (!source.match(/\{/y)) source.expect('a JSON object')
  let depth = 0
  do {
    const found = source.takeMatch(/[^{}"]*("(?:[^"\\]|\\.)*"|[{}])/sy)
    if (!found) return source.fail('The JSON object has no end', start)
    depth += found[1] === '{' ? 1 : found[1] === '}' ? -1 : 0
  } while (depth > 0)
  const text = source.text.slice(start, source.at)
  try {
    return { text, value: JSON.parse(text) }
  } catch {
    return source.fail('This is no JSON object', start)
  }
}

/** The pieces of a text whose runs are matched: `{"substring_words": "…"}` and the like. */
export function substringOf(source: GrammarText, at: number): readonly string[] {
  const entries = Object.entries(jsonLiteral(source).value as Record<string, unknown>)
  const [kind, value] = entries[0] ?? []
  if (entries.length === 1) {
    if (kind === 'substring_chars' && typeof value === 'string') return Array.from(value)
    if (kind === 'substring_words' && typeof value === 'string')
      return value.match(/[\p{L}\p{M}\p{N}_]+|[^\p{L}\p{M}\p{N}_]/gu) ?? []
    if (
      kind === 'substring_chunks' &&
      Array.isArray(value) &&
      value.every((each) => typeof each === 'string')
    )
      return value
  }
  return source.fail(
    'A %regex has one of "substring_chars", "substring_words" (texts) and "substring_chunks" (a list of texts)',
    at,
  )
}
