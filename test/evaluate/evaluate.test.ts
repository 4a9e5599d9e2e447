import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { UserError } from '../../src/errors.js'
import {
  type DocumentSpan,
  type EvaluationOptions,
  evaluate,
  scoreTokens,
  type WindowOptions,
  windowAndStride,
} from '../../src/evaluate/evaluate.js'
import type { Model } from '../../src/model/model.js'
import { loadFixture } from '../fixtures.js'
import { ToyModel } from '../strategies/toy-model.js'
import { seededRandom, temporaryDirectory } from '../weights/files.js'

interface Golden {
  texts: Record<string, number[]>
  cases: {
    model: string
    length: number
    window: number
    stride: number
    tokens: number
    nats: number
  }[]
}

const golden: Golden = JSON.parse(
  readFileSync(join(import.meta.dirname, '../golden/eval/golden.json'), 'utf8'),
)

vi.stubEnv('XDG_CACHE_HOME', temporaryDirectory())

async function scores(model: Model, ids: readonly number[], options: WindowOptions = {}) {
  const all: { index: number; logprob: number }[] = []
  for await (const score of scoreTokens(model, ids, options)) all.push(score)
  return all
}

const nats = (all: { logprob: number }[]) => -all.reduce((sum, { logprob }) => sum + logprob, 0)

for (const name of Object.keys(golden.texts)) {
  describe(`${name} scores texts in sliding windows as HF does`, () => {
    let model: Awaited<ReturnType<typeof loadFixture>>['model']
    beforeAll(async () => {
      model = (await loadFixture(name, { dtype: 'fp32' })).model
    })
    afterAll(() => model?.dispose())

    const cases = golden.cases.filter((one) => one.model === name)
    test.each(cases)('$length tokens in windows of $window by $stride', async (one) => {
      const all = await scores(model, golden.texts[name].slice(0, one.length), one)
      expect(all.map(({ index }) => index)).toEqual(Array.from({ length: one.tokens }, (_, i) => i + 1))
      expect(Math.abs(nats(all) - one.nats) / one.tokens).toBeLessThan(1e-4)
    })

    test('and not in other windows, nor another text', async () => {
      const { length, window, stride, tokens, nats: expected } = cases.find((one) => one.length === 300)!
      const text = golden.texts[name].slice(0, length)
      const other = [...text.slice(0, 100), (text[100] + 1) % 320, ...text.slice(101)]
      for (const [ids, options] of [
        [text, { window, stride: stride + 1 }],
        [text, { window: window + 1, stride }],
        [other, { window, stride }],
      ] as const) {
        expect(Math.abs(nats(await scores(model, ids, options)) - expected) / tokens).toBeGreaterThan(1e-3)
      }
    })
  })
}

/** log softmax of the toy's scores after `context` at `token`. */
function toyLogprob(model: ToyModel, context: readonly number[], token: number): number {
  const logits = [...model.logits(context)]
  return logits[token] - Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0))
}

const random = seededRandom(4)
const text = Array.from({ length: 700 }, () => Math.floor(13 * random()))

describe('scoreTokens', () => {
  test('scores each token once, under the context of its window', async () => {
    for (let round = 0; round < 30; round++) {
      const model = new ToyModel()
      const window = 2 + Math.floor(400 * random())
      const stride = 1 + Math.floor((window - 1) * random())
      const ids = text.slice(0, 2 + Math.floor(300 * random()))
      const all = await scores(model, ids, { window, stride })
      expect(all.map(({ index }) => index)).toEqual(ids.slice(1).map((_, i) => i + 1))
      for (const { index, logprob } of all) {
        const begin = Math.max(0, Math.ceil((index + 1 - window) / stride)) * stride
        expect(index - begin).toBeGreaterThanOrEqual(Math.min(index, window - stride))
        expect(logprob).toBeCloseTo(toyLogprob(model, ids.slice(begin, index), ids[index]), 9)
      }
      expect(model.caches.size).toBe(0)
    }
  })

  test('in a window that holds the whole text is one pass', async () => {
    const model = new ToyModel()
    const whole = await scores(model, text, { window: text.length, stride: 5 })
    expect(model.tokensRun).toBe(text.length - 1)
    expect(await scores(model, text, { window: 1000, stride: 999 })).toEqual(whole)
    expect(await scores(model, text, { window: text.length - 1, stride: 5 })).not.toEqual(whole)
  })

  test('runs no window without a wanted token, and disposes of its cache when it is left', async () => {
    const model = new ToyModel()
    const wanted = scoreTokens(model, text, { window: 100, stride: 50 }, (index) => index >= 690)
    expect((await wanted.next()).value).toMatchObject({ index: 690 })
    await wanted.return()
    expect(model.tokensRun).toBeLessThan(100)
    expect(model.caches.size).toBe(0)
  })

  test('has nothing to say of one token', async () => {
    expect(await scores(new ToyModel(), [3])).toEqual([])
  })
})

describe('windowAndStride', () => {
  test.each([
    [4096, {}, { window: 1024, stride: 512 }],
    [512, {}, { window: 512, stride: 256 }],
    [4096, { window: 4096 }, { window: 4096, stride: 2048 }],
    [4096, { window: 2 }, { window: 2, stride: 1 }],
    [4096, { stride: 1 }, { window: 1024, stride: 1 }],
  ])('of a model of %d positions with %j', (maxPositions, options, expected) => {
    expect(windowAndStride({ maxPositions }, options)).toEqual(expected)
  })

  test.each([
    [{ window: 513 }, 'The window cannot be 513: the model takes 2 to 512 tokens.'],
    [{ window: 1 }, 'The window cannot be 1: the model takes 2 to 512 tokens.'],
    [{ window: 2.5 }, 'The window cannot be 2.5: the model takes 2 to 512 tokens.'],
    [{ window: 8, stride: 8 }, 'The stride cannot be 8: between 1 and 7 it leaves context in a window of 8.'],
    [{ stride: 0 }, 'The stride cannot be 0: between 1 and 511 it leaves context in a window of 512.'],
  ])('refuses %j', (options, message) => {
    expect(() => windowAndStride({ maxPositions: 512 }, options)).toThrow(new UserError(message, 2))
  })
})

describe('evaluate', () => {
  /** Text of a letter an id, `a` for 0. */
  const decode = (ids: readonly number[]) => String.fromCharCode(...ids.map((id) => 97 + id))
  const span = (ids: number[], isScored = true, bytes = ids.length): DocumentSpan => ({
    ids,
    isScored,
    bytes,
  })
  const run = (
    documents: DocumentSpan[][],
    options: Partial<EvaluationOptions> = {},
    model = new ToyModel(),
  ) => evaluate(model, documents, { decode, ...options })
  const start = span([0], false, 0)

  test('sums over documents, each of which is scored for itself', async () => {
    const model = new ToyModel()
    const { nats, ...counts } = await run(
      [
        [start, span([3, 4, 5])],
        [start, span([6])],
      ],
      {},
      model,
    )
    expect(counts).toEqual({ tokens: 4, bytes: 4, documents: 2 })
    const expected = [
      [[0], 3],
      [[0, 3], 4],
      [[0, 3, 4], 5],
      [[0], 6],
    ].reduce((sum, [context, token]) => sum - toyLogprob(model, context as number[], token as number), 0)
    expect(nats).toBeCloseTo(expected, 9)
  })

  test('takes the bytes that spans tell, but of a span in part those of its text', async () => {
    const bytes = async (spans: DocumentSpan[], options?: Partial<EvaluationOptions>) =>
      (await run([spans], options)).bytes
    expect(await bytes([start, span([1, 2, 3], true, 30)])).toBe(30)
    expect(await bytes([span([1, 2, 3], true, 30)])).toBe(2)
    expect(await bytes([start, span([1, 2, 3], true, 30)], { maxTokens: 2 })).toBe(2)
    expect(await bytes([start, span([1, 2], true, 20), span([3, 4], true, 40)], { maxTokens: 3 })).toBe(21)
  })

  test('scores of a prompt and its completion the latter', async () => {
    const model = new ToyModel()
    const { nats, ...counts } = await run([[start, span([3, 4], false), span([5, 6])]], {}, model)
    expect(counts).toEqual({ tokens: 2, bytes: 2, documents: 1 })
    expect(nats).toBeCloseTo(-toyLogprob(model, [0, 3, 4], 5) - toyLogprob(model, [0, 3, 4, 5], 6), 9)
  })

  test('ends after so many tokens, and reads no further document', async () => {
    let read = 0
    async function* documents() {
      for (;;) {
        read++
        yield [start, span(text.slice(0, 10))]
      }
    }
    const { tokens, documents: count } = await evaluate(new ToyModel(), documents(), {
      decode,
      maxTokens: 15,
    })
    expect([tokens, count, read]).toEqual([15, 2, 2])
  })

  test('ends with the sums so far when it is interrupted, and tells of its progress', async () => {
    const interrupt = new AbortController()
    const seen: number[] = []
    const sums = await run(
      [
        [start, span(text)],
        [start, span(text)],
      ],
      {
        signal: interrupt.signal,
        onProgress: ({ tokens }) => {
          seen.push(tokens)
          if (tokens > 300) interrupt.abort()
        },
      },
    )
    expect(seen).toEqual([128, 256, 384])
    expect(sums).toMatchObject({ tokens: 384, bytes: 384, documents: 1 })
  })

  test('that is interrupted before the first token has nothing to give', async () => {
    const reason = new UserError('Interrupted.')
    await expect(run([[start, span(text)]], { signal: AbortSignal.abort(reason) })).rejects.toThrow(reason)
  })

  test.each([
    ['no document', []],
    ['one token', [[span([1])]]],
    ['nothing but a prompt', [[start, span([1, 2], false)]]],
  ])('refuses %s', async (_, documents) => {
    await expect(run(documents)).rejects.toThrow(
      new UserError('There is no token to score: give a longer text.', 2),
    )
  })
})
