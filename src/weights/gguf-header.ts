import { UserError } from '../errors.js'
import { BLOCKS, elementCount } from './dequantise.js'
import { GgufCursor } from './gguf-cursor.js'
import { readGgufValue } from './gguf-value.js'
import type { DType, TensorInfo } from './types.js'
import { damaged, lfsPointer, type WeightFile } from './weight-file.js'

const MAGIC = 0x46554747
/** The first four bytes of `version`, with which a pointer of Git LFS begins. */
const VERS = 0x73726576
const MAX_DIMENSIONS = 4
const MAX_ALIGNMENT = 2 ** 20
/** Of a model's tensors, and of metadata values: the largest models have some thousands. */
export const MAX_ENTRIES = 2 ** 16

/** ggml's type codes, retired ones included; those that are not a DType are known only to be named in the refusal. */
const TYPE_NAMES = (
  'F32 F16 Q4_0 Q4_1 Q4_2 Q4_3 Q5_0 Q5_1 Q8_0 Q8_1 Q2_K Q3_K Q4_K Q5_K Q6_K Q8_K IQ2_XXS IQ2_XS IQ3_XXS ' +
  'IQ1_S IQ4_NL IQ3_S IQ2_S IQ4_XS I8 I16 I32 I64 F64 IQ1_M BF16 Q4_0_4_4 Q4_0_4_8 Q4_0_8_8 TQ1_0 TQ2_0 ' +
  'IQ4_NL_4_4 IQ4_NL_4_8 IQ4_NL_8_8 MXFP4 NVFP4 Q1_0'
).split(' ')

export interface GgufHeader {
  /** Arrays of numbers as typed arrays; long ones that nobody needs are left out. */
  metadata: Map<string, unknown>
  /** With GGUF's names; offsets are absolute; shapes in HF's order, the reverse of GGUF's. */
  tensors: TensorInfo[]
}

/** A tensor has a type that is not a DType. */
class UnreadType extends UserError {
  constructor(
    readonly tensor: string,
    readonly type: string,
    path: string,
  ) {
    const types = Object.keys(BLOCKS).join(', ')
    super(
      `Tensor ${tensor} of ${path} has the type ${type}, which is not supported: use a file with ${types}.`,
    )
  }
}

/**
 * Reads all that precedes a GGUF file's tensor data (versions 2 and 3, little-endian;
 * https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
 * @throws UserError for a truncated or corrupt file, another version, or a tensor type that is not a DType.
 */
export function readGgufHeader(file: WeightFile): GgufHeader {
  const cursor = new GgufCursor(file)
  requireVersion(file, cursor)
  const tensorCount = entries(cursor, 'the number of tensors')
  const valueCount = entries(cursor, 'the number of metadata values')
  const metadata = new Map<string, unknown>()
  const keys = new Set<string>()
  for (let i = 0; i < valueCount; i++) {
    const key = cursor.string()
    if (keys.has(key)) throw cursor.damaged(`the metadata key ${JSON.stringify(key)} comes twice`)
    keys.add(key)
    const value = readGgufValue(cursor, key)
    if (value !== undefined) metadata.set(key, value)
  }
  const tensors: TensorInfo[] = []
  for (let i = 0; i < tensorCount; i++) tensors.push(readTensorInfo(cursor, file))
  placeTensors(file, tensors, cursor.position, alignment(file, metadata))
  return { metadata, tensors }
}

/**
 * Why a file will not be read, as a clause, as far as its first `size` bytes tell: a tensor's type; undefined where they tell no such
 * thing. That they end is no fault.
 */
export function faultOfBeginning(file: WeightFile): string | undefined {
  try {
    readGgufHeader(file)
  } catch (error) {
    if (error instanceof UnreadType)
      return `its tensor ${error.tensor} has the type ${error.type}, which is not supported`
    if (!(error instanceof UserError)) throw error
  }
  return undefined
}

function requireVersion(file: WeightFile, cursor: GgufCursor): void {
  const magic = file.size < 24 ? undefined : cursor.u32()
  if (magic === VERS) throw lfsPointer(file.path)
  if (magic !== MAGIC) throw damaged(file.path, 'it does not begin as a GGUF file does')
  const version = cursor.u32()
  if (version === 2 || version === 3) return
  // Version 3 with its bytes swapped is a file for big-endian machines.
  const what = version === 0x03000000 ? 'big-endian' : `of version ${version}`
  throw new UserError(`${file.path} is ${what}: only little-endian GGUF of version 2 or 3 is supported.`)
}

/** A count of things that take more than a byte each. */
function entries(cursor: GgufCursor, what: string): number {
  const count = cursor.size(what)
  if (count <= MAX_ENTRIES) return count
  throw cursor.damaged(`${what} is ${count}, and at most ${MAX_ENTRIES} are read`)
}

/** Offset is still relative to the start of the tensor data. */
function readTensorInfo(cursor: GgufCursor, file: WeightFile): TensorInfo {
  const name = cursor.string()
  const dimensions = cursor.u32()
  if (dimensions > MAX_DIMENSIONS) throw cursor.damaged(`tensor ${name} has ${dimensions} dimensions`)
  const shape: number[] = []
  for (let i = 0; i < dimensions; i++) shape.unshift(cursor.size(`a dimension of tensor ${name}`))
  const dtype = dtypeOf(file, name, cursor.u32())
  const offset = cursor.size(`the offset of tensor ${name}`)
  const block = BLOCKS[dtype]
  const elements = elementCount(shape)
  if (elements * block.bytes > Number.MAX_SAFE_INTEGER) {
    throw cursor.damaged(`tensor ${name} has the impossible shape [${shape}]`)
  }
  if ((shape.at(-1) ?? 1) % block.elements !== 0) {
    throw cursor.damaged(`the rows of tensor ${name} ([${shape}]) are no whole blocks of ${dtype}`)
  }
  return {
    name,
    dtype,
    shape,
    file: file.path,
    offset,
    byteLength: (elements / block.elements) * block.bytes,
  }
}

function dtypeOf(file: WeightFile, tensor: string, code: number): DType {
  const name = TYPE_NAMES[code] ?? `number ${code}`
  if (isDType(name)) return name
  throw new UnreadType(tensor, name, file.path)
}

function isDType(name: string): name is DType {
  return Object.hasOwn(BLOCKS, name)
}

function alignment(file: WeightFile, metadata: ReadonlyMap<string, unknown>): number {
  const value = metadata.get('general.alignment') ?? 32
  if (
    typeof value === 'number' &&
    value > 0 &&
    value <= MAX_ALIGNMENT &&
    Number.isInteger(Math.log2(value))
  ) {
    return value
  }
  throw damaged(file.path, `general.alignment is ${value}, not a power of two`)
}

/** Makes the offsets absolute; every tensor must be aligned, inside the file and clear of the others. */
function placeTensors(file: WeightFile, tensors: TensorInfo[], headerEnd: number, alignTo: number): void {
  const dataStart = Math.ceil(headerEnd / alignTo) * alignTo
  for (const info of tensors) {
    if (info.offset % alignTo !== 0) {
      throw damaged(file.path, `tensor ${info.name} at ${info.offset} is not aligned to ${alignTo} bytes`)
    }
    info.offset += dataStart
  }
  const ordered = [...tensors].sort((a, b) => a.offset - b.offset || a.byteLength - b.byteLength)
  let end = dataStart
  for (const info of ordered) {
    if (info.offset < end) throw damaged(file.path, `tensor ${info.name} overlaps another`)
    end = info.offset + info.byteLength
    if (end > file.size) {
      throw damaged(file.path, `tensor ${info.name} ends at byte ${end}, but the file has ${file.size}`)
    }
  }
}
