import { UserError } from '../errors.js'

// Views of one word as a number and as its bits. Typed arrays here assume a little-endian host, as all of
// Node's release platforms for onnxruntime are.
const number = new Float32Array(1)
const bits = new Uint32Array(number.buffer)

/** The fp32 bits of each of the 65536 fp16 values. */
export const HALF_BITS = halfBits()

/** Each of the 65536 fp16 values as a number. */
export const HALF = new Float32Array(HALF_BITS.buffer)

function halfBits(): Uint32Array<ArrayBuffer> {
  const table = new Uint32Array(65536)
  for (let half = 0; half < 65536; half++) {
    const sign = (half & 0x8000) << 16
    const exponent = (half >> 10) & 0x1f
    const mantissa = half & 0x3ff
    if (exponent === 31) {
      table[half] = sign | 0x7f800000 | (mantissa << 13)
    } else if (exponent > 0) {
      table[half] = sign | ((exponent + 112) << 23) | (mantissa << 13)
    } else {
      number[0] = mantissa * 2 ** -24
      table[half] = sign | bits[0]
    }
  }
  return table
}

/** Rounds fp32 to fp16, ties to even, overflow to infinity (IEEE 754, as PyTorch and numpy do). */
export function toHalf(value: number): number {
  number[0] = value
  const word = bits[0]
  const sign = (word >>> 16) & 0x8000
  const magnitude = word & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  if (magnitude < 0x38800000) return sign | roundTiesToEven(Math.abs(number[0]) * 2 ** 24)
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1)
  return sign | ((rounded - 0x38000000) >>> 13)
}

/** The largest finite fp16 value. */
const MAX_HALF = 65504

/**
 * Weights rounded to fp16.
 * @param name of their tensor, for the message
 * @throws UserError for a value that is not finite in fp16, as those of bf16 may be
 */
export function toHalves(values: Float32Array, name: string): Uint16Array {
  const halves = new Uint16Array(values.length)
  for (let i = 0; i < values.length; i++) {
    halves[i] = toHalf(values[i])
    if ((halves[i] & 0x7c00) !== 0x7c00) continue
    throw new UserError(
      `${name} has the value ${values[i]}, and half precision ends at ${MAX_HALF}: use --dtype fp32, int8 or int4.`,
    )
  }
  return halves
}

/** Rounds fp32 to bf16, ties to even. */
export function toBfloat16(value: number): number {
  number[0] = value
  const word = bits[0]
  if ((word & 0x7fffffff) > 0x7f800000) return (word >>> 16) | 0x40
  return (word + 0x7fff + ((word >>> 16) & 1)) >>> 16
}

function roundTiesToEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor
}
