import { describe, expect, test } from 'vitest'
import { resolveGenerationConfig } from '../../src/config/index.js'
import { withWordIds } from '../../src/generation/word-ids.js'
import { extend, type Prefix, prefixOf } from '../../src/model/prefix.js'
import { createRandom, keyedRandom, sampleIndex } from '../../src/random.js'
import { buildProcessors, softmax } from '../../src/scores/processors/index.js'
import { mirostat } from '../../src/scores/processors/mirostat.js'
import { occurrencePenalties, repetitionPenalty } from '../../src/scores/processors/repetition.js'
import { stubTokenizer } from '../generation/stub-model.js'

const VOCAB = 24
const random = createRandom(11)
const normal = () => Float32Array.from({ length: VOCAB }, () => 6 * random() - 3)
const texts = (count: number, length: number) =>
  Array.from({ length: count }, () => Array.from({ length }, () => Math.floor(random() * 8)))

function build(values: Record<string, unknown>, { promptLength = 1, maxLength = 5000 } = {}) {
  const { config } = resolveGenerationConfig({ values: { top_k: 0, ...values }, origin: 'the test' })
  const tokenizer = stubTokenizer(VOCAB)
  return buildProcessors(withWordIds(config, tokenizer, VOCAB), {
    promptLength,
    maxLength,
    eosTokenIds: [],
    tokenizer,
    randomAt: keyedRandom(1),
  })
}

function processed(
  values: Record<string, unknown>,
  logits: Float32Array,
  prefix: Prefix,
  promptLength?: number,
) {
  const scores = logits.slice()
  for (const process of build(values, { promptLength })) process(scores, prefix)
  return scores
}

const near = (actual: Float32Array, expected: Float32Array) => {
  for (const [i, score] of expected.entries()) expect(actual[i]).toBeCloseTo(score, 4)
}

/** By vLLM's definition, `apply_penalties`: the repetition penalty of all that is in the text, then those of what was generated. */
function penalised(
  logits: Float32Array,
  text: readonly number[],
  promptLength: number,
  [repetition, frequency, presence]: readonly number[],
  last = text.length,
): Float32Array {
  const seen = text.slice(Math.max(0, text.length - last))
  const generated = text.slice(Math.max(promptLength, text.length - last))
  return logits.map((score, token) => {
    const count = generated.filter((other) => other === token).length
    const scaled = !seen.includes(token) ? score : score > 0 ? score / repetition : score * repetition
    return scaled - frequency * count - presence * Number(count > 0)
  })
}

describe('penalties of what was generated', () => {
  test.each([
    [1, 0.5, 0],
    [1, 0, 0.7],
    [1.3, 0.5, -0.4],
    [0.8, -1, 2],
  ])('are vLLM’s: repetition %f, frequency %f, presence %f', (repetition, frequency, presence) => {
    const settings = {
      repetition_penalty: repetition,
      frequency_penalty: frequency,
      presence_penalty: presence,
    }
    for (const text of texts(6, 30)) {
      for (const promptLength of [1, 12, 30]) {
        const logits = normal()
        const expected = penalised(logits, text, promptLength, [repetition, frequency, presence])
        near(processed(settings, logits, prefixOf(text), promptLength), expected)
        for (const last of [0, 1, 5, 29, 30, 31, 4000]) {
          const windowed = penalised(logits, text, promptLength, [repetition, frequency, presence], last)
          near(
            processed({ ...settings, repeat_last_n: last }, logits, prefixOf(text), promptLength),
            windowed,
          )
        }
        near(processed({ ...settings, repeat_last_n: -1 }, logits, prefixOf(text), promptLength), expected)
      }
    }
  })

  test('are the same for branches of one text, in any order', () => {
    const process = occurrencePenalties({ presence: 0.5, frequency: 0.25 }, 2)
    const root = prefixOf([1, 2, 3, 3])
    const branches = [[4, 4], [3], [5, 3, 3, 1], [4]].map((tokens) =>
      tokens.reduce<Prefix>((prefix, token) => extend(prefix, token), root),
    )
    const once = branches.map((prefix) => {
      const scores = new Float32Array(VOCAB)
      process(scores, prefix)
      return scores
    })
    for (const i of [3, 2, 1, 0, 2]) {
      const scores = new Float32Array(VOCAB)
      occurrencePenalties({ presence: 0.5, frequency: 0.25 }, 2)(scores, branches[i])
      const again = new Float32Array(VOCAB)
      process(again, branches[i])
      expect(scores).toEqual(once[i])
      expect(again).toEqual(once[i])
    }
    // 3 was generated twice at the root, 4 twice more.
    expect([once[0][3], once[0][4], once[0][1], once[0][2]]).toEqual([-1, -1, 0, 0].map((x) => x || 0))
  })

  test('pass over ids beyond the vocabulary', () => {
    const prefix = prefixOf([0, 4000, 2 ** 31, 2])
    for (const last of [-1, 3]) {
      const scores = new Float32Array(4).fill(1)
      occurrencePenalties({ presence: 1, frequency: 1 }, 1, last)(scores, prefix)
      repetitionPenalty(2, last)(scores, prefix)
      expect([...scores]).toEqual([last < 0 ? 0.5 : 1, 1, -2, 1])
    }
  })
})

describe('logit_bias', () => {
  const prefix = prefixOf([0])

  test.each<[number[], Record<number, number>]>([
    [[0], { 3: 3.5, 7: -Infinity }],
    [[0, 5], { 3: 3.5, 6: -1, 7: -Infinity }],
    [[0, 5, 6], { 3: 3.5, 7: -Infinity }],
  ])('adds to ids and to the last tokens of words, and forbids, after %j', (before, bias) => {
    const logits = normal()
    const scores = processed(
      { logit_bias: { 3: 2.5, '5 6 ': -1, 7: false, ' 3': 1 } },
      logits,
      prefixOf(before),
    )
    near(
      scores,
      logits.map((score, token) => score + (bias[token] ?? 0)),
    )
  })

  test.each([
    [{ logit_bias: { 24: 1 } }, "logit_bias names the token 24, but the model's vocabulary has 24"],
    [{ logit_bias: { 3: 'much' } }, /logit_bias .* give a number, or false/],
    [{ logit_bias: { 3: true } }, /logit_bias/],
    [{ logit_bias: { '': 1 } }, /logit_bias/],
    [{ logit_bias: { ' ': 1 } }, 'logit_bias has " ", for which the model has no tokens'],
    [{ logit_bias: [[3, 1]] }, /logit_bias .* give an object/],
    [{ allowed_token_ids: [] }, 'it is empty'],
    [{ allowed_token_ids: [-1] }, 'give 0 or more'],
    [{ presence_penalty: 'x' }, 'give a number'],
    [{ repeat_last_n: -2 }, 'give -1 or more'],
    [{ repeat_last_n: 1.5 }, 'repeat_last_n'],
    [{ dry_base: 0.5 }, 'give 1 or more'],
    [{ dry_multiplier: -1 }, 'give 0 or more'],
    [{ dry_sequence_breakers: ['x'.repeat(41)] }, 'at most 40 characters'],
    [{ dry_sequence_breakers: [''] }, 'it is empty'],
    [{ dry_sequence_breakers: Array.from({ length: 257 }, String) }, 'at most 256 items'],
    [{ mirostat: 1 }, 'give 0 or 2'],
    [{ mirostat: 2, do_sample: true, num_beams: 2 }, 'Mirostat follows one text'],
    [{ dynatemp_range: -0.5 }, 'give 0 or more'],
    [{ allowed_token_ids: [1], forced_eos_token_id: 2 }, 'allowed_token_ids lacks every token of forced_eos'],
  ])('%o is refused', (values, message) => {
    expect(() => processed(values, normal(), prefix)).toThrow(message)
  })
})

test('allowed_token_ids leaves no others', () => {
  const logits = normal()
  const scores = processed({ allowed_token_ids: [2, 9, 2] }, logits, prefixOf([0]))
  expect([...scores.keys()].filter((token) => scores[token] > -Infinity)).toEqual([2, 9])
  expect(scores[9]).toBe(logits[9])
})

describe('samplers on scores that are none', () => {
  const all = {
    do_sample: true,
    presence_penalty: 0.5,
    frequency_penalty: 0.1,
    repetition_penalty: 1.2,
    dry_multiplier: 1,
    dry_sequence_breakers: [],
    top_n_sigma: 1,
    dynatemp_range: 0.5,
  }
  const rows: [string, Float32Array][] = [
    ['NaN', Float32Array.of(1, Number.NaN, 2)],
    ['all NaN', new Float32Array(3).fill(Number.NaN)],
    ['Infinity', Float32Array.of(1, Infinity, 2)],
    ['-Infinity', new Float32Array(3).fill(-Infinity)],
    ['one token', Float32Array.of(-Infinity, 1, -Infinity)],
    ['a vocabulary of one', Float32Array.of(3)],
    ['equals', new Float32Array(3)],
    ['large ones', Float32Array.of(1e38, -1e38, 1)],
  ]
  test.each(rows)('%s: an error in words, or a token', (_, row) => {
    for (const values of [all, { do_sample: true, mirostat: 2, temperature: 0.5 }]) {
      const before = [...row.keys()].filter((token) => row[token] > -Infinity)
      try {
        const scores = processed(values, row, prefixOf([0]))
        const left = [...scores.keys()].filter((token) => scores[token] > -Infinity)
        expect(left.length > 0).toBe(before.length > 0)
        expect(left.every((token) => before.includes(token))).toBe(true)
      } catch (error) {
        expect((error as Error).message).toContain('No token can follow')
        expect(row.some((score) => Number.isNaN(score) || score === Infinity)).toBe(true)
      }
    }
  })

  test('DRY takes time in proportion to the text, however it repeats itself', () => {
    const [process] = build({ dry_multiplier: 1, dry_sequence_breakers: [] })
    const scores = new Float32Array(VOCAB)
    process(scores, prefixOf(new Array(200_000).fill(5)))
    // Quadratic, it would take minutes.
    expect(scores[5]).toBeLessThan(-1e30)
    expect(scores[4]).toBe(0)
  })
})

describe('mirostat', () => {
  const settings = { tau: 2, eta: 0.5, promptLength: 2 }
  const count = (scores: Float32Array) => scores.filter((score) => score > -Infinity).length

  test('has its limit by prefix: what is looked at between a place and the next changes nothing', () => {
    const straight = mirostat(settings)
    const wandering = mirostat(settings)
    let [one, other] = [prefixOf([1, 2]), prefixOf([1, 2])]
    for (let step = 0; step < 50; step++) {
      const logits = normal()
      const [a, b] = [logits.slice(), logits.slice()]
      straight(a, one)
      // A draft from here on, of other scores; then the place itself.
      wandering(normal(), other)
      let draft = other
      for (let i = 0; i < 20; i++) {
        const scores = normal()
        draft = extend(draft, draft === other ? bestOf(wandering, other) : 0)
        try {
          wandering(scores, draft)
        } catch {
          break
        }
      }
      wandering(b, other)
      expect(b).toEqual(a)
      const token = a.indexOf(Math.max(...a))
      one = extend(one, token)
      other = extend(other, token)
    }
  })

  /** A token that is left there. */
  function bestOf(process: ReturnType<typeof mirostat>, prefix: Prefix): number {
    const scores = normal()
    process(scores, prefix)
    return scores.indexOf(Math.max(...scores))
  }

  test('brings the surprise of drawn tokens to tau', () => {
    for (const tau of [1, 2.5]) {
      const process = mirostat({ tau, eta: 0.1, promptLength: 1 })
      const draw = createRandom(3)
      let prefix = prefixOf([0])
      let sum = 0
      const steps = 4000
      for (let step = 0; step < steps; step++) {
        const scores = normal()
        process(scores, prefix)
        const probabilities = softmax(scores)
        const token = sampleIndex(probabilities, draw)
        sum -= Math.log2(probabilities[token])
        prefix = extend(prefix, token)
      }
      expect(Math.abs(sum / steps - tau)).toBeLessThan(0.05)
    }
  })

  test('refuses a place that does not follow, and a token that was dropped', () => {
    const process = mirostat({ ...settings, tau: 0 })
    expect(() => process(normal(), prefixOf([1, 2, 3]))).toThrow('set mirostat to 0')
    const scores = normal()
    const root = prefixOf([1, 2])
    process(scores, root)
    expect(count(scores)).toBe(1)
    const dropped = scores.indexOf(-Infinity)
    expect(() => process(normal(), extend(root, dropped))).toThrow('set mirostat to 0')
  })
})
