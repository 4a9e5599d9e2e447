import { describe, expect, test } from 'vitest'
import { resolveGenerationConfig } from '../../src/config/index.js'

const biasesOf = (logit_bias: unknown) =>
  resolveGenerationConfig({ values: { logit_bias }, origin: 'the test' }).config.logit_bias

describe('biases of tokens and words', () => {
  test.each<[unknown, Record<string, number | false>]>([
    [
      { dog: -5, 15043: 1, ' ': 2 },
      { dog: -5, 15043: 1, ' ': 2 },
    ],
    ['dog=-5', { dog: -5 }],
    [['dog=-5', ' cat = 2.5e-1', 'a=b=1'], { dog: -5, ' cat ': 0.25, 'a=b': 1 }],
    ['==1', { '=': 1 }],
    ['x\ny=1', { 'x\ny': 1 }],
    [['dog=false', '3=-inf', '4=-Infinity'], { dog: false, 3: false, 4: false }],
    [['15043+1', '15044-0.5', '15045-inf'], { 15043: 1, 15044: -0.5, 15045: false }],
    [[' {"dog": false, "{x": 1}', 'cat=1'], { dog: false, '{x': 1, cat: 1 }],
    ['2024=1', { 2024: 1 }],
    [{}, {}],
  ])('%j', (given, biases) => {
    expect(biasesOf(given)).toEqual(biases)
  })

  test.each<[unknown, string]>([
    ['dog', 'cannot be "dog": give an object of words or ids and numbers, or word=number, one or a list.'],
    ['=5', 'give an object of words'],
    ['dog-5', 'give an object of words'],
    [5, 'give an object of words'],
    [['dog=1', 7], 'give an object of words'],
    [[['dog', 1]], 'give an object of words'],
    ['dog=', 'give a number, or false, in place of ""'],
    ['dog=inf', 'give a number, or false, in place of "inf"'],
    ['3+x', 'give a number, or false, in place of "+x"'],
    ['{"dog": 1', 'it is not valid JSON: line 1, column 10: it ends too early.'],
    ['{"dog": "1"}', '(at dog): give a number, or false'],
    [{ dog: true }, '(at dog): give a number, or false'],
    [{ dog: null }, '(at dog): give a number, or false'],
    [{ '': 1 }, 'it is empty'],
    [['dog=1', '{"dog": 2}'], 'give "dog" once.'],
    [JSON.parse('{"__proto__": 1}'), '__proto__ is no key'],
  ])('%j is refused', (given, message) => {
    expect(() => biasesOf(given)).toThrow(message)
    expect(() => biasesOf(given)).toThrow('logit_bias in the test cannot be')
  })
})
