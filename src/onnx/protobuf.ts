const encoder = new TextEncoder()

/** The part of the protobuf wire format that an ONNX file needs: varints, 32-bit floats, length-delimited fields. */
export class MessageWriter {
  private buffer = new Uint8Array(64)
  private length = 0

  /** Makes room for `count` bytes and gives the offset at which they begin. */
  private extend(count: number): number {
    const start = this.length
    this.length += count
    if (this.length > this.buffer.length) {
      const grown = new Uint8Array(2 * this.length)
      grown.set(this.buffer.subarray(0, start))
      this.buffer = grown
    }
    return start
  }

  private byte(value: number): void {
    const offset = this.extend(1)
    this.buffer[offset] = value
  }

  /** Of a value that is not negative. */
  private varint(value: number): void {
    let rest = value
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.byte((rest % 0x80) | 0x80)
    this.byte(rest)
  }

  /** Two's complement in 64 bits, which takes ten bytes. */
  private negativeVarint(value: number): void {
    let rest = BigInt.asUintN(64, BigInt(value))
    for (; rest >= 0x80n; rest >>= 7n) this.byte(Number(rest & 0x7fn) | 0x80)
    this.byte(Number(rest))
  }

  int(field: number, value: number): this {
    this.varint(field << 3)
    if (value < 0) this.negativeVarint(value)
    else this.varint(value)
    return this
  }

  float(field: number, value: number): this {
    this.varint((field << 3) | 5)
    const offset = this.extend(4)
    new DataView(this.buffer.buffer).setFloat32(offset, value, true)
    return this
  }

  bytes(field: number, value: Uint8Array): this {
    this.varint((field << 3) | 2)
    this.varint(value.length)
    const offset = this.extend(value.length)
    this.buffer.set(value, offset)
    return this
  }

  string(field: number, value: string): this {
    return this.bytes(field, encoder.encode(value))
  }

  message(field: number, fill: (writer: MessageWriter) => void): this {
    const inner = new MessageWriter()
    fill(inner)
    return this.bytes(field, inner.finish())
  }

  /** The bytes so far; valid until the next write. */
  finish(): Uint8Array {
    return this.buffer.subarray(0, this.length)
  }
}
