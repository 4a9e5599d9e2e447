import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { answerBy, answerOf } from '../../src/selection/answers.js'
import { bestOf, scoreSamples } from '../../src/selection/select.js'
import { utility } from '../../src/selection/utilities.js'

const sample = (text: string) => ({
  text,
  ids: text.split(' ').map((word) => word.length * 31 + word.charCodeAt(0)),
  logprob: -1,
})

describe('an answer', () => {
  test.each([
    ['so it is 3 + 4 = 7.\n#### 1,234\nand 9', '1234'],
    ['#### 5\n#### $6.50', '6.5'],
    ['thus \\boxed{\\frac{1}{2}} and 3', '\\frac{1}{2}'],
    ['first \\boxed{1}, then \\boxed{2.0}', '2'],
    ['open \\boxed{1', '1'],
    ['It costs 3 dollars, or 1,200.50 in all.', '1200.5'],
    ['minus -7', '-7'],
    ['#### Paris.', 'paris'],
    ['none', undefined],
    ['', undefined],
    ['#### ', undefined],
  ])('of %j is %j', (text, answer) => expect(answerOf(text)).toBe(answer))

  test('is what an expression finds last', () => {
    expect(answerBy(/answer: (\w+)/u)('answer: A, no, answer: B')).toBe('b')
    expect(answerBy(/[A-D](?=\))/u)('A) or C)')).toBe('c')
    expect(answerBy(/x/u)('none')).toBeUndefined()
  })

  test('of an expression that takes for ever is refused', () => {
    expect(() => answerBy(/^(a+)+$/u)(`${'a'.repeat(40)}b`)).toThrow(
      /answer_pattern takes more than .* give a simpler one/,
    )
  })
})

describe('a choice', () => {
  test('is the highest score; of equals the first', () => {
    expect(bestOf([{ score: 1 }, { score: 3 }, { score: 3 }])).toBe(1)
    expect(bestOf([{ score: Number.NEGATIVE_INFINITY }, { score: Number.NEGATIVE_INFINITY }])).toBe(0)
  })

  test('by majority counts equal answers however they are written', () => {
    const texts = ['it is 12', 'nothing', '#### 7', 'about 7.0', '\\boxed{7}', 'it is 12.']
    const scores = scoreSamples(texts.map(sample), { by: 'majority' })
    expect(scores.map(({ score }) => score)).toEqual([2, 0, 3, 3, 3, 2])
    expect(bestOf(scores)).toBe(2)
  })

  test('by minimum Bayes risk is the text that is most like the others', () => {
    const texts = ['the cat sat on the mat', 'a dog', 'the cat sat on a mat', 'the cat sits on the mat']
    for (const name of ['chrf', 'rouge_l', 'f1'] as const) {
      const scores = scoreSamples(texts.map(sample), { by: 'mbr', utility: name })
      expect(bestOf(scores)).not.toBe(1)
      expect(scores[1].score).toBeLessThan(scores[0].score)
    }
  })
})

describe('utilities', () => {
  const golden = JSON.parse(
    readFileSync(new URL('../golden/selection/chrf.json', import.meta.url), 'utf8'),
  ) as { candidate: string; reference: string; chrf: number }[]

  test.each(golden)(
    'chrF of $candidate under $reference is that of sacrebleu',
    ({ candidate, reference, chrf }) => {
      expect(utility('chrf')(sample(candidate), sample(reference))).toBeCloseTo(chrf, 6)
    },
  )

  test('of tokens: the longest common subsequence looks at their order, F1 does not', () => {
    const [a, b] = [
      { text: '', ids: [1, 2, 3, 4] },
      { text: '', ids: [4, 1, 2, 5, 6, 3] },
    ]
    expect(utility('rouge_l')(a, b)).toBeCloseTo((2 * 3) / 10)
    expect(utility('f1')(a, b)).toBeCloseTo((2 * 4) / 10)
    expect(utility('f1')({ text: '', ids: [1, 1, 1] }, { text: '', ids: [1] })).toBeCloseTo(2 / 4)
    expect(utility('rouge_l')({ text: '', ids: [] }, { text: '', ids: [] })).toBe(0)
  })
})
