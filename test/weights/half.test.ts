import { describe, expect, it } from 'vitest'
import { HALF, toBfloat16, toHalf, toHalves } from '../../src/weights/half.js'

describe('half precision', () => {
  it('rounds every fp16 value to itself', () => {
    for (let half = 0; half < 65536; half++) {
      if (Number.isNaN(HALF[half])) expect(Number.isNaN(HALF[toHalf(Number.NaN)])).toBe(true)
      else if (toHalf(HALF[half]) !== half) expect(toHalf(HALF[half])).toBe(half)
    }
  })

  it('rounds the middle of neighbours to the even one, and values beside it to the nearest', () => {
    for (let half = 0; half < 0x7bff; half++) {
      const middle = (HALF[half] + HALF[half + 1]) / 2
      const even = half % 2 === 0 ? half : half + 1
      if (toHalf(middle) !== even) expect(toHalf(middle)).toBe(even)
      const above = middle * (1 + 2 ** -22)
      if (toHalf(above) !== half + 1) expect(toHalf(above)).toBe(half + 1)
    }
  })

  it('refuses weights that round to more than the largest fp16 value', () => {
    const largest = Float32Array.of(65504, -65519, 1e-9)
    expect([...toHalves(largest, 'w')].map((half) => HALF[half])).toEqual([65504, -65504, 0])
    for (const value of [65520, -1e10, Infinity, NaN]) {
      expect(() => toHalves(Float32Array.of(1, value), 'w')).toThrow(
        `w has the value ${Math.fround(value)}, and half precision ends at 65504: use --dtype fp32, int8 or int4.`,
      )
    }
  })

  it('keeps a NaN a NaN in bf16', () => {
    expect(toBfloat16(Number.NaN) & 0x7fff).toBeGreaterThan(0x7f80)
  })
})
