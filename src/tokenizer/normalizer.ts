import { eachMatch, fileRegex } from './file-regex.js'
import { type Part, stageParts } from './part.js'
import { spellBytes } from './token-decoder.js'
import { quoted, tokenizerFault, unsupportedTokenizer } from './tokenizer-json.js'

/** Changes a text before it is split, as one of Rust `tokenizers`' normalizers does. */
export type Normalizer = (text: string) => string

/** @param most characters of the result */
type Step = (text: string, most: number) => string

/** How many times longer a normalized text may be than its original: NFKC makes it up to 18 times longer. */
const MOST_GROWTH = 64

/**
 * The normalizer of a tokenizer.json, undefined for none.
 * @throws UserError naming a type that is not supported, or a field that is wrong
 */
export function createNormalizer(json: unknown): Normalizer | undefined {
  const steps = stageParts(json, 'normalizer', 'normalizers').map(createStep)
  if (steps.length === 0) return undefined
  return (text) => {
    const most = MOST_GROWTH * (text.length + MOST_GROWTH)
    let normalized = text
    for (const step of steps) {
      normalized = step(normalized, most)
      checkLength(normalized.length, most)
    }
    return normalized
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
      return (text) => text.normalize(form)
    }
    case 'Lowercase':
      return lowercase
    case 'StripAccents':
      return (text) => text.replace(/\p{M}/gu, '')
    case 'Strip':
      return strip(part)
    case 'Prepend': {
      const prefix = part.text('prepend')
      return (text) => text && prefix + text
    }
    case 'Replace':
      return replace(part)
    case 'ByteLevel':
      return spellBytes
    default:
      throw unsupportedTokenizer(`the normalizer ${quoted(part.type)}`)
  }
}

/** By character, as Rust does it: JavaScript looks at what stands around a sigma. */
function lowercase(text: string): string {
  const parts = text.split('Σ').map((part) => part.toLowerCase())
  return parts.join('σ')
}

function strip(part: Part): Step {
  const left = part.flag('strip_left', false)
  const right = part.flag('strip_right', false)
  return (text) => {
    let start = 0
    let end = text.length
    while (left && start < end && isSpace(text[start])) start++
    while (right && end > start && isSpace(text[end - 1])) end--
    return text.slice(start, end)
  }
}

function isSpace(character: string): boolean {
  return /\p{White_Space}/u.test(character)
}

function replace(part: Part): Step {
  const pattern = part.pattern()
  const content = part.text('content')
  if ('regex' in pattern) {
    const regex = fileRegex(pattern.regex, part.at('pattern'))
    return (text, most) => {
      let replaced = ''
      let end = 0
      eachMatch(regex, text, (start, next) => {
        replaced += text.slice(end, start) + content
        end = next
        checkLength(replaced.length, most)
      })
      return replaced + text.slice(end)
    }
  }
  return (text, most) => {
    const pieces = text.split(pattern.literal)
    checkLength((pieces.length - 1) * content.length, most)
    return pieces.join(content)
  }
}
