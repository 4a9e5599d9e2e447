import { HALF } from './half.js'

// ggml's k-quants: super-blocks of 256 elements in sub-blocks with quantised scales of their own.

/**
 * Super-block: 16 bytes whose low nibbles are the sub-blocks' scales and high nibbles their minima, 64 bytes of bit pairs, scale
 * fp16, scale of minima fp16; 16 sub-blocks of 16 elements. Run k of 32 elements takes bit pair k & 3 of the bytes of its half.
 */
export function dequantiseQ2K(bytes: Uint8Array, values: Float32Array): void {
  for (let from = 0, out = 0; out < values.length; from += 84, out += 256) {
    const scale = HALF[bytes[from + 80] | (bytes[from + 81] << 8)]
    const minimum = HALF[bytes[from + 82] | (bytes[from + 83] << 8)]
    for (let sub = 0; sub < 16; sub++) {
      const step = scale * (bytes[from + sub] & 15)
      const base = minimum * (bytes[from + sub] >> 4)
      const pairs = from + 16 + (sub >> 3) * 32 + (sub & 1) * 16
      const shift = ((sub >> 1) & 3) * 2
      for (let i = 0; i < 16; i++) {
        values[out + sub * 16 + i] = step * ((bytes[pairs + i] >> shift) & 3) - base
      }
    }
  }
}

/**
 * Super-block: 32 bytes of upper bits, 64 bytes of bit pairs as in Q2_K, 12 bytes of 16 scales of 6 bits offset by 32, scale fp16;
 * bit k of upper byte i belongs to element i of run k, and 4 is taken off where it is not set.
 */
export function dequantiseQ3K(bytes: Uint8Array, values: Float32Array): void {
  for (let from = 0, out = 0; out < values.length; from += 110, out += 256) {
    const scale = HALF[bytes[from + 108] | (bytes[from + 109] << 8)]
    for (let sub = 0; sub < 16; sub++) {
      const step = scale * (scaleOfQ3K(bytes, from + 96, sub) - 32)
      const upper = from + (sub & 1) * 16
      const pairs = upper + 32 + (sub >> 3) * 32
      const shift = ((sub >> 1) & 3) * 2
      for (let i = 0; i < 16; i++) {
        const offset = (bytes[upper + i] >> (sub >> 1)) & 1 ? 0 : 4
        values[out + sub * 16 + i] = step * (((bytes[pairs + i] >> shift) & 3) - offset)
      }
    }
  }
}

/** The 12 bytes: the lower 4 bits of scale k are a nibble of byte k & 7, its upper 2 a bit pair of byte 8 + (k & 3). */
function scaleOfQ3K(bytes: Uint8Array, at: number, sub: number): number {
  const low = (bytes[at + (sub & 7)] >> ((sub >> 3) * 4)) & 15
  return low | (((bytes[at + 8 + (sub & 3)] >> ((sub >> 2) * 2)) & 3) << 4)
}

/**
 * Super-block: scale fp16, scale of minima fp16, 12 bytes of 8 scales and 8 minima of 6 bits, 128 bytes in
 * four groups of 32 whose low nibbles are one sub-block of 32 elements and high nibbles the next.
 */
export function dequantiseQ4K(bytes: Uint8Array, values: Float32Array): void {
  for (let from = 0, out = 0; out < values.length; from += 144, out += 256) {
    const scale = HALF[bytes[from] | (bytes[from + 1] << 8)]
    const minimum = HALF[bytes[from + 2] | (bytes[from + 3] << 8)]
    for (let sub = 0; sub < 8; sub++) {
      const step = scale * subScale(bytes, from + 4, sub)
      const base = minimum * subMinimum(bytes, from + 4, sub)
      const nibbles = from + 16 + (sub >> 1) * 32
      const shift = (sub & 1) * 4
      for (let i = 0; i < 32; i++) {
        values[out + sub * 32 + i] = step * ((bytes[nibbles + i] >> shift) & 15) - base
      }
    }
  }
}

/** As Q4_K, with 32 bytes before the nibbles: bit `sub` of byte i is the fifth bit of element i of `sub`. */
export function dequantiseQ5K(bytes: Uint8Array, values: Float32Array): void {
  for (let from = 0, out = 0; out < values.length; from += 176, out += 256) {
    const scale = HALF[bytes[from] | (bytes[from + 1] << 8)]
    const minimum = HALF[bytes[from + 2] | (bytes[from + 3] << 8)]
    for (let sub = 0; sub < 8; sub++) {
      const step = scale * subScale(bytes, from + 4, sub)
      const base = minimum * subMinimum(bytes, from + 4, sub)
      const high = from + 16
      const nibbles = from + 48 + (sub >> 1) * 32
      const shift = (sub & 1) * 4
      for (let i = 0; i < 32; i++) {
        const quant = ((bytes[nibbles + i] >> shift) & 15) | (((bytes[high + i] >> sub) & 1) << 4)
        values[out + sub * 32 + i] = step * quant - base
      }
    }
  }
}

/**
 * Super-block: 128 bytes of low nibbles, 64 bytes of upper bit pairs, 16 × int8 scales, scale fp16; values
 * of 6 bits offset by 32. Each half holds four runs of 32 elements: run k takes nibble k >> 1 of the half's
 * byte 32 (k & 1) + i, and bit pair k of its upper byte i.
 */
export function dequantiseQ6K(bytes: Uint8Array, values: Float32Array): void {
  const scales = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let from = 0, out = 0; out < values.length; from += 210, out += 256) {
    const scale = HALF[bytes[from + 208] | (bytes[from + 209] << 8)]
    for (let run = 0; run < 8; run++) {
      const half = run >> 2
      const low = from + half * 64 + (run & 1) * 32
      const lowShift = ((run >> 1) & 1) * 4
      const high = from + 128 + half * 32
      const highShift = (run & 3) * 2
      for (let i = 0; i < 32; i++) {
        const quant = ((bytes[low + i] >> lowShift) & 15) | (((bytes[high + i] >> highShift) & 3) << 4)
        values[out + run * 32 + i] = scale * scales[from + 192 + run * 2 + (i >> 4)] * (quant - 32)
      }
    }
  }
}

// The 12 bytes: the lower 6 bits of bytes 0-3 are scales 0-3 and of bytes 4-7 minima 0-3; for 4-7, bytes
// 8-11 hold the lower nibbles (scale low, minimum high) and the top 2 bits of bytes 0-7 the rest.
function subScale(bytes: Uint8Array, at: number, sub: number): number {
  return sub < 4 ? bytes[at + sub] & 63 : (bytes[at + sub + 4] & 15) | ((bytes[at + sub - 4] >> 2) & 0x30)
}

function subMinimum(bytes: Uint8Array, at: number, sub: number): number {
  return sub < 4 ? bytes[at + sub + 4] & 63 : (bytes[at + sub + 4] >> 4) | ((bytes[at + sub] >> 2) & 0x30)
}
