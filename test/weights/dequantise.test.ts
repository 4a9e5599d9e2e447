import { describe, expect, it } from 'vitest'
import { BLOCKS, dequantise } from '../../src/weights/dequantise.js'
import type { DType } from '../../src/weights/types.js'
import { bitsOf, goldenJson } from './files.js'

const golden = goldenJson<Record<DType, { blocks: string; values: string }>>('dequantise.json')

function floats(base64: string): Float32Array {
  return new Float32Array(new Uint8Array(Buffer.from(base64, 'base64')).buffer)
}

describe('dequantise', () => {
  it('has a golden of every storage type', () => {
    expect(Object.keys(golden).sort()).toEqual(Object.keys(BLOCKS).sort())
  })

  it.each(Object.keys(golden) as DType[])('equals gguf.quants.dequantize bit for bit for %s', (dtype) => {
    const bytes = new Uint8Array(Buffer.from(golden[dtype].blocks, 'base64'))
    const expected = floats(golden[dtype].values)
    const values = new Float32Array(expected.length)
    dequantise(dtype, bytes, values)
    expect(bitsOf(values)).toEqual(bitsOf(expected))
    expect(new Set(values).size).toBeGreaterThan(16)
  })

  it('writes only the values that it was given, from bytes at an odd place', () => {
    const block = Buffer.from(golden.Q5_1.blocks, 'base64').subarray(48, 72)
    const bytes = new Uint8Array(1 + block.length)
    bytes.set(block, 1)
    const values = new Float32Array(96).fill(7)
    dequantise('Q5_1', bytes.subarray(1), values.subarray(32, 64))
    expect(bitsOf(values.subarray(32, 64))).toEqual(bitsOf(floats(golden.Q5_1.values).slice(64, 96)))
    expect([...values.subarray(0, 32), ...values.subarray(64)].every((value) => value === 7)).toBe(true)
  })
})
