import { describe, expect, test } from 'vitest'
import { isFloatField } from '../../src/models/float-fields.js'
import { exactJsonText, keepNumbers, passNumbers } from '../../src/tokenizer/exact-json.js'

const TEXT = `{
  "final_logit_softcapping": 12.0,
  "head_dim": 16,
  "rope_theta": 10000,
  "rms_norm_eps": 1e-05,
  "initializer_range": -0.0,
  "big": 123456789012345678901,
  "far": 1e+30,
  "rope_scaling": {
    "short_factor": [
      1.0,
      1.5,
      2
    ],
    "factor": 4.0
  },
  "label": {
    "2": 1,
    "10": 0.0
  },
  "text": "\\u0000 12.0 \\u0000\\u0000"
}
`

describe('a configuration that is read and written again', () => {
  test('has the numbers of its text', () => {
    const config = keepNumbers(TEXT, JSON.parse(TEXT))
    const written = exactJsonText(config, {}, isFloatField)
    expect(written.replace('0.00001', '1e-05')).toBe(TEXT)
    expect(exactJsonText(keepNumbers(written, JSON.parse(written)), {}, isFloatField)).toBe(written)
  })

  test('has other fields as they are given, and those as floats that HF has so', () => {
    const changes = { rope_theta: 5, head_dim: 7, final_logit_softcapping: 30, rope_scaling: { factor: 2 } }
    const text = exactJsonText(keepNumbers(TEXT, JSON.parse(TEXT)), changes, isFloatField)
    expect(text).toContain('"head_dim": 7,\n')
    expect(text).toContain('"factor": 2.0\n')
    expect(text).toContain('"final_logit_softcapping": 30.0,\n')
    expect(JSON.parse(text)).toMatchObject({ ...changes, label: { 2: 1, 10: 0 } })
  })

  test('has them in an object that was made of it', () => {
    const config = keepNumbers(TEXT, JSON.parse(TEXT))
    const text = exactJsonText(passNumbers(config, { ...config, more: 1 }), { big: undefined }, () => false)
    expect(text).toContain('"final_logit_softcapping": 12.0,\n')
    expect(text).not.toContain('"big"')
    expect(text).toContain('"more": 1\n')
  })

  test('is read where it is deeper than any', () => {
    const text = `{"a": 1.0, "b": ${'['.repeat(100_000)}${']'.repeat(100_000)}}`
    expect(keepNumbers(text, JSON.parse(text))).toMatchObject({ a: 1 })
  })

  test('has floats where HF has them, without a text', () => {
    const config = {
      rope_theta: 10_000,
      hidden_size: 64,
      attention_dropout: 0,
      rms_norm_eps: 1e-5,
      names: ['a'],
    }
    expect(exactJsonText(config, {}, isFloatField).split('\n').slice(1, 5)).toEqual([
      '  "rope_theta": 10000.0,',
      '  "hidden_size": 64,',
      '  "attention_dropout": 0.0,',
      '  "rms_norm_eps": 0.00001,',
    ])
  })
})
