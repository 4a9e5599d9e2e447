import type { FileHandle } from 'node:fs/promises'
import type { InitializerData } from '../onnx/graph.js'

/** Bytes; ONNX Runtime maps tensors where they lie. */
const ALIGNMENT = 64

type Values = Float32Array | Uint16Array | Uint8Array

/** A file to which tensors are appended. */
export class TensorFile {
  length = 0

  /** @param name what a graph beside it calls it */
  constructor(
    private readonly name: string,
    readonly handle: FileHandle,
  ) {}

  append(values: Values): Promise<InitializerData> {
    return this.appendPieces([values])
  }

  /** Appends one tensor, of which each piece is written before the next one is asked for. */
  async appendPieces(pieces: Iterable<Values> | AsyncIterable<Values>): Promise<InitializerData> {
    const offset = Math.ceil(this.length / ALIGNMENT) * ALIGNMENT
    this.length = offset
    for await (const values of pieces) await this.write(values)
    return { file: this.name, offset, length: this.length - offset }
  }

  private async write(values: Values): Promise<void> {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.handle.write(bytes, done, bytes.length - done, this.length)
      done += bytesWritten
      this.length += bytesWritten
    }
  }
}
