import { dequantiseQ2K, dequantiseQ3K, dequantiseQ4K, dequantiseQ5K, dequantiseQ6K } from './dequantise-k.js'
import { dequantiseIQ4NL, dequantiseIQ4XS, dequantiseMXFP4, dequantiseNVFP4 } from './dequantise-table.js'
import { dequantiseTQ1, dequantiseTQ2 } from './dequantise-ternary.js'
import { HALF, HALF_BITS } from './half.js'
import type { DType } from './types.js'

/** Elements and bytes of a storage type's smallest unit, as in ggml's block structs. */
export const BLOCKS: Readonly<Record<DType, { elements: number; bytes: number }>> = {
  F32: { elements: 1, bytes: 4 },
  F16: { elements: 1, bytes: 2 },
  BF16: { elements: 1, bytes: 2 },
  Q8_0: { elements: 32, bytes: 34 },
  Q4_0: { elements: 32, bytes: 18 },
  Q4_1: { elements: 32, bytes: 20 },
  Q5_0: { elements: 32, bytes: 22 },
  Q5_1: { elements: 32, bytes: 24 },
  Q2_K: { elements: 256, bytes: 84 },
  Q3_K: { elements: 256, bytes: 110 },
  Q4_K: { elements: 256, bytes: 144 },
  Q5_K: { elements: 256, bytes: 176 },
  Q6_K: { elements: 256, bytes: 210 },
  IQ4_NL: { elements: 32, bytes: 18 },
  IQ4_XS: { elements: 256, bytes: 136 },
  TQ1_0: { elements: 256, bytes: 54 },
  TQ2_0: { elements: 256, bytes: 66 },
  MXFP4: { elements: 32, bytes: 17 },
  NVFP4: { elements: 64, bytes: 36 },
}

/** Bits that a weight takes in a storage type, its share of scales included: 4.5 in Q4_0. */
export function bitsPerWeight(dtype: DType): number {
  const { elements, bytes } = BLOCKS[dtype]
  return (8 * bytes) / elements
}

type Dequantise = (bytes: Uint8Array, values: Float32Array) => void

const DEQUANTISE: Readonly<Record<DType, Dequantise>> = {
  F32: dequantiseF32,
  F16: dequantiseF16,
  BF16: dequantiseBF16,
  Q8_0: dequantiseQ80,
  Q4_0: dequantiseQ40,
  Q4_1: dequantiseQ41,
  Q5_0: dequantiseQ50,
  Q5_1: dequantiseQ51,
  Q2_K: dequantiseQ2K,
  Q3_K: dequantiseQ3K,
  Q4_K: dequantiseQ4K,
  Q5_K: dequantiseQ5K,
  Q6_K: dequantiseQ6K,
  IQ4_NL: dequantiseIQ4NL,
  IQ4_XS: dequantiseIQ4XS,
  TQ1_0: dequantiseTQ1,
  TQ2_0: dequantiseTQ2,
  MXFP4: dequantiseMXFP4,
  NVFP4: dequantiseNVFP4,
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

/**
 * Turns whole blocks into fp32, bit for bit as `gguf.quants.dequantize` does. An fp16 scale times a block's
 * integer has at most 24 significant bits, and its sum with an fp16 offset at most 53: JavaScript's doubles
 * are exact here, and the store to fp32 rounds once, as the one inexact fp32 operation of the reference does.
 * @param bytes `values.length / BLOCKS[dtype].elements` blocks.
 */
export function dequantise(dtype: DType, bytes: Uint8Array, values: Float32Array): void {
  DEQUANTISE[dtype](bytes, values)
}

function dequantiseF32(bytes: Uint8Array, values: Float32Array): void {
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength).set(bytes)
}

// The 16-bit types move bits, not numbers, so that a NaN keeps its payload.
function dequantiseF16(bytes: Uint8Array, values: Float32Array): void {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length)
  for (let i = 0; i < words.length; i++) words[i] = HALF_BITS[bytes[2 * i] | (bytes[2 * i + 1] << 8)]
}

function dequantiseBF16(bytes: Uint8Array, values: Float32Array): void {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length)
  for (let i = 0; i < words.length; i++) words[i] = (bytes[2 * i] << 16) | (bytes[2 * i + 1] << 24)
}

/** Block: scale fp16, 32 × int8. */
function dequantiseQ80(bytes: Uint8Array, values: Float32Array): void {
  const integers = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let from = 0, out = 0; out < values.length; from += 34, out += 32) {
    const scale = HALF[bytes[from] | (bytes[from + 1] << 8)]
    for (let i = 0; i < 32; i++) values[out + i] = scale * integers[from + 2 + i]
  }
}

/** Block: scale fp16, 16 bytes whose low nibbles are elements 0-15 and high nibbles 16-31, offset by 8. */
function dequantiseQ40(bytes: Uint8Array, values: Float32Array): void {
  for (let from = 0, out = 0; out < values.length; from += 18, out += 32) {
    const scale = HALF[bytes[from] | (bytes[from + 1] << 8)]
    for (let i = 0; i < 16; i++) {
      const pair = bytes[from + 2 + i]
      values[out + i] = scale * ((pair & 15) - 8)
      values[out + 16 + i] = scale * ((pair >> 4) - 8)
    }
  }
}

/** Block: scale fp16, minimum fp16, 16 bytes of nibbles as in Q4_0. */
function dequantiseQ41(bytes: Uint8Array, values: Float32Array): void {
  for (let from = 0, out = 0; out < values.length; from += 20, out += 32) {
    const scale = HALF[bytes[from] | (bytes[from + 1] << 8)]
    const minimum = HALF[bytes[from + 2] | (bytes[from + 3] << 8)]
    for (let i = 0; i < 16; i++) {
      const pair = bytes[from + 4 + i]
      values[out + i] = scale * (pair & 15) + minimum
      values[out + 16 + i] = scale * (pair >> 4) + minimum
    }
  }
}

/** Block: scale fp16, uint32 whose bit i is element i's fifth bit, nibbles as in Q4_0, offset by 16. */
function dequantiseQ50(bytes: Uint8Array, values: Float32Array): void {
  for (let from = 0, out = 0; out < values.length; from += 22, out += 32) {
    const scale = HALF[bytes[from] | (bytes[from + 1] << 8)]
    const high = uint32(bytes, from + 2)
    for (let i = 0; i < 16; i++) {
      const pair = bytes[from + 6 + i]
      values[out + i] = scale * (((pair & 15) | (((high >>> i) & 1) << 4)) - 16)
      values[out + 16 + i] = scale * (((pair >> 4) | (((high >>> (i + 16)) & 1) << 4)) - 16)
    }
  }
}

/** Block: scale fp16, minimum fp16, fifth bits and nibbles as in Q5_0. */
function dequantiseQ51(bytes: Uint8Array, values: Float32Array): void {
  for (let from = 0, out = 0; out < values.length; from += 24, out += 32) {
    const scale = HALF[bytes[from] | (bytes[from + 1] << 8)]
    const minimum = HALF[bytes[from + 2] | (bytes[from + 3] << 8)]
    const high = uint32(bytes, from + 4)
    for (let i = 0; i < 16; i++) {
      const pair = bytes[from + 8 + i]
      values[out + i] = scale * ((pair & 15) | (((high >>> i) & 1) << 4)) + minimum
      values[out + 16 + i] = scale * ((pair >> 4) | (((high >>> (i + 16)) & 1) << 4)) + minimum
    }
  }
}

function uint32(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)
}
