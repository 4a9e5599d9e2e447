import { describe, expect, it } from 'vitest'
import { UserError } from '../../src/errors.js'
import { type QuantisedBlocks, quantiseBlocks } from '../../src/weights/quantise.js'
import { seededRandom } from './files.js'

/** What MatMulNBits computes from the layout, written from its documentation: [rows, cols]. */
function dequantised(
  { packed, scales }: QuantisedBlocks,
  rows: number,
  cols: number,
  bits: 4 | 8,
  size: number,
) {
  const blocks = Math.ceil(cols / size)
  return Float64Array.from({ length: rows * cols }, (_, i) => {
    const block = Math.floor(i / cols) * blocks + Math.floor((i % cols) / size)
    const element = block * size + ((i % cols) % size)
    if (bits === 8) return (packed[element] - 128) * scales[block]
    const pair = packed[element >> 1]
    return ((element % 2 === 0 ? pair & 15 : pair >> 4) - 8) * scales[block]
  })
}

/** Absmax rounding as ggml's Q4_0 (4 bits) and Q8_0 (8 bits), but with the scale in fp32. */
function absmaxError(block: Float32Array, bits: 4 | 8): number {
  const largest = block.reduce((best, weight) => (Math.abs(weight) > Math.abs(best) ? weight : best), 0)
  const scale = bits === 4 ? largest / -8 : Math.abs(largest) / 127
  const [low, high] = bits === 4 ? [-8, 7] : [-127, 127]
  return squaredError(
    block,
    block.map((weight) => Math.min(high, Math.max(low, Math.round(weight / scale))) * scale),
  )
}

function squaredError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0)
}

function randomWeights(count: number): Float32Array {
  const random = seededRandom(6)
  return Float32Array.from({ length: count }, () => (random() + random() + random() - 1.5) * 0.1)
}

const CASES = ([4, 8] as const).flatMap((bits) => [16, 32, 64, 128].map((size) => [bits, size] as const))

describe('quantiseBlocks', () => {
  it.each(CASES)('keeps %i bits in blocks of %i within the error of absmax rounding', (bits, size) => {
    const [rows, cols] = [20, 4 * size]
    const weights = randomWeights(rows * cols)
    const quantised = quantiseBlocks(weights, rows, cols, bits, size)
    const values = dequantised(quantised, rows, cols, bits, size)
    let searched = 0
    let plain = 0
    for (let from = 0; from < weights.length; from += size) {
      const block = weights.subarray(from, from + size)
      const error = squaredError(block, values.subarray(from, from + size))
      const bound = absmaxError(block, bits)
      expect(error).toBeLessThanOrEqual(bound * (1 + 1e-5))
      searched += error
      plain += bound
    }
    if (bits === 4) expect(searched).toBeLessThan(0.97 * plain)
  })

  it('keeps 8 bits within half a step of each weight', () => {
    const weights = randomWeights(64)
    const quantised = quantiseBlocks(weights, 1, 64, 8, 64)
    const values = dequantised(quantised, 1, 64, 8, 64)
    expect(quantised.scales[0]).toBeCloseTo(Math.max(...weights.map(Math.abs)) / 127, 9)
    for (let i = 0; i < 64; i++)
      expect(Math.abs(values[i] - weights[i])).toBeLessThanOrEqual(quantised.scales[0] * 0.5001)
  })

  it('represents weights that lie on the grid exactly, in the layout of MatMulNBits', () => {
    const quants = Array.from({ length: 16 }, (_, i) => i)
    const row = Float32Array.from(quants, (quant) => (quant - 8) * 0.25)
    const { packed, scales } = quantiseBlocks(row, 1, 16, 4, 16)
    expect([...packed]).toEqual([0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe])
    expect([...scales]).toEqual([0.25])
    // A largest weight above zero takes the end of the range through a negative scale.
    const negated = quantiseBlocks(
      row.map((weight) => -weight),
      1,
      16,
      4,
      16,
    )
    expect([...negated.packed]).toEqual([...packed])
    expect([...negated.scales]).toEqual([-0.25])
  })

  it.each([4, 8] as const)('pads the last block of a row with zeros (%i bits)', (bits) => {
    const [rows, cols, size] = [3, 40, 32]
    const weights = randomWeights(rows * cols)
    const quantised = quantiseBlocks(weights, rows, cols, bits, size)
    expect(quantised.packed.length).toBe((rows * 2 * size * bits) / 8)
    expect(quantised.scales.length).toBe(rows * 2)
    const padding = quantised.packed.subarray(((size + 8) * bits) / 8, (2 * size * bits) / 8)
    expect(new Set(padding)).toEqual(new Set([bits === 4 ? 0x88 : 128]))
    const tail = Float32Array.from({ length: size }, (_, i) => (i < 8 ? weights[size + i] : 0))
    const values = dequantised(quantised, rows, cols, bits, size)
    expect(squaredError(tail.subarray(0, 8), values.subarray(size, cols))).toBeLessThanOrEqual(
      absmaxError(tail, bits) * (1 + 1e-5),
    )
  })

  it.each([4, 8] as const)('gives zeros for zeros (%i bits)', (bits) => {
    const quantised = quantiseBlocks(new Float32Array(64), 2, 32, bits, 32)
    expect([...dequantised(quantised, 2, 32, bits, 32)].every((value) => value === 0)).toBe(true)
    expect(quantised.scales.every((scale) => scale === 0)).toBe(true)
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('refuses %d, naming its row', (value) => {
    const weights = new Float32Array(96)
    weights[70] = value
    const quantise = () => quantiseBlocks(weights, 3, 32, 8, 32)
    expect(quantise).toThrow(UserError)
    expect(quantise).toThrow(`has the value ${value} in row 2`)
  })

  it('refuses sizes that do not match', () => {
    expect(() => quantiseBlocks(new Float32Array(5), 2, 3, 4, 32)).toThrow(/5 weights are not 2 × 3/)
  })
})
