/**
 * The part of the protobuf wire format that an ONNX file needs: varints, 32-bit floats, length-delimited
 * fields. A message is built as a list of chunks, so that large tensors are not copied twice.
 */
export class MessageWriter {
  private readonly chunks: Uint8Array[] = []
  private byteLength = 0

  private push(chunk: Uint8Array): void {
    this.chunks.push(chunk)
    this.byteLength += chunk.length
  }

  private varint(value: number | bigint): void {
    const bytes: number[] = []
    let rest = BigInt.asUintN(64, BigInt(value))
    while (rest >= 0x80n) {
      bytes.push(Number(rest & 0x7fn) | 0x80)
      rest >>= 7n
    }
    bytes.push(Number(rest))
    this.push(Uint8Array.from(bytes))
  }

  int(field: number, value: number | bigint): this {
    this.varint(field << 3)
    this.varint(value)
    return this
  }

  float(field: number, value: number): this {
    this.varint((field << 3) | 5)
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setFloat32(0, value, true)
    this.push(bytes)
    return this
  }

  bytes(field: number, value: Uint8Array): this {
    this.varint((field << 3) | 2)
    this.varint(value.length)
    this.push(value)
    return this
  }

  string(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value))
  }

  message(field: number, fill: (writer: MessageWriter) => void): this {
    const inner = new MessageWriter()
    fill(inner)
    this.varint((field << 3) | 2)
    this.varint(inner.byteLength)
    for (const chunk of inner.chunks) this.chunks.push(chunk)
    this.byteLength += inner.byteLength
    return this
  }

  finish(): Uint8Array {
    const out = new Uint8Array(this.byteLength)
    let offset = 0
    for (const chunk of this.chunks) {
      out.set(chunk, offset)
      offset += chunk.length
    }
    return out
  }
}
