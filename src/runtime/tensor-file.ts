import type { FileHandle } from 'node:fs/promises'
import type { InitializerData } from '../onnx/graph.js'

/** Bytes; ONNX Runtime maps tensors where they lie. */
const ALIGNMENT = 64

/** A file to which tensors are appended. */
export class TensorFile {
  length = 0

  /** @param name what a graph beside it calls it */
  constructor(
    private readonly name: string,
    readonly handle: FileHandle,
  ) {}

  async append(values: Float32Array | Uint16Array | Uint8Array): Promise<InitializerData> {
    const offset = Math.ceil(this.length / ALIGNMENT) * ALIGNMENT
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.handle.write(bytes, done, bytes.length - done, offset + done)
      done += bytesWritten
    }
    this.length = offset + bytes.length
    return { file: this.name, offset, length: bytes.length }
  }
}
