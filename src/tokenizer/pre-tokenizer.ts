import type { TextSection } from './added-vocabulary.js'
import { eachMatch, fileRegex } from './file-regex.js'
import { type CharacterSources, characterSources, sourcesAfter, through } from './offsets.js'
import { type Part, stageParts } from './part.js'
import { spellBytes } from './token-decoder.js'
import { quoted, tokenizerFault, unsupportedTokenizer } from './tokenizer-json.js'
import { gpt2Words } from './words.js'

/** Pieces of a text that a model's tokens do not reach across. */
interface Pieces {
  readonly texts: readonly string[]
  /** Of each piece, where they are wanted. */
  readonly sources?: readonly CharacterSources[]
  /** Whether the first piece begins where the whole text does. */
  readonly atStart: boolean
}

type Step = (pieces: Pieces) => Pieces

/** Splits a normalized part of a text into words. */
export type PreTokenizer = (section: TextSection) => Pick<Pieces, 'texts' | 'sources'>

/** What becomes of a pattern's matches (Rust `tokenizers`' SplitDelimiterBehavior). */
type Behavior = 'Removed' | 'Isolated' | 'MergedWithPrevious' | 'MergedWithNext' | 'Contiguous'

/**
 * The pre-tokenizer of a tokenizer.json, as Rust `tokenizers` has it.
 * @throws UserError naming a type or behaviour that is not supported, or a field that is wrong
 */
export function createPreTokenizer(json: unknown): PreTokenizer {
  const steps = stageParts(json, 'pre_tokenizer', 'pretokenizers').map(createStep)
  return ({ text, atStart, sources }) =>
    steps.reduce<Pieces>((pieces, step) => step(pieces), {
      texts: [text],
      atStart,
      sources: sources && [sources],
    })
}

function createStep(part: Part): Step {
  switch (part.type) {
    case 'ByteLevel':
      return byteLevel(part)
    case 'Digits':
      return splitter(/\p{N}/gu, part.flag('individual_digits', false) ? 'Isolated' : 'Contiguous')
    case 'Metaspace':
      return metaspace(part)
    case 'Split':
      return split(part)
    case 'Whitespace':
      return splitter(
        /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\p{White_Space}]+/gu,
        'Removed',
        true,
      )
    case 'WhitespaceSplit':
      return splitter(/\p{White_Space}/gu, 'Removed')
    case 'Punctuation':
      return splitter(PUNCTUATION, behavior(part, 'Isolated'))
    case 'BertPreTokenizer':
      return inOrder([splitter(/\p{White_Space}/gu, 'Removed'), splitter(PUNCTUATION, 'Isolated')])
    case 'CharDelimiterSplit':
      return splitter(literal(part.character('delimiter')), 'Removed')
    case 'FixedLength':
      return fixedLength(part)
    default:
      throw unsupportedTokenizer(`the pre-tokenizer ${quoted(part.type)}`)
  }
}

const PUNCTUATION = /[\p{P}!-/:-@[-`{-~]/gu

function inOrder(steps: readonly Step[]): Step {
  return (pieces) => steps.reduce((split, step) => step(split), pieces)
}

/**
 * A step that changes each piece.
 * @param sourcesOf a changed piece in the one before; by default characters were put before it
 */
function mapping(
  change: (text: string, atStart: boolean) => string,
  sourcesOf = (text: string, changed: string) => sourcesAfter(changed.length - text.length, text),
): Step {
  return ({ texts, atStart, sources }) => {
    const changed = texts.map((text, i) => change(text, atStart && i === 0))
    return {
      texts: changed,
      atStart,
      sources: sources?.map((own, i) => through(own, sourcesOf(texts[i], changed[i]))),
    }
  }
}

function byteLevel(part: Part): Step {
  const steps = [mapping(spellBytes, (text) => characterSources(text, spellBytes))]
  if (part.flag('use_regex', true)) steps.unshift(splitter(fileRegex(gpt2Words, part.path), 'Isolated'))
  if (part.flag('add_prefix_space', true)) {
    steps.unshift(mapping((text) => (text.startsWith(' ') ? text : ` ${text}`)))
  }
  return inOrder(steps)
}

function metaspace(part: Part): Step {
  const mark = part.character('replacement')
  const legacy = part.flag('add_prefix_space', true) ? 'always' : 'never'
  const scheme = part.text('prepend_scheme', legacy)
  if (!['always', 'first', 'never'].includes(scheme)) {
    throw tokenizerFault(`its ${part.at('prepend_scheme')} is ${quoted(scheme)}`)
  }
  const spell = mapping((text, atStart) => {
    const marked = text.replaceAll(' ', mark)
    const wantsPrefix = scheme === 'always' || (scheme === 'first' && atStart)
    return wantsPrefix && !marked.startsWith(mark) ? mark + marked : marked
  })
  return part.flag('split', true) ? inOrder([spell, splitter(literal(mark), 'MergedWithNext')]) : spell
}

function split(part: Part): Step {
  const pattern = part.pattern()
  const regex = 'regex' in pattern ? fileRegex(pattern.regex, part.at('pattern')) : literal(pattern.literal)
  return splitter(regex, behavior(part), part.flag('invert', false))
}

function behavior(part: Part, byDefault?: Behavior): Behavior {
  const value = part.text('behavior', byDefault)
  if (Object.hasOwn(merges, value)) return value as Behavior
  throw unsupportedTokenizer(`the behaviour ${quoted(value)} of its ${part.path}`)
}

function fixedLength(part: Part): Step {
  const length = part.count('length', 5)
  if (length === 0) throw tokenizerFault(`its ${part.at('length')} is 0`)
  return splitter(new RegExp(`.{1,${length}}`, 'gsu'), 'Isolated')
}

function literal(text: string): RegExp {
  return new RegExp(text.replace(/[-.*+?^${}()|[\]\\/]/g, '\\$&'), 'gu')
}

/** A stretch of a text: a match of the pattern, or what lies between two. */
interface Span {
  readonly start: number
  readonly end: number
  readonly isMatch: boolean
}

/** A step that splits each piece by a pattern. @param invert takes what lies between the matches for the matches */
function splitter(regex: RegExp, behavior: Behavior, invert = false): Step {
  return ({ texts, atStart, sources }) => {
    const split: string[] = []
    const splitSources: CharacterSources[] | undefined = sources && []
    let isStart = false
    for (const [i, text] of texts.entries()) {
      const add = (start: number, end: number) => {
        if (end === start) return
        split.push(text.slice(start, end))
        splitSources?.push(sources![i].subarray(start, end))
      }
      const kept = behavior === 'Isolated' ? isolated(regex, text, add) : merged(text, add)
      if (i === 0) isStart = atStart && kept
    }
    return { texts: split, atStart: isStart, sources: splitSources }
  }

  function merged(text: string, add: AddPiece): boolean {
    const spans = merges[behavior](spansOf(regex, text, invert)).filter(({ start, end }) => end > start)
    for (const { start, end } of spans) add(start, end)
    return spans[0]?.start === 0
  }
}

/** Adds the piece from one unit up to another, if it is not empty. */
type AddPiece = (start: number, end: number) => void

/** Adds the matches and what lies between them; true, since nothing is left out. */
function isolated(regex: RegExp, text: string, add: AddPiece): boolean {
  let last = 0
  eachMatch(regex, text, (start, end) => {
    add(last, start)
    add(start, end)
    last = end
  })
  add(last, text.length)
  return true
}

function spansOf(regex: RegExp, text: string, invert: boolean): Span[] {
  const spans: Span[] = []
  let last = 0
  eachMatch(regex, text, (start, end) => {
    if (start > last) spans.push({ start: last, end: start, isMatch: invert })
    spans.push({ start, end, isMatch: !invert })
    last = end
  })
  if (last < text.length) spans.push({ start: last, end: text.length, isMatch: invert })
  return spans
}

const merges: Readonly<Record<Behavior, (spans: Span[]) => Span[]>> = {
  Removed: (spans) => spans.filter(({ isMatch }) => !isMatch),
  Isolated: (spans) => spans,
  Contiguous: (spans) => joined(spans, (span, last) => span.isMatch === last),
  MergedWithPrevious: (spans) => joined(spans, (span, last) => span.isMatch && !last),
  MergedWithNext: (spans) => joined(spans.reverse(), (span, last) => span.isMatch && !last).reverse(),
}

/** Joins each span to the one before it where `joins` says so, which is told whether the span before is a match. */
function joined(spans: readonly Span[], joins: (span: Span, isLastMatch: boolean) => boolean): Span[] {
  const result: Span[] = []
  let isLastMatch = false
  for (const span of spans) {
    const last = result.at(-1)
    if (last && joins(span, isLastMatch)) {
      const [start, end] = [Math.min(last.start, span.start), Math.max(last.end, span.end)]
      result[result.length - 1] = { start, end, isMatch: last.isMatch }
    } else {
      result.push(span)
    }
    isLastMatch = span.isMatch
  }
  return result
}
