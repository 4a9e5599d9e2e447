import { describe, expect, test } from 'vitest'
import { peakMemory, resetPeakMemory } from '../../src/compare/peak-memory.js'
import { type Contestant, type RunOptions, runInTurns } from '../../src/compare/run.js'
import type { Scorer } from '../../src/compare/scorers.js'
import { parseSpecification } from '../../src/compare/specification.js'
import { resolveGenerationConfig } from '../../src/config/index.js'
import { UserError } from '../../src/errors.js'
import { stubModel } from '../generation/stub-model.js'
import { greedy, spell } from '../generation/toy-generation.js'
import { ToyModel } from '../strategies/toy-model.js'

const PROMPTS = [
  [3, 1, 4],
  [1, 5],
]

function comparison(options: Partial<RunOptions> = {}) {
  const toy = new ToyModel()
  const order: string[] = []
  const scored: string[] = []
  const scorer: Scorer = {
    name: 'length',
    needsExpected: false,
    score: (text) => {
      scored.push(text)
      return text.length
    },
  }
  const contestant = (text: string, settings: object): Contestant => ({
    specification: parseSpecification(text),
    model: stubModel(toy),
    resolved: resolveGenerationConfig({
      values: { max_new_tokens: 5, seed: 1, ...settings },
      origin: 'the test',
    }),
    options: {},
  })
  const prompts = PROMPTS.map((ids, i) => ({
    row: { line: i, id: i, prompt: spell(ids), passed: {}, settings: {} },
    prompt: ids,
    ids,
  }))
  const trials = runInTurns(
    toy,
    [contestant('greedy', {}), contestant('lookup', { prompt_lookup_num_tokens: 2 })],
    prompts,
    {
      scorers: [scorer],
      repetitions: 2,
      warmUp: 1,
      signal: new AbortController().signal,
      onRun: ({ done, total, strategy }) => order.push(`${done}/${total} ${strategy}`),
      ...options,
    },
  )
  return { trials, order, scored, toy }
}

describe('runs in turns', () => {
  test('are of each strategy for each prompt, and none of the warm-up counts', async () => {
    const { trials, order, toy } = comparison()
    const runs = (await trials).map((byPrompt) => byPrompt.map(({ runs }) => runs))
    expect(runs.map((byPrompt) => byPrompt.map(({ length }) => length))).toEqual([
      [2, 2],
      [2, 2],
    ])
    for (const byPrompt of runs) {
      for (const [p, own] of byPrompt.entries()) {
        expect(own.map(({ ids }) => ids)).toEqual([greedy(5, PROMPTS[p]), greedy(5, PROMPTS[p])])
        expect(own.map(({ tokenTimes }) => tokenTimes.length)).toEqual([5, 5])
      }
    }
    expect(order).toHaveLength(12)
    expect(order.slice(0, 6)).toEqual([
      '0/12 greedy',
      '1/12 lookup',
      '2/12 lookup',
      '3/12 greedy',
      '4/12 lookup',
      '5/12 greedy',
    ])
    expect(toy.caches.size).toBe(0)
  })

  test('have each text of a prompt judged once', async () => {
    const { trials, scored } = comparison()
    const [first, second] = await trials
    expect(scored).toEqual(PROMPTS.map((prompt) => spell(greedy(5, prompt))))
    expect(first.map(({ judgement }) => judgement)).toEqual(second.map(({ judgement }) => judgement))
    expect(first[0].judgement.scores).toEqual({ length: scored[0].length })
  })

  test('keep what was measured where a scorer fails, which is told once', async () => {
    const failures: string[] = []
    const failing: Scorer = {
      name: 'bad',
      needsExpected: false,
      score: () => {
        throw new UserError('The scorer is gone.')
      },
    }
    const trials = await comparison({
      scorers: [failing],
      onFailure: ({ message }) => failures.push(message),
    }).trials
    expect(trials.flatMap((byPrompt) => byPrompt.map(({ judgement }) => judgement.scores))).toEqual(
      Array(4).fill({ bad: Number.NaN }),
    )
    expect(failures).toEqual(['The scorer is gone.'])
  })

  test('keep the whole repetitions where a run fails, and say which', async () => {
    const failures: string[] = []
    const failAt = (run: number) => {
      const onRun = ({ done }: { done: number }) => {
        if (done === run) ToyModel.prototype.forward = () => Promise.reject(new UserError('No memory.'))
      }
      return comparison({ onRun, onFailure: ({ message }) => failures.push(message) }).trials
    }
    const { forward } = ToyModel.prototype
    try {
      const trials = await failAt(9)
      expect(trials.flatMap((byPrompt) => byPrompt.map(({ runs }) => runs.length))).toEqual([1, 1, 1, 1])
      expect(failures).toEqual(['lookup, prompt 0: No memory.'])
      ToyModel.prototype.forward = forward
      await expect(failAt(5)).rejects.toThrow('greedy, prompt 0: No memory.')
    } finally {
      ToyModel.prototype.forward = forward
    }
  })

  test('end with the last whole repetition when they are interrupted', async () => {
    const abort = new AbortController()
    const onRun = ({ done }: { done: number }) => {
      if (done === 10) abort.abort(new Error('Interrupted.'))
    }
    const trials = await comparison({ signal: abort.signal, onRun }).trials
    expect(trials.flatMap((byPrompt) => byPrompt.map(({ runs }) => runs.length))).toEqual([1, 1, 1, 1])
    const early = new AbortController()
    const stop = ({ done }: { done: number }) => {
      if (done === 6) early.abort(new Error('Interrupted.'))
    }
    await expect(comparison({ signal: early.signal, onRun: stop }).trials).rejects.toThrow('Interrupted.')
  })
})

test.runIf(process.platform === 'linux')('peak memory is that since it was reset', () => {
  resetPeakMemory()
  const before = peakMemory()!
  const large = new Uint8Array(200e6).fill(1)
  expect(peakMemory()! - before).toBeGreaterThan(100e6)
  expect(large[7]).toBe(1)
})
