/** What a token is to a grammar. */
export const TOKEN_KIND = {
  /** An id without a token, without bytes, or that only pads the logits; never allowed. */
  unused: 0,
  /** Bytes of the text. */
  text: 1,
  /** A special token, which a grammar addresses by its id; text that spells it is made of other tokens. */
  control: 2,
  /** A token that ends the text. */
  end: 3,
} as const

/** The part of a tokenizer that a grammar knows. */
export interface VocabularySource {
  readonly vocabSize: number
  readonly specialIds: ReadonlySet<number>
  readonly eosTokenIds: readonly number[]
  /** Bytes of a token in the middle of a text; undefined for an id without a token. */
  tokenBytes(id: number): Uint8Array | undefined
  /** A hash of all of it. */
  fingerprint?(): string
}

export interface VocabularyOptions {
  /** Ids that end the text; by default the tokenizer's. One that is none of them is a control token where it is special, else text. */
  readonly ends?: readonly number[]
  /** The number of logits, which a model may have more of than there are tokens; by default the tokenizer's number. */
  readonly size?: number
}

/**
 * The kind of each id and the bytes that it adds to a text. They are those of a token in the middle of a text, since an answer goes
 * on from a prompt: SentencePiece's `▁the` is always ` the`, whose space only the decoder of a whole text would drop at its start.
 */
export class TokenVocabulary {
  /**
   * @param kinds [size] by id
   * @param offsets [size + 1] of the bytes of each id
   * @param bytes of all tokens of kind text, in the order of ids
   */
  constructor(
    readonly kinds: Uint8Array,
    readonly offsets: Int32Array,
    readonly bytes: Uint8Array,
  ) {}

  /** One more than the highest id. */
  get size(): number {
    return this.kinds.length
  }

  /** Bytes of a token of kind text; none for others. */
  bytesOf(id: number): Uint8Array {
    return this.bytes.subarray(this.offsets[id], this.offsets[id + 1])
  }

  /** Whether there is a token for each byte that texts have, so that any of them can be spelled. */
  get isComplete(): boolean {
    const { kinds, offsets, bytes } = this
    const missing = new Set(TEXT_BYTES)
    for (let id = 0; id < kinds.length; id++) {
      if (kinds[id] === TOKEN_KIND.text && offsets[id + 1] - offsets[id] === 1)
        missing.delete(bytes[offsets[id]])
    }
    return missing.size === 0
  }

  /** Ids of a kind, in order. */
  idsOf(kind: number): Int32Array {
    const { kinds } = this
    const ids = new Int32Array(kinds.length)
    let count = 0
    for (let id = 0; id < kinds.length; id++) if (kinds[id] === kind) ids[count++] = id
    return ids.slice(0, count)
  }
}

/** Bytes of UTF-8 that texts are made of: tab and line breaks are the only controls, and planes from 4 on have next to nothing assigned. */
const TEXT_BYTES = [0x09, 0x0a, 0x0d, ...range(0x20, 0x7f), ...range(0x80, 0xc0), ...range(0xc2, 0xf1)]

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i)
}

/** Bytes of the longest token that is text; a longer one, which no tokenizer has, is never allowed. */
const LONGEST_TOKEN = 2 ** 16 - 1

/** The vocabulary of a tokenizer. */
export function readVocabulary(source: VocabularySource, options: VocabularyOptions = {}): TokenVocabulary {
  const { size = source.vocabSize } = options
  const ends = new Set(options.ends ?? source.eosTokenIds)
  const kinds = new Uint8Array(size)
  const offsets = new Int32Array(size + 1)
  let bytes = new Uint8Array(8 * size)
  let length = 0
  for (let id = 0; id < size; id++) {
    const spelled = id < source.vocabSize ? source.tokenBytes(id) : undefined
    if (spelled) kinds[id] = kindOf(id, spelled, ends, source.specialIds)
    if (spelled && kinds[id] === TOKEN_KIND.text) {
      if (length + spelled.length > bytes.length) bytes = grown(bytes, length + spelled.length)
      bytes.set(spelled, length)
      length += spelled.length
    }
    offsets[id + 1] = length
  }
  return new TokenVocabulary(kinds, offsets, bytes.slice(0, length))
}

function kindOf(
  id: number,
  { length }: Uint8Array,
  ends: ReadonlySet<number>,
  special: ReadonlySet<number>,
): number {
  if (ends.has(id)) return TOKEN_KIND.end
  if (special.has(id)) return TOKEN_KIND.control
  return length > 0 && length <= LONGEST_TOKEN ? TOKEN_KIND.text : TOKEN_KIND.unused
}

function grown(bytes: Uint8Array, least: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.max(least, 2 * bytes.length))
  larger.set(bytes)
  return larger
}
