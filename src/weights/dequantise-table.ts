import { HALF } from './half.js'

// Types whose nibbles choose from a table of 16 values.

/** ggml's values of IQ4_NL and IQ4_XS (`kvalues_iq4nl`), denser around 0. */
const NON_LINEAR = Float64Array.of(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)

/** Twice the values of E2M1 (OCP Microscaling Formats, 5.3.3); -0 counts as 0. */
const E2M1 = Float64Array.of(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12)

/** Elements of a run: its low nibbles are the first half, its high ones the second. */
function lookUp(
  bytes: Uint8Array,
  from: number,
  values: Float32Array,
  out: number,
  { table, scale, half }: { table: Float64Array; scale: number; half: number },
): void {
  for (let i = 0; i < half; i++) {
    const pair = bytes[from + i]
    values[out + i] = scale * table[pair & 15]
    values[out + half + i] = scale * table[pair >> 4]
  }
}

/** Block: scale fp16, 16 bytes of nibbles. */
export function dequantiseIQ4NL(bytes: Uint8Array, values: Float32Array): void {
  for (let from = 0, out = 0; out < values.length; from += 18, out += 32) {
    const scale = HALF[bytes[from] | (bytes[from + 1] << 8)]
    lookUp(bytes, from + 2, values, out, { table: NON_LINEAR, scale, half: 16 })
  }
}

/** Super-block: scale fp16, uint16 of the upper bit pairs of 8 scales, 4 bytes of their lower nibbles, 8 runs as in IQ4_NL. */
export function dequantiseIQ4XS(bytes: Uint8Array, values: Float32Array): void {
  for (let from = 0, out = 0; out < values.length; from += 136, out += 256) {
    const scale = HALF[bytes[from] | (bytes[from + 1] << 8)]
    const upper = bytes[from + 2] | (bytes[from + 3] << 8)
    for (let sub = 0; sub < 8; sub++) {
      const low = (bytes[from + 4 + (sub >> 1)] >> ((sub & 1) * 4)) & 15
      const step = scale * ((low | (((upper >> (2 * sub)) & 3) << 4)) - 32)
      lookUp(bytes, from + 8 + sub * 16, values, out + sub * 32, { table: NON_LINEAR, scale: step, half: 16 })
    }
  }
}

/** Block: the exponent of a power of two (E8M0), 16 bytes of nibbles. */
export function dequantiseMXFP4(bytes: Uint8Array, values: Float32Array): void {
  for (let from = 0, out = 0; out < values.length; from += 17, out += 32) {
    // Half of 2^(e - 127), since the table has twice the values.
    lookUp(bytes, from + 1, values, out, { table: E2M1, scale: 2 ** (bytes[from] - 128), half: 16 })
  }
}

/** Block: 4 scales of 8 bits (E4M3 without sign), and for each of them 8 bytes of nibbles. */
export function dequantiseNVFP4(bytes: Uint8Array, values: Float32Array): void {
  for (let from = 0, out = 0; out < values.length; from += 36, out += 64) {
    for (let sub = 0; sub < 4; sub++) {
      const scale = halfOfE4M3(bytes[from + sub])
      lookUp(bytes, from + 4 + sub * 8, values, out + sub * 16, { table: E2M1, scale, half: 8 })
    }
  }
}

/** Half of an E4M3 without sign; its NaN counts as 0, as in ggml. */
function halfOfE4M3(code: number): number {
  if (code === 0x7f) return 0
  const exponent = (code >> 3) & 15
  const mantissa = code & 7
  return exponent === 0 ? mantissa * 2 ** -10 : (1 + mantissa / 8) * 2 ** (exponent - 8)
}
