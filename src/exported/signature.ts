import { type FileHandle, open } from 'node:fs/promises'
import { UserError } from '../errors.js'
import { unreadable } from '../files.js'

/** An input or output of a graph. */
export interface ValueSignature {
  readonly name: string
  /** A code of TensorProto.DataType. */
  readonly type: number
  /** Numbers, and names of what varies; undefined where the file says neither. */
  readonly shape: readonly (number | string | undefined)[]
}

/** What goes into a graph and what comes out, and by what. */
export interface GraphSignature {
  readonly inputs: readonly ValueSignature[]
  readonly outputs: readonly ValueSignature[]
  /** Types of its nodes. */
  readonly operators: ReadonlySet<string>
  /** Files that hold weights, by their names beside the graph's: bytes that each has at least. */
  readonly externalData: ReadonlyMap<string, number>
}

/** Fields that are looked at, and values that are kept: no decoder has a tenth of these. */
const MOST_FIELDS = 4_000_000
const MOST_VALUES = 100_000
/** Bytes of the description of an input, an output or a place of weights. */
const MOST_BYTES = 65_536

/** Numbers of fields in onnx.proto3. */
const GRAPH = 7
const [NODE, INITIALIZER, INPUT, OUTPUT] = [1, 5, 11, 12]
const OPERATOR = 4
const EXTERNAL_DATA = 13
/** Bytes of an operator's name. */
const LONGEST_NAME = 256

/**
 * Reads what goes into an ONNX file's graph and what comes out, and by what, and passes over the weights.
 * @throws UserError for a file that cannot be read or is no ONNX file
 */
export async function readSignature(path: string): Promise<GraphSignature> {
  const handle = await open(path).catch((error) => {
    throw unreadable(path, error)
  })
  try {
    const stats = await handle.stat()
    if (!stats.isFile()) throw new UserError(`${path} cannot be read: it is no file.`)
    const { size } = stats
    const cursor = new FileCursor(handle, size, path)
    const signature = emptySignature()
    await cursor.fields(size, async (field, length) => {
      if (field !== GRAPH) return cursor.skip(length)
      await cursor.fields(cursor.position + length, (field, length) => {
        if (field === NODE) return readOperator(cursor, length, signature)
        if (field === INITIALIZER) return readExternalData(cursor, length, signature)
        if (field === INPUT) return readValue(cursor, length, signature.inputs)
        if (field === OUTPUT) return readValue(cursor, length, signature.outputs)
        return cursor.skip(length)
      })
    })
    if (signature.outputs.length === 0) throw cursor.damaged()
    return signature
  } finally {
    await handle.close()
  }
}

const emptySignature = () => ({
  inputs: [] as ValueSignature[],
  outputs: [] as ValueSignature[],
  operators: new Set<string>(),
  externalData: new Map<string, number>(),
})

type Signature = ReturnType<typeof emptySignature>

function readOperator(cursor: FileCursor, length: number, { operators }: Signature): Promise<void> {
  return cursor.fields(cursor.position + length, async (field, length) => {
    if (field !== OPERATOR || length > LONGEST_NAME) return cursor.skip(length)
    operators.add(Buffer.from(await cursor.bytes(length)).toString('utf8'))
  })
}

/** TensorProto: where its values lie in another file, as pairs of texts. */
async function readExternalData(
  cursor: FileCursor,
  length: number,
  { externalData }: Signature,
): Promise<void> {
  const pairs = new Map<string | undefined, string>()
  await cursor.fields(cursor.position + length, async (field, length) => {
    if (field !== EXTERNAL_DATA) return cursor.skip(length)
    const pair = await cursor.message(length)
    pairs.set(pair.text(1), pair.text(2) ?? '')
  })
  const location = pairs.get('location')
  if (location === undefined) return
  const end = Number(pairs.get('offset') ?? 0) + Number(pairs.get('length') ?? 1)
  if (!Number.isSafeInteger(end) || end < 0) throw cursor.damaged()
  externalData.set(location, Math.max(end, externalData.get(location) ?? 0))
}

async function readValue(cursor: FileCursor, length: number, values: ValueSignature[]): Promise<void> {
  if (values.length === MOST_VALUES) throw cursor.damaged()
  values.push(valueIn(await cursor.message(length)))
}

/** ValueInfoProto: its name, and of its TypeProto's Tensor the element type and shape. */
function valueIn(info: Message): ValueSignature {
  const tensor = info.message(2)?.message(1)
  const dimensions = tensor?.message(2)?.all(1) ?? []
  const shape = dimensions.map((dimension) => dimension.text(2) ?? dimension.number(1))
  return { name: info.text(1) ?? '', type: tensor?.number(1) ?? 0, shape }
}

/** A small message of Protocol Buffers in memory. */
class Message {
  private readonly fields: { readonly field: number; readonly value: number | Uint8Array }[] = []

  constructor(
    bytes: Uint8Array,
    private readonly damaged: () => Error,
  ) {
    let at = 0
    const varint = () => {
      let value = 0
      for (let shift = 0; shift < 64; shift += 7) {
        if (at >= bytes.length) throw damaged()
        const byte = bytes[at++]
        value += (byte & 0x7f) * 2 ** shift
        if (byte < 0x80) return value
      }
      throw damaged()
    }
    while (at < bytes.length) {
      const tag = varint()
      const field = Math.floor(tag / 8)
      const wire = tag % 8
      if (wire === 0) {
        this.fields.push({ field, value: varint() })
        continue
      }
      const length = wire === 2 ? varint() : FIXED[wire]
      if (length === undefined || at + length > bytes.length) throw damaged()
      this.fields.push({ field, value: bytes.subarray(at, at + length) })
      at += length
    }
  }

  number(wanted: number): number | undefined {
    return this.values(wanted).findLast((value) => typeof value === 'number')
  }

  text(wanted: number): string | undefined {
    const found = this.values(wanted).findLast((value) => typeof value !== 'number')
    return found && Buffer.from(found).toString('utf8')
  }

  message(wanted: number): Message | undefined {
    return this.all(wanted).at(-1)
  }

  all(wanted: number): Message[] {
    const found = this.values(wanted).filter((value) => typeof value !== 'number')
    return found.map((bytes) => new Message(bytes, this.damaged))
  }

  private values(wanted: number): (number | Uint8Array)[] {
    return this.fields.filter(({ field }) => field === wanted).map(({ value }) => value)
  }
}

/** Bytes of values of a fixed size, by wire type. */
const FIXED: Readonly<Record<number, number>> = { 1: 8, 5: 4 }
const WINDOW = 65_536

/** Reads a file from the front, and jumps over what is not wanted. */
class FileCursor {
  position = 0
  private window = Buffer.alloc(0)
  private start = 0
  private fieldsLeft = MOST_FIELDS

  constructor(
    private readonly handle: FileHandle,
    private readonly size: number,
    private readonly path: string,
  ) {}

  /** Calls `read` for each field of a message that ends at `end`; it reads or skips `length` bytes. */
  async fields(end: number, read: (field: number, length: number) => Promise<void> | void): Promise<void> {
    if (end > this.size) throw this.damaged()
    while (this.position < end) {
      if (this.fieldsLeft-- === 0) throw this.damaged()
      const tag = await this.varint()
      const field = Math.floor(tag / 8)
      const wire = tag % 8
      if (field === 0) throw this.damaged()
      if (wire === 0) await this.varint()
      else if (wire === 2) await read(field, await this.varint())
      else if (FIXED[wire]) this.skip(FIXED[wire])
      else throw this.damaged()
      if (this.position > end) throw this.damaged()
    }
  }

  skip(length: number): void {
    this.position += length
  }

  async bytes(length: number): Promise<Uint8Array> {
    const at = this.position - this.start
    if (at >= 0 && at + length <= this.window.length) {
      this.position += length
      return this.window.subarray(at, at + length)
    }
    const bytes = Buffer.alloc(length)
    const { bytesRead } = await this.handle.read(bytes, 0, length, this.position)
    if (bytesRead < length) throw this.damaged()
    this.position += length
    return bytes
  }

  /** @throws UserError for one that is longer than any that is looked at */
  async message(length: number): Promise<Message> {
    if (length > MOST_BYTES) throw this.damaged()
    return new Message(await this.bytes(length), () => this.damaged())
  }

  damaged(): UserError {
    return new UserError(`${this.path} is no ONNX file, or a damaged one: fetch it again.`)
  }

  private async varint(): Promise<number> {
    let value = 0
    for (let shift = 0; shift < 64; shift += 7) {
      const byte = await this.byte()
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw this.damaged()
  }

  private async byte(): Promise<number> {
    const at = this.position - this.start
    if (at < 0 || at >= this.window.length) await this.fill()
    return this.window[this.position++ - this.start]
  }

  private async fill(): Promise<void> {
    const window = Buffer.alloc(WINDOW)
    const { bytesRead } = await this.handle.read(window, 0, WINDOW, this.position)
    if (bytesRead === 0) throw this.damaged()
    this.window = window.subarray(0, bytesRead)
    this.start = this.position
  }
}
