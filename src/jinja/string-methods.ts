import { bind, bindPlaces } from './arguments.js'
import { typeError, unsupportedSyntax, valueError } from './errors.js'
import { iterate } from './iterate.js'
import { capitalize, QUESTIONS, title } from './letter-case.js'
import { spend, spendText } from './meter.js'
import { split, splitLines } from './split.js'
import { characters, find, join, lengthOf, slice, sliceIndices } from './text.js'
import { flagOf, indexOf, type JinjaValue, type Named, Tuple, textOf, typeName } from './values.js'
import { stripEnd, stripStart } from './whitespace.js'

type Method = (text: string, args: readonly JinjaValue[], named: Named) => JinjaValue

/** A text that a method needs. @throws JinjaError for another value */
function textFor(name: string, value: JinjaValue | undefined): string {
  const text = value === undefined ? undefined : textOf(value)
  if (text === undefined) typeError(`${name}() argument must be str, not ${typeName(value ?? null)}`)
  return text
}

const change =
  (name: string, of: (text: string) => string): Method =>
  (text, args, named) => {
    bindPlaces(name, '', args, named)
    spendText(text.length * 3)
    return of(text)
  }

const question =
  (name: string): Method =>
  (text, args, named) => {
    bindPlaces(name, '', args, named)
    spendText(text.length)
    return QUESTIONS[name](text)
  }

/** `str.strip` and those of one side. */
export function strip(
  text: string,
  characterSet: JinjaValue | undefined,
  sides: 'both' | 'start' | 'end',
): string {
  spendText(text.length)
  let isStripped: ((character: string) => boolean) | undefined
  if (characterSet !== undefined && characterSet !== null) {
    const set = textOf(characterSet)
    if (set === undefined) typeError('strip arg must be None or str')
    const members = new Set(characters(set))
    isStripped = (character) => members.has(character)
  }
  const start = sides === 'end' ? text : stripStart(text, isStripped)
  return sides === 'start' ? start : stripEnd(start, isStripped)
}

const stripping =
  (name: string, sides: 'both' | 'start' | 'end'): Method =>
  (text, args, named) =>
    strip(text, bindPlaces(name, '/ chars', args, named)[0], sides)

/** The part of a text that `start` and `end` name. */
function part(text: string, start: JinjaValue | undefined, end: JinjaValue | undefined) {
  const length = lengthOf(text)
  const place = (value: JinjaValue | undefined) =>
    value === undefined || value === null ? undefined : indexOf(value)
  const range = sliceIndices(length, place(start), place(end), 1)
  // A start beyond the end finds nothing, not even the empty text.
  const isBeyond = (place(start) ?? 0) > length
  return { start: range.start, stop: range.stop, isBeyond }
}

const finding =
  (name: string, isLast: boolean, mustFind: boolean): Method =>
  (text, args, named) => {
    const [search, start, end] = bindPlaces(name, 'sub / start end', args, named)
    const range = part(text, start, end)
    const sought = textFor(name, search)
    const at = range.isBeyond ? -1 : find(text, sought, range.start, range.stop, isLast)
    if (at < 0 && mustFind) valueError('substring not found')
    return BigInt(at)
  }

const beginning =
  (name: string, isAtEnd: boolean): Method =>
  (text, args, named) => {
    const [search, start, end] = bindPlaces(name, 'prefix / start end', args, named)
    const range = part(text, start, end)
    const sought = search instanceof Tuple ? search.items : [search!]
    const within = range.stop < range.start ? '' : slice(text, range.start, range.stop)
    return sought.some((one) => {
      const affix = textOf(one)
      if (affix === undefined) {
        typeError(`${name} first arg must be str or a tuple of str, not ${typeName(one)}`)
      }
      if (range.isBeyond || range.stop < range.start) return false
      return isAtEnd ? within.endsWith(affix) : within.startsWith(affix)
    })
  }

const splitting =
  (name: string, fromEnd: boolean): Method =>
  (text, args, named) => {
    const [separator = null, most = -1n] = bind(name, '/ sep maxsplit', args, named)
    return split(text, separator, indexOf(most), fromEnd)
  }

const partitioning =
  (name: string, isLast: boolean): Method =>
  (text, args, named) => {
    const separator = textFor(name, bindPlaces(name, 'sep', args, named)[0])
    if (separator === '') valueError('empty separator')
    const at = isLast ? text.lastIndexOf(separator) : text.indexOf(separator)
    if (at < 0) return new Tuple(isLast ? ['', '', text] : [text, '', ''])
    return new Tuple([text.slice(0, at), separator, text.slice(at + separator.length)])
  }

/** `str.replace`; all where `most` is negative. */
export function replace(text: string, old: string, by: string, most: number): string {
  // As many parts as there can be at most.
  spend(1 + text.length / Math.max(1, old.length))
  if (most === 0) return text
  const parts = old === '' ? ['', ...characters(text), ''] : text.split(old)
  if (most > 0 && parts.length > most + 1) {
    const rest = parts.splice(most).join(old)
    return join([...parts, rest], by)
  }
  return join(parts, by)
}

function joinItems(text: string, items: JinjaValue): string {
  const parts: string[] = []
  for (const item of iterate(items)) {
    const part = textOf(item)
    if (part === undefined)
      typeError(`sequence item ${parts.length}: expected str instance, ${typeName(item)} found`)
    parts.push(part)
  }
  return join(parts, text)
}

/** Methods of str that no chat template needs. */
const REFUSED =
  'casefold center encode expandtabs format_map istitle ljust maketrans rjust swapcase translate zfill'.split(
    ' ',
  )

/** Python's methods of str, but for `format`, which reads fields. */
export const STRING_METHODS: Readonly<Record<string, Method>> = {
  ...Object.fromEntries(Object.keys(QUESTIONS).map((name) => [name, question(name)])),
  capitalize: change('capitalize', capitalize),
  lower: change('lower', (text) => text.toLowerCase()),
  upper: change('upper', (text) => text.toUpperCase()),
  title: change('title', title),
  strip: stripping('strip', 'both'),
  lstrip: stripping('lstrip', 'start'),
  rstrip: stripping('rstrip', 'end'),
  find: finding('find', false, false),
  rfind: finding('rfind', true, false),
  index: finding('index', false, true),
  rindex: finding('rindex', true, true),
  startswith: beginning('startswith', false),
  endswith: beginning('endswith', true),
  split: splitting('split', false),
  rsplit: splitting('rsplit', true),
  partition: partitioning('partition', false),
  rpartition: partitioning('rpartition', true),
  splitlines: (text, args, named) => {
    const [keepsEnds = false] = bind('splitlines', '/ keepends', args, named)
    return splitLines(text, flagOf(keepsEnds))
  },
  join: (text, args, named) => joinItems(text, bindPlaces('join', 'iterable', args, named)[0]!),
  replace: (text, args, named) => {
    const [old, by, most = -1n] = bindPlaces('replace', 'old new / count', args, named)
    return replace(text, textFor('replace', old), textFor('replace', by), indexOf(most))
  },
  count: (text, args, named) => {
    const [search, start, end] = bindPlaces('count', 'sub / start end', args, named)
    const range = part(text, start, end)
    const sought = textFor('count', search)
    if (range.isBeyond || range.stop < range.start) return 0n
    const within = slice(text, range.start, range.stop)
    return BigInt(sought === '' ? lengthOf(within) + 1 : within.split(sought).length - 1)
  },
  removeprefix: (text, args, named) => {
    const prefix = textFor('removeprefix', bindPlaces('removeprefix', 'prefix', args, named)[0])
    return text.startsWith(prefix) ? text.slice(prefix.length) : text
  },
  removesuffix: (text, args, named) => {
    const suffix = textFor('removesuffix', bindPlaces('removesuffix', 'suffix', args, named)[0])
    return text.endsWith(suffix) ? text.slice(0, text.length - suffix.length) : text
  },
  ...Object.fromEntries(
    REFUSED.map((name) => [name, () => unsupportedSyntax(`the method ${name} of texts`)]),
  ),
}
