import { HALF } from './half.js'

// Types of three values, -1, 0 and 1, times a scale.

/** Bytes of a TQ1_0 block from `from` on: `count` of them hold `digits` elements each, digit d of byte i being element d · count + i. */
const TQ1_PARTS = [
  { from: 0, count: 32, digits: 5 },
  { from: 32, count: 16, digits: 5 },
  { from: 48, count: 4, digits: 4 },
]

/**
 * Super-block: 52 bytes of digits to the base 3, scale fp16. A byte is a fraction of 256 whose digits follow the point: the first
 * one is what carries over when it is multiplied by 3, and the rest is what is left.
 */
export function dequantiseTQ1(bytes: Uint8Array, values: Float32Array): void {
  for (let from = 0, out = 0; out < values.length; from += 54) {
    const scale = HALF[bytes[from + 52] | (bytes[from + 53] << 8)]
    for (const part of TQ1_PARTS) {
      for (let digit = 0, power = 1; digit < part.digits; digit++, power *= 3) {
        for (let i = 0; i < part.count; i++) {
          const rest = (bytes[from + part.from + i] * power) & 255
          values[out++] = scale * (((rest * 3) >> 8) - 1)
        }
      }
    }
  }
}

/** Super-block: 64 bytes of bit pairs, scale fp16. Run k of 32 elements takes bit pair k & 3 of the bytes of its half. */
export function dequantiseTQ2(bytes: Uint8Array, values: Float32Array): void {
  for (let from = 0, out = 0; out < values.length; from += 66, out += 256) {
    const scale = HALF[bytes[from + 64] | (bytes[from + 65] << 8)]
    for (let run = 0; run < 8; run++) {
      const pairs = from + (run >> 2) * 32
      const shift = (run & 3) * 2
      for (let i = 0; i < 32; i++)
        values[out + run * 32 + i] = scale * (((bytes[pairs + i] >> shift) & 3) - 1)
    }
  }
}
