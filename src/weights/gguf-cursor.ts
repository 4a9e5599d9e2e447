import { readSync } from 'node:fs'
import { systemReason } from '../files.js'
import { damaged, type WeightFile } from './weight-file.js'

const FIRST_WINDOW = 64 * 2 ** 10
const LARGEST_WINDOW = 4 * 2 ** 20
/** Bytes of all strings that are read: Gemma's vocabulary of 262,144 tokens takes 10 MB. */
const MAX_STRING_BYTES = 64 * 2 ** 20

/**
 * Reads little-endian values one after the other from a file's start, through a window that doubles as the
 * header turns out to be long. Synchronous, since a promise for each of a vocabulary's strings would cost
 * more than the reads. No length that the file claims is believed beyond the file's end.
 */
export class GgufCursor {
  position = 0
  private window = Buffer.alloc(0)
  private windowStart = 0
  private nextWindow = FIRST_WINDOW
  private stringBytes = 0

  constructor(private readonly file: WeightFile) {}

  /** Bytes from the position to the end of the file. */
  get remaining(): number {
    return this.file.size - this.position
  }

  u8(): number {
    const at = this.take(1)
    return this.window.readUInt8(at)
  }

  i8(): number {
    const at = this.take(1)
    return this.window.readInt8(at)
  }

  u16(): number {
    const at = this.take(2)
    return this.window.readUInt16LE(at)
  }

  i16(): number {
    const at = this.take(2)
    return this.window.readInt16LE(at)
  }

  u32(): number {
    const at = this.take(4)
    return this.window.readUInt32LE(at)
  }

  i32(): number {
    const at = this.take(4)
    return this.window.readInt32LE(at)
  }

  f32(): number {
    const at = this.take(4)
    return this.window.readFloatLE(at)
  }

  f64(): number {
    const at = this.take(8)
    return this.window.readDoubleLE(at)
  }

  /** A number where that is exact. */
  u64(): number | bigint {
    const at = this.take(8)
    return narrow(this.window.readBigUInt64LE(at))
  }

  /** A number where that is exact. */
  i64(): number | bigint {
    const at = this.take(8)
    return narrow(this.window.readBigInt64LE(at))
  }

  bool(): boolean {
    return this.u8() !== 0
  }

  /** A u64 that counts or measures something in the file. */
  size(what: string): number {
    const value = this.u64()
    if (typeof value === 'bigint') throw this.damaged(`${what} is ${value}`)
    return value
  }

  string(): string {
    const length = this.size('the length of a string')
    this.stringBytes += length
    if (this.stringBytes > MAX_STRING_BYTES) throw this.damaged(`a string claims ${length} bytes too many`)
    const start = this.take(length)
    return this.window.toString('utf8', start, start + length)
  }

  /** Moves past `length` bytes without reading them. */
  skip(length: number): void {
    if (length > this.remaining) throw this.ended(length)
    this.position += length
  }

  damaged(what: string): Error {
    return damaged(this.file.path, `near byte ${this.position}, ${what}`)
  }

  /** Moves past `length` bytes and says where they are in the window, which may be a new one. */
  private take(length: number): number {
    if (length > this.remaining) throw this.ended(length)
    if (this.position + length > this.windowStart + this.window.length) this.refill(length)
    const start = this.position - this.windowStart
    this.position += length
    return start
  }

  private ended(length: number): Error {
    return this.damaged(`${length} bytes are needed and ${this.remaining} are left`)
  }

  private refill(length: number): void {
    const window = Buffer.allocUnsafe(Math.min(Math.max(length, this.nextWindow), this.remaining))
    this.nextWindow = Math.min(this.nextWindow * 2, LARGEST_WINDOW)
    let done = 0
    while (done < window.length) {
      const count = this.readAt(window, done)
      if (count === 0) throw this.damaged('the file ended while it was read')
      done += count
    }
    this.window = window
    this.windowStart = this.position
  }

  private readAt(window: Buffer, done: number): number {
    try {
      return readSync(this.file.handle.fd, window, done, window.length - done, this.position + done)
    } catch (error) {
      throw this.damaged(`it cannot be read (${systemReason(error)})`)
    }
  }
}

function narrow(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
