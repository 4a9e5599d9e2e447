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

/**
 * The decoders of Rust `tokenizers` for BPE models (ByteLevel, Metaspace, and Replace, ByteFallback, Fuse,
 * Strip in this order), made incremental: a state machine instead of a pass over all tokens.
 * @returns a factory of fresh decoders.
 * @throws UserError naming a decoder that is not supported.
 */
export function tokenDecoderFactory(json: unknown): () => TokenDecoder {
  if (json === null || json === undefined) return spaceJoiner
  const parts = stageParts(json, 'decoder', 'decoders')
  const names = parts.map((part) => part.type).join(' ')
  if (!KNOWN.test(names)) throw unsupportedTokenizer(`the decoder ${quoted(names)}`)
  const factories = parts.filter((part) => part.type !== 'Fuse').map(stageFactory)
  return () => chain(factories.map((create) => create()))
}

const KNOWN = /^(|(ByteLevel|Metaspace)( Fuse)?|(Replace ?)*(ByteFallback ?)?(Fuse( Strip)?)?)$/

function stageFactory(part: Part): () => TokenDecoder {
  switch (part.type) {
    case 'ByteLevel':
      return byteLevel
    case 'Metaspace':
      return metaspace(part)
    case 'ByteFallback':
      return byteFallback
    case 'Strip':
      return strip(part)
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
    push: (token) => utf8.decode(tokenBytes(token), { stream: true }),
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
const characterBytes = new Map(byteCharacters.map((character, byte) => [character, byte]))

/** A text with the character that stands for each of its bytes. */
export function spellBytes(text: string): string {
  if (/^ ?[!-~]*$/.test(text)) return text.startsWith(' ') ? SPACE + text.slice(1) : text
  let spelled = ''
  for (const byte of Buffer.from(text)) spelled += byteCharacters[byte]
  return spelled
}

const SPACE = byteCharacters[0x20]

function tokenBytes(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length)
  for (let i = 0; i < token.length; i++) {
    const byte = characterBytes.get(token[i])
    if (byte === undefined) return new TextEncoder().encode(token)
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
      const byte = /^<0x(\+?[0-9A-Fa-f]+)>$/.exec(token)
      if (byte?.[1].length !== 2) return flush() + token
      run.push(Number.parseInt(byte[1], 16))
      return ''
    },
    flush,
  }
}

/** Characters that a decoder may put in place of others at most. */
const MOST_CONTENT = 256

function replace(part: Part): () => TokenDecoder {
  const pattern = part.pattern()
  if ('regex' in pattern) throw unsupportedTokenizer('a decoder that replaces a regex')
  const content = part.text('content')
  if (content.length > MOST_CONTENT) throw tokenizerFault(`its ${part.at('content')} is too long`)
  return () => ({ push: (token) => token.replaceAll(pattern.literal, () => content), flush: () => '' })
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
function metaspace(part: Part): () => TokenDecoder {
  const mark = part.character('replacement')
  const legacy = part.flag('add_prefix_space', true) ? 'always' : 'never'
  const hasPrefix = part.text('prepend_scheme', legacy) !== 'never'
  return () => {
    let first = hasPrefix
    return {
      push(token) {
        const text = token.replaceAll(mark, first ? '' : ' ')
        first = false
        return text
      },
      flush: () => '',
    }
  }
}

/** Without a decoder tokens are words with spaces between them. */
function spaceJoiner(): TokenDecoder {
  let separator = ''
  return {
    push(token) {
      const text = separator + token
      separator = ' '
      return text
    },
    flush: () => '',
  }
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i)
}
