import { BLOCKS } from './dequantise.js'
import { toBfloat16, toHalf } from './half.js'

/** Storage types that can be written: safetensors holds the first three, GGUF all of them. */
export type WrittenType = 'F32' | 'F16' | 'BF16' | 'Q8_0' | 'Q4_0'

const round = Math.fround

/**
 * Rounds values to a storage type, ties to even, and in blocks as ggml's reference does (`gguf.quants.quantize`).
 * @param values whole blocks of the type
 */
export function encode(dtype: WrittenType, values: Float32Array): Uint8Array {
  if (dtype === 'F32') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  if (dtype === 'Q8_0' || dtype === 'Q4_0') return encodeBlocks(dtype, values)
  const toBits = dtype === 'F16' ? toHalf : toBfloat16
  const words = new Uint16Array(values.length)
  for (let i = 0; i < words.length; i++) words[i] = toBits(values[i])
  return new Uint8Array(words.buffer)
}

function encodeBlocks(dtype: 'Q8_0' | 'Q4_0', values: Float32Array): Uint8Array {
  const { elements, bytes } = BLOCKS[dtype]
  const encoded = new Uint8Array((values.length / elements) * bytes)
  const encodeBlock = dtype === 'Q8_0' ? encodeQ80 : encodeQ40
  for (let from = 0, at = 0; from < values.length; from += elements, at += bytes) {
    const scale = toHalf(
      encodeBlock(values.subarray(from, from + elements), encoded.subarray(at + 2, at + bytes)),
    )
    encoded[at] = scale & 255
    encoded[at + 1] = scale >> 8
  }
  return encoded
}

/** @returns the scale */
function encodeQ80(block: Float32Array, integers: Uint8Array): number {
  const scale = round(Math.abs(largestOf(block)) / 127)
  const inverse = scale === 0 ? 0 : round(1 / scale)
  for (let i = 0; i < block.length; i++) {
    const value = round(block[i] * inverse)
    // Halves away from zero, as C's roundf; the byte of a negative number is its two's complement.
    integers[i] = Math.sign(value) * Math.floor(Math.abs(value) + 0.5)
  }
  return scale
}

/** @returns the scale */
function encodeQ40(block: Float32Array, nibbles: Uint8Array): number {
  const scale = round(largestOf(block) / -8)
  const inverse = scale === 0 ? 0 : round(1 / scale)
  const quant = (value: number) => Math.min(15, Math.trunc(round(value * inverse + 8.5)))
  for (let i = 0; i < 16; i++) nibbles[i] = quant(block[i]) | (quant(block[16 + i]) << 4)
  return scale
}

/** The first value of the largest magnitude, with its sign. */
function largestOf(block: Float32Array): number {
  let largest = 0
  for (const value of block) if (Math.abs(value) > Math.abs(largest)) largest = value
  return largest
}
