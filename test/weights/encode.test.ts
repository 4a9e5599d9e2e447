import { describe, expect, test } from 'vitest'
import { encode } from '../../src/weights/encode.js'
import { decodeFloats } from '../fixtures.js'
import { goldenJson } from './files.js'

const golden = goldenJson<Record<'values' | 'Q8_0' | 'Q4_0', string>>('encoded.json')

describe('blocks are those of gguf-py, bit for bit', () => {
  test.each(['Q8_0', 'Q4_0'] as const)('%s', (dtype) => {
    const bytes = encode(dtype, decodeFloats(golden.values))
    expect(Buffer.from(bytes).toString('base64')).toBe(golden[dtype])
  })
})
