import { type FileHandle, open } from 'node:fs/promises'
import { usageError } from '../../errors.js'
import type { Tokenizer } from '../../tokenizer/tokenizer.js'
import { chatPieces } from './chat-pieces.js'
import type { ChatExample, PromptExample, TrainingDocument } from './documents.js'
import { type PackedFiles, PackedSum, wordBytes } from './packed-files.js'
import type { DocumentPart } from './text-parts.js'

/** What a byte of flags says of its token. */
export const FLAGS = { learnt: 1, start: 2 } as const

export interface PackOptions {
  readonly tokenizer: Tokenizer
  /** Tokens of a row. */
  readonly length: number
  readonly signal?: AbortSignal
}

/**
 * Writes documents as one run of tokens, with a byte of flags for each. A text begins with BOS and ends with EOS; where
 * they are the same token, it stands between texts, is learnt as the end of one, and seen as the start of the next. A
 * prompt and its answer, or a chat, lie within one row; what is left of the row is filled up with EOS.
 * @param tokens file of Uint16 or, for more than 65,536 tokens, Uint32
 * @throws UserError for a chat without a template
 */
export async function packDocuments(
  documents: AsyncIterable<TrainingDocument>,
  files: { tokens: string; flags: string },
  options: PackOptions,
): Promise<PackedFiles> {
  const packer = new Packer(await open(files.tokens, 'w'), await open(files.flags, 'w'), options)
  try {
    for await (const document of documents) {
      options.signal?.throwIfAborted()
      await packer.add(document)
    }
    return await packer.finish()
  } finally {
    await packer.close()
  }
}

/** Part of an example. */
interface Piece {
  readonly text: string
  readonly learnt: boolean
}

const BUFFER = 1 << 20

class Packer {
  private words: Uint16Array | Uint32Array
  private flags = new Uint8Array(BUFFER)
  private readonly bos: number | undefined
  private readonly eos: number
  private buffered = 0
  private readonly sum = new PackedSum()
  private counts = { tokens: 0, bytes: 0, learnt: 0, documents: 0, cut: 0 }

  constructor(
    private readonly tokenFile: FileHandle,
    private readonly flagFile: FileHandle,
    private readonly options: PackOptions,
  ) {
    const { tokenizer } = options
    this.words = wordBytes(tokenizer.vocabSize) === 2 ? new Uint16Array(BUFFER) : new Uint32Array(BUFFER)
    const [eos] = tokenizer.eosTokenIds
    if (eos === undefined)
      throw usageError('The tokenizer has no end-of-text token, which separates documents.')
    this.eos = eos
    this.bos = tokenizer.bosToken === undefined ? undefined : tokenizer.tokenToId(tokenizer.bosToken)
  }

  async add(document: TrainingDocument): Promise<void> {
    if (document.kind === 'text') this.addText(document)
    else this.addExample(document)
    if (this.buffered >= BUFFER) await this.flush()
  }

  private addText({ text, start, end }: DocumentPart): void {
    if (start) this.beginText()
    for (const id of this.options.tokenizer.encode(text, { addSpecialTokens: false })) {
      this.push(id, FLAGS.learnt)
    }
    this.counts.bytes += Buffer.byteLength(text)
    if (end && this.bos !== this.eos && this.bos !== undefined) this.push(this.eos, FLAGS.learnt)
  }

  private beginText(): void {
    this.counts.documents++
    const ends = this.counts.tokens > 0 && (this.bos === this.eos || this.bos === undefined)
    const first = this.bos ?? this.eos
    this.push(first, FLAGS.start | (ends ? FLAGS.learnt : 0))
  }

  private addExample(example: PromptExample | ChatExample): void {
    const { tokenizer, length } = this.options
    this.counts.documents++
    const tokens: [id: number, flags: number][] = [[this.bos ?? this.eos, FLAGS.start]]
    for (const { text, learnt } of this.pieces(example)) {
      for (const id of tokenizer.encode(text, { addSpecialTokens: false }))
        tokens.push([id, learnt ? FLAGS.learnt : 0])
      if (learnt) this.counts.bytes += Buffer.byteLength(text)
    }
    if (tokens.at(-1)![0] !== this.eos) tokens.push([this.eos, FLAGS.learnt])
    if (tokens.length > length) this.counts.cut++
    if ((this.counts.tokens % length) + Math.min(tokens.length, length) > length) this.fillRow()
    for (const [id, flags] of tokens.slice(0, length)) this.push(id, flags)
  }

  private pieces(example: PromptExample | ChatExample): Piece[] {
    if (example.kind === 'prompt') {
      return [
        { text: example.prompt, learnt: false },
        { text: example.completion, learnt: true },
      ]
    }
    return chatPieces(example, this.options.tokenizer)
  }

  private fillRow(): void {
    while (this.counts.tokens % this.options.length !== 0) this.push(this.eos, 0)
  }

  private push(id: number, flags: number): void {
    if (this.buffered === this.flags.length) this.grow()
    this.words[this.buffered] = id
    this.flags[this.buffered++] = flags
    this.counts.tokens++
    if (flags & FLAGS.learnt) this.counts.learnt++
  }

  private grow(): void {
    const { words, flags } = this
    this.words =
      words instanceof Uint16Array ? new Uint16Array(2 * words.length) : new Uint32Array(2 * words.length)
    this.words.set(words)
    this.flags = new Uint8Array(2 * flags.length)
    this.flags.set(flags)
  }

  async finish(): Promise<PackedFiles> {
    // The last token's end is learnt, too: of the text, or of a row that is filled up.
    if (this.bos === this.eos || this.bos === undefined) this.push(this.eos, FLAGS.learnt)
    await this.flush()
    return { counts: this.counts, sum: this.sum.digest() }
  }

  private async flush(): Promise<void> {
    const { buffer, BYTES_PER_ELEMENT } = this.words
    const tokens = new Uint8Array(buffer, 0, this.buffered * BYTES_PER_ELEMENT)
    const flags = this.flags.subarray(0, this.buffered)
    await this.tokenFile.writeFile(tokens)
    await this.flagFile.writeFile(flags)
    this.sum.add('tokens', tokens)
    this.sum.add('flags', flags)
    this.buffered = 0
  }

  async close(): Promise<void> {
    await Promise.all([this.tokenFile.close(), this.flagFile.close()])
  }
}
