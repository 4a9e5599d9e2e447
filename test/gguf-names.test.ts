import { describe, expect, test } from 'vitest'
import {
  faultOfParts,
  ggufModels,
  hasQuantisation,
  hasUnreadTypes,
  isQuantisation,
} from '../src/gguf-names.js'

const part = (number: number, count = 3, name = 'm') =>
  `${name}-${String(number).padStart(5, '0')}-of-${String(count).padStart(5, '0')}.gguf`

describe('ggufModels', () => {
  test('groups parts by their names, in their order, and leaves projectors and other files out', () => {
    const paths = [part(2), 'b.GGUF', part(3), 'mmproj-m.gguf', 'q/mmproj.gguf', part(1), 'README.md']
    expect(ggufModels(paths)).toEqual([['b.GGUF'], [part(1), part(2), part(3)]])
  })

  test.each([
    ['another name', [part(1, 2), part(2, 2, 'n')]],
    ['another count', [part(1, 2), part(2, 3)]],
    ['another directory', [part(1, 2), `q/${part(2, 2)}`]],
  ])('%s is another model', (_, paths) => {
    expect(ggufModels(paths)).toHaveLength(2)
  })

  test('one of one is a file of its own', () => {
    expect(ggufModels([part(1, 1)])).toEqual([[part(1, 1)]])
    expect(faultOfParts([part(1, 1)])).toBeUndefined()
  })
})

describe('faultOfParts', () => {
  test.each<[string, string[], string | undefined]>([
    ['whole ones', [part(1), part(2), part(3)], undefined],
    ['one file', ['m.gguf'], undefined],
    ['the first missing', [part(2), part(3)], `it lacks ${part(1)}`],
    ['two missing', [part(2)], `it lacks ${part(1)}, ${part(3)}`],
    ['one beyond', [part(1), part(2), part(3), part(4)], `${part(4)} is none of its 3 parts`],
    ['one before', [part(0), part(1), part(2)], `${part(0)} is none of its 3 parts`],
    [
      'nearly all missing',
      [part(2, 99_999)],
      `it lacks ${part(1, 99_999)}, ${part(3, 99_999)}, ${part(4, 99_999)} and 99995 more parts`,
    ],
  ])('%s', (_, files, fault) => {
    expect(faultOfParts(files)).toBe(fault)
  })

  test('many models that claim many parts are looked through at once', () => {
    const paths = Array.from({ length: 50_000 }, (_, i) => part(7, 99_999, `m${i}`))
    expect(
      ggufModels(paths)
        .map(faultOfParts)
        .every((fault) => fault?.startsWith('it lacks')),
    ).toBe(true)
  })
})

describe('a quantisation', () => {
  test.each(['Q4_K_M', 'q8_0', 'IQ2_XXS', 'UD-Q4_K_XL', 'BF16', 'f16', 'MXFP4_MOE', 'TQ1_0'])(
    'is %s',
    (name) => {
      expect(isQuantisation(name)).toBe(true)
    },
  )

  test.each(['latest', '', '4', 'K_M', 'Q4.K', 'Q4/K', 'Q4*', 'm.gguf', '4b', `Q4${'_'.repeat(40)}`])(
    'is not %j',
    (name) => {
      expect(isQuantisation(name)).toBe(false)
    },
  )

  test.each<[string, string, boolean]>([
    ['m-Q4_K_M.gguf', 'q4_k_m', true],
    ['m.q4_k_m.gguf', 'Q4_K_M', true],
    ['m_Q8_0.gguf', 'Q8_0', true],
    ['Q4_K_M.gguf', 'Q4_K_M', true],
    ['Q4_K_M/m-00001-of-00002.gguf', 'Q4_K_M', true],
    ['m-Q4_K_M-00001-of-00002.gguf', 'Q4_K_M', true],
    ['m-Q4_K_M-imat.gguf', 'Q4_K_M', true],
    ['m-UD-Q4_K_XL.gguf', 'UD-Q4_K_XL', true],
    ['m-UD-Q4_K_XL.gguf', 'Q4_K_XL', true],
    ['m-Q4_K_M.gguf', 'Q4_K', false],
    ['m-IQ4_XS.gguf', 'Q4_XS', false],
    ['m-Q4_0_4_4.gguf', 'Q4_0', false],
    ['m-BF16.gguf', 'F16', false],
    ['mQ8_0.gguf', 'Q8_0', false],
  ])('%s has %s: %s', (path, name, has) => {
    expect(hasQuantisation(path, name)).toBe(has)
  })
})

test.each([
  ['m-IQ3_S.gguf', true],
  ['m-UD-IQ2_M.gguf', true],
  ['iq1_s/m-00001-of-00002.gguf', true],
  ['m-Q1_0.gguf', true],
  ['m-IQ4_XS.gguf', false],
  ['m-Q2_K.gguf', false],
  ['m-TQ1_0.gguf', false],
])('%s has types that are not read: %s', (path, expected) => {
  expect(hasUnreadTypes(path)).toBe(expected)
})
