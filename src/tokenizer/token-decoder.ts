import { isUtf8 } from 'node:buffer'
import { type Part, stageParts } from './part.js'
import { quoted, tokenizerFault, unsupportedTokenizer } from './tokenizer-json.js'

/** Turns tokens into text one by one; the pieces joined are the text of all tokens. */
export interface TokenDecoder {
  /** The text that is certain now, whatever token comes next; '' while a character is incomplete. */
  push(token: string): string
  /** The text still held back; incomplete characters become U+FFFD. */
  flush(): string
}

/** A tokenizer's way from tokens back to text. */
export interface TokenDecoding {
  /** A fresh decoder, at the start of a text. */
  readonly newDecoder: () => TokenDecoder
  /**
   * Bytes of a token in the middle of a text, in UTF-8 or a part of it. A decoder drops the space before the first token of a
   * text where it stands for the dummy prefix; here no token is the first.
   */
  readonly bytesOf: (token: string) => Uint8Array
  /** What both follow from. */
  readonly json: unknown
}

/** A step of the way. */
interface Stage {
  readonly create: () => TokenDecoder
  /** A token in the middle of a text, as text or as the bytes that it stands for; by default as it is. */
  readonly within?: (token: string) => string | Uint8Array
}

/**
 * The decoders of Rust `tokenizers` for BPE models (ByteLevel, Metaspace, and Replace, ByteFallback, Fuse,
 * Strip in this order), made incremental: a state machine instead of a pass over all tokens.
 * @throws UserError naming a decoder that is not supported.
 */
export function tokenDecoding(json: unknown): TokenDecoding {
  const stages = json === null || json === undefined ? [SPACE_JOINER] : stagesOf(json)
  return {
    json,
    newDecoder: () => chain(stages.map(({ create }) => create())),
    bytesOf(token) {
      let spelled: string | Uint8Array = token
      for (const { within } of stages) if (within && typeof spelled === 'string') spelled = within(spelled)
      return typeof spelled === 'string' ? utf8(spelled) : spelled
    },
  }
}

const encoder = new TextEncoder()
const scratch = new Uint8Array(256)

/** Bytes of a text; short ones by way of a buffer that is there, since a vocabulary has hundreds of thousands. */
function utf8(text: string): Uint8Array {
  if (3 * text.length > scratch.length) return encoder.encode(text)
  return scratch.slice(0, encoder.encodeInto(text, scratch).written)
}

function stagesOf(json: unknown): Stage[] {
  const parts = stageParts(json, 'decoder', 'decoders')
  const names = parts.map((part) => part.type).join(' ')
  if (!KNOWN.test(names)) throw unsupportedTokenizer(`the decoder ${quoted(names)}`)
  return parts.filter((part) => part.type !== 'Fuse').map(stageOf)
}

const KNOWN = /^(|(ByteLevel|Metaspace)( Fuse)?|(Replace ?)*(ByteFallback ?)?(Fuse( Strip)?)?)$/

function stageOf(part: Part): Stage {
  switch (part.type) {
    case 'ByteLevel':
      return { create: byteLevel, within: spelledBytes }
    case 'Metaspace':
      return metaspace(part)
    case 'ByteFallback':
      return { create: byteFallback, within: (token) => fallbackByte(token) ?? token }
    case 'Strip':
      return { create: strip(part) }
    default:
      return replace(part)
  }
}

function chain(stages: readonly TokenDecoder[]): TokenDecoder {
  return {
    push: (token) => stages.reduce((text, stage) => stage.push(text), token),
    flush: () => stages.reduce((text, stage) => (text ? stage.push(text) : '') + stage.flush(), ''),
  }
}

/** Byte-level BPE writes each byte as one character; a token with any other character is plain text. */
function byteLevel(): TokenDecoder {
  const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
  return {
    push: (token) => utf8.decode(spelledBytes(token), { stream: true }),
    flush: () => utf8.decode(),
  }
}

const printable = [...range(0x21, 0x7e), ...range(0xa1, 0xac), ...range(0xae, 0xff)]
const printableSet = new Set(printable)
/**
 * The character that stands for each byte: itself if printable, else from U+0100 on (GPT-2
 * `bytes_to_unicode`).
 */
export const byteCharacters: readonly string[] = (() => {
  let next = 0x100
  return range(0, 0xff).map((byte) => String.fromCharCode(printableSet.has(byte) ? byte : next++))
})()
/** The byte that a character stands for, by its code. */
const characterBytes = new Map(byteCharacters.map((character, byte) => [character.charCodeAt(0), byte]))

/** A text with the character that stands for each of its bytes. */
export function spellBytes(text: string): string {
  if (/^ ?[!-~]*$/.test(text)) return text.startsWith(' ') ? SPACE + text.slice(1) : text
  let spelled = ''
  for (const byte of Buffer.from(text)) spelled += byteCharacters[byte]
  return spelled
}

const SPACE = byteCharacters[0x20]

/** The bytes that a byte-level token spells. */
function spelledBytes(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length)
  for (let i = 0; i < token.length; i++) {
    const byte = characterBytes.get(token.charCodeAt(i))
    if (byte === undefined) return utf8(token)
    bytes[i] = byte
  }
  return bytes
}

/**
 * A run of `<0xNN>` tokens is text if all of it is valid UTF-8, else one U+FFFD a byte: known when the run
 * ends.
 */
function byteFallback(): TokenDecoder {
  let run: number[] = []
  const flush = () => {
    const bytes = Buffer.from(run)
    run = []
    return isUtf8(bytes) ? bytes.toString('utf8') : '\uFFFD'.repeat(bytes.length)
  }
  return {
    push(token) {
      const byte = fallbackByte(token)
      if (!byte) return flush() + token
      run.push(byte[0])
      return ''
    },
    flush,
  }
}

/** The byte of a `<0xNN>` token; undefined for any other. */
function fallbackByte(token: string): Uint8Array | undefined {
  const byte = token.startsWith('<0x') ? /^<0x(\+?[0-9A-Fa-f]+)>$/.exec(token) : null
  return byte?.[1].length === 2 ? Uint8Array.of(Number.parseInt(byte[1], 16)) : undefined
}

/** Characters that a decoder may put in place of others at most. */
const MOST_CONTENT = 256

function replace(part: Part): Stage {
  const pattern = part.pattern()
  if ('regex' in pattern) throw unsupportedTokenizer('a decoder that replaces a regex')
  const content = part.text('content')
  if (content.length > MOST_CONTENT) throw tokenizerFault(`its ${part.at('content')} is too long`)
  const { literal } = pattern
  const within = (token: string) =>
    token.includes(literal) ? token.replaceAll(literal, () => content) : token
  return { create: () => ({ push: within, flush: () => '' }), within }
}

/** Removes up to `start` copies of `content` from the beginning of the text. */
function strip(part: Part): () => TokenDecoder {
  const content = part.character('content')
  const start = part.count('start')
  if (part.count('stop') > 0) throw unsupportedTokenizer('a decoder that strips the end of the text')
  return () => {
    let left = start
    return {
      push(text) {
        let rest = text
        while (left > 0 && rest !== '') {
          if (!rest.startsWith(content)) left = 0
          else {
            rest = rest.slice(content.length)
            left--
          }
        }
        return rest
      },
      flush: () => '',
    }
  }
}

/** SentencePiece's ▁ is a space; those of the first token are the dummy prefix. */
function metaspace(part: Part): Stage {
  const mark = part.character('replacement')
  const legacy = part.flag('add_prefix_space', true) ? 'always' : 'never'
  const hasPrefix = part.text('prepend_scheme', legacy) !== 'never'
  const create = () => {
    let first = hasPrefix
    return {
      push(token: string) {
        const text = token.replaceAll(mark, first ? '' : ' ')
        first = false
        return text
      },
      flush: () => '',
    }
  }
  return { create, within: (token) => token.replaceAll(mark, ' ') }
}

/** Without a decoder tokens are words with spaces between them. */
const SPACE_JOINER: Stage = {
  create() {
    let separator = ''
    return {
      push(token) {
        const text = separator + token
        separator = ' '
        return text
      },
      flush: () => '',
    }
  },
  within: (token) => ` ${token}`,
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i)
}
