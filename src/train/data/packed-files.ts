import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { readJsonIfThere } from '../../files.js'
import { isJsonObject } from '../../json.js'

/** What was packed, as it is kept beside its two files. */
export interface PackedFiles {
  readonly counts: PackedCounts
  /** Sum of the tokens and of the flags. */
  readonly sum: string
}

/** Bytes of a token in its file. */
export function wordBytes(vocabSize: number): 2 | 4 {
  return vocabSize <= 2 ** 16 ? 2 : 4
}

/** SHA-256 of both files: some 0.7 GB/s, that is a second for a quarter of a billion tokens. */
export class PackedSum {
  private readonly hashes: readonly Hash[] = [createHash('sha256'), createHash('sha256')]

  add(part: 'tokens' | 'flags', bytes: Uint8Array): void {
    this.hashes[part === 'tokens' ? 0 : 1].update(bytes)
  }

  digest(): string {
    return this.hashes.map((hash) => hash.digest('hex')).join('-')
  }
}

/** Packed data that is there and whole; undefined for any other, which is made again. */
export async function readPacked(path: string, vocabSize: number): Promise<PackedFiles | undefined> {
  const kept = await readJsonIfThere(`${path}.json`).catch(() => undefined)
  if (!isPacked(kept)) return undefined
  const { tokens } = kept.counts
  if ((await sizeOf(`${path}.tokens`)) !== tokens * wordBytes(vocabSize)) return undefined
  if ((await sizeOf(`${path}.flags`)) !== tokens) return undefined
  return (await sumOf(path)) === kept.sum ? kept : undefined
}

function isPacked(value: unknown): value is PackedFiles {
  if (!isJsonObject(value) || !isJsonObject(value.counts) || typeof value.sum !== 'string') return false
  const { tokens, bytes, learnt, documents, cut } = value.counts
  return [tokens, bytes, learnt, documents, cut].every(
    (count) => Number.isSafeInteger(count) && Number(count) >= 0,
  )
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.size
}

async function sumOf(path: string): Promise<string | undefined> {
  const sum = new PackedSum()
  try {
    for (const part of ['tokens', 'flags'] as const) {
      const stream = createReadStream(`${path}.${part}`, { highWaterMark: 2 ** 20 })
      for await (const bytes of stream) sum.add(part, bytes)
    }
  } catch {
    return undefined
  }
  return sum.digest()
}

/** The numbers of what was packed. */
export interface PackedCounts {
  /** Tokens in all, padding included. */
  readonly tokens: number
  /** UTF-8 bytes of the texts whose tokens are learnt. */
  readonly bytes: number
  /** Tokens whose prediction is learnt. */
  readonly learnt: number
  readonly documents: number
  /** Examples that were longer than a row, and were cut. */
  readonly cut: number
}
