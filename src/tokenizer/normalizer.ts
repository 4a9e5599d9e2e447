import { eachMatch, fileRegex } from './file-regex.js'
import {
  type CharacterSources,
  characterSources,
  normalSources,
  ownSources,
  sourcesAfter,
  through,
} from './offsets.js'
import { type Part, stageParts } from './part.js'
import { spellBytes } from './token-decoder.js'
import { quoted, tokenizerFault, unsupportedTokenizer } from './tokenizer-json.js'

/** Changes a text before it is split, as one of Rust `tokenizers`' normalizers does. */
export interface Normalizer {
  apply(text: string): string
  /** The sources of the normalized text in the text. */
  sources(text: string): CharacterSources
}

interface Step {
  /** @param most characters of the result */
  apply(text: string, most: number): string
  /** The sources of the result in the text. */
  sources(text: string): CharacterSources
}

/** How many times longer a normalized text may be than its original: NFKC makes it up to 18 times longer. */
const MOST_GROWTH = 64

/**
 * The normalizer of a tokenizer.json, undefined for none.
 * @throws UserError naming a type that is not supported, or a field that is wrong
 */
export function createNormalizer(json: unknown): Normalizer | undefined {
  const steps = stageParts(json, 'normalizer', 'normalizers').map(createStep)
  if (steps.length === 0) return undefined
  const stages = function* (text: string) {
    const most = MOST_GROWTH * (text.length + MOST_GROWTH)
    let normalized = text
    for (const step of steps) {
      const before = normalized
      normalized = step.apply(before, most)
      checkLength(normalized.length, most)
      yield { step, before, after: normalized }
    }
  }
  return {
    apply(text) {
      let normalized = text
      for (const { after } of stages(text)) normalized = after
      return normalized
    },
    sources(text) {
      let sources = ownSources(text)
      for (const { step, before } of stages(text)) sources = through(sources, step.sources(before))
      return sources
    },
  }
}

function checkLength(length: number, most: number): void {
  if (length > most) throw tokenizerFault('its normalizer makes a text too long')
}

function createStep(part: Part): Step {
  switch (part.type) {
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD': {
      const form = part.type
      return { apply: (text) => text.normalize(form), sources: (text) => normalSources(text, form) }
    }
    case 'Lowercase':
      return byCharacter(lowercase)
    case 'StripAccents':
      return byCharacter((text) => text.replace(/\p{M}/gu, ''))
    case 'Strip':
      return strip(part)
    case 'Prepend': {
      const prefix = part.text('prepend')
      return {
        apply: (text) => text && prefix + text,
        sources: (text) => (text ? sourcesAfter(prefix.length, text) : ownSources(text)),
      }
    }
    case 'Replace':
      return replace(part)
    case 'ByteLevel':
      return byCharacter(spellBytes)
    default:
      throw unsupportedTokenizer(`the normalizer ${quoted(part.type)}`)
  }
}

/** A step that changes each character by itself. */
function byCharacter(change: (text: string) => string): Step {
  return { apply: change, sources: (text) => characterSources(text, change) }
}

/** By character, as Rust does it: JavaScript looks at what stands around a sigma. */
function lowercase(text: string): string {
  const parts = text.split('Σ').map((part) => part.toLowerCase())
  return parts.join('σ')
}

function strip(part: Part): Step {
  const left = part.flag('strip_left', false)
  const right = part.flag('strip_right', false)
  const bounds = (text: string): [number, number] => {
    let start = 0
    let end = text.length
    while (left && start < end && isSpace(text[start])) start++
    while (right && end > start && isSpace(text[end - 1])) end--
    return [start, end]
  }
  return {
    apply: (text) => text.slice(...bounds(text)),
    sources: (text) => ownSources(text).subarray(...bounds(text)),
  }
}

function isSpace(character: string): boolean {
  return /\p{White_Space}/u.test(character)
}

function replace(part: Part): Step {
  const pattern = part.pattern()
  const content = part.text('content')
  const each =
    'regex' in pattern ? regexMatches(part.at('pattern'), pattern.regex) : literalMatches(pattern.literal)
  return {
    apply(text, most) {
      let replaced = ''
      let done = 0
      each(text, (start, end) => {
        replaced += text.slice(done, start) + content
        done = end
        checkLength(replaced.length, most)
      })
      return done === 0 && replaced === '' ? text : replaced + text.slice(done)
    },
    sources(text) {
      const own = ownSources(text)
      const sources: number[] = []
      let done = 0
      each(text, (start, end) => {
        for (; done < start; done++) sources.push(own[done])
        // What replaces a match stands where its last character did.
        for (let unit = 0; unit < content.length; unit++) sources.push(own[Math.max(0, end - 1)])
        done = end
      })
      for (; done < text.length; done++) sources.push(own[done])
      return Int32Array.from(sources)
    },
  }
}

/** Visits the matches of a pattern in order. */
type EachMatch = (text: string, visit: (start: number, end: number) => void) => void

function regexMatches(path: string, source: string): EachMatch {
  const regex = fileRegex(source, path)
  return (text, visit) => eachMatch(regex, text, visit)
}

function literalMatches(literal: string): EachMatch {
  return (text, visit) => {
    for (let at = text.indexOf(literal); at >= 0; at = text.indexOf(literal, at + literal.length)) {
      visit(at, at + literal.length)
    }
  }
}
