import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { shellCommand } from '../../src/cli/io/shell-command.js'
import { readPrompts } from '../../src/compare/prompts.js'
import { meanLogProbability, rotated, type Trial } from '../../src/compare/run.js'
import { parseSpecification } from '../../src/compare/specification.js'
import { summarise } from '../../src/compare/summary.js'
import { logSumExp } from '../../src/strategies/softmax.js'
import { fileWriter, temporaryDirectory } from '../e2e/cli.js'
import { ToyModel } from '../strategies/toy-model.js'

test('turns begin with another strategy each time', () => {
  expect([0, 1, 2, 3].map((turn) => rotated(3, turn))).toEqual([
    [0, 1, 2],
    [1, 2, 0],
    [2, 0, 1],
    [0, 1, 2],
  ])
})

test('the mean log-probability is that of the generated tokens alone, step by step', async () => {
  const model = new ToyModel()
  const [prompt, ids] = [
    [1, 2, 3],
    [4, 0, 2],
  ]
  let sum = 0
  for (const [i, id] of ids.entries()) {
    const before = [...prompt, ...ids.slice(0, i)]
    const cache = model.newCache()
    const output = await model.forward(
      cache,
      before,
      before.map((_, at) => at - 1),
    )
    const logits = output.logits(before.length - 1)
    sum += logits[id] - logSumExp(logits)
  }
  expect(await meanLogProbability(model, prompt, ids)).toBeCloseTo(sum / 3, 5)
})

describe('a summary', () => {
  const trial = (speeds: readonly number[], ids: readonly number[], more = {}, isValid?: boolean): Trial => ({
    judgement: { mean_log_probability: -ids.length, scores: { json: Number(ids.length > 2) } },
    runs: speeds.map((tokens_per_second, i) => ({
      text: ids.join(' '),
      ids,
      finish_reason: 'length',
      ...(isValid !== undefined && { language: { field: 'regex', value: '[0-9 ]+', isValid } }),
      tokenTimes: ids.map((_, token) => token + i),
      peakMemory: 100 + i,
      statistics: {
        prompt_tokens: 1,
        generated_tokens: ids.length,
        time_to_first_token: 1,
        total_time: 2,
        tokens_per_second,
        steps: 2,
        drafted_tokens: 0,
        accepted_tokens: 0,
        drafts_by_depth: [],
        acceptance_by_depth: [],
        draft_time: 0,
        verify_time: 0,
        peak_memory: 1,
        ...more,
      },
    })),
  })
  const options = (reference: readonly Trial[]) => ({
    ids: ['a', 'b'],
    scorers: ['json'],
    reference,
    seed: 1,
  })
  const strategy = (trials: readonly Trial[]) => ({
    specification: parseSpecification('greedy'),
    settings: {},
    lossy: false,
    trials,
  })

  test('pairs runs of the same prompt and repetition', () => {
    const reference = [trial([10, 20], [1, 2, 3]), trial([40, 80], [4, 5])]
    const twice = [trial([20, 40], [1, 2, 3]), trial([80, 160], [4, 6])]
    const result = summarise(strategy(twice), options(reference))
    expect(result.speed_ratio).toEqual({ median: 2, low: 2, high: 2 })
    expect(result.tokens_per_second.median).toBe(60)
    expect(result.identical).toBe(0.5)
    expect(result.outputs.map(({ differs_at }) => differs_at)).toEqual([null, 2])
    expect(result.mean_log_probability).toBe((3 * -3 + 2 * -2) / 5)
    expect(result.scores).toEqual({ json: 0.5 })
    expect(result.tokens_per_forward).toBe(10 / 8)
    expect(result.peak_memory).toBe(101)
    // The second token took 1 and 2 in each trial, the third 2 and 3.
    expect(result.token_times).toEqual([1.5, 2.5])
    expect([result.acceptance_by_depth, result.draft_time, result.verify_time]).toEqual([null, null, null])
  })

  test('weighs acceptance by the drafts that came so far', () => {
    const many = { drafted_tokens: 9, drafts_by_depth: [9], acceptance_by_depth: [1], draft_time: 3 }
    const few = { drafted_tokens: 2, drafts_by_depth: [1, 1], acceptance_by_depth: [0, 0], verify_time: 5 }
    const trials = [trial([10], [1, 2, 3], many), trial([10], [4, 5], few)]
    const result = summarise(strategy(trials), options(trials))
    expect(result.acceptance_by_depth).toEqual([0.9, 0])
    expect([result.draft_time, result.verify_time]).toEqual([3 / 5, 1])
  })

  test('says what texts are held to, whether they are valid, and what that brought and cost', () => {
    const forced = { forced_tokens: 1, mask_time: 0.5 }
    const trials = [
      trial([1, 1], [1, 2, 3], forced, true),
      trial([1, 1], [4, 5], { forced_tokens: 0, mask_time: 0 }, false),
    ]
    const result = summarise(strategy(trials), options(trials))
    // Four runs of two seconds each, with ten tokens together.
    expect(result.language).toEqual({
      field: 'regex',
      value: '[0-9 ]+',
      valid: 0.5,
      forced: 2 / 10,
      mask_time: 1 / 8,
    })
    expect(result.outputs.map(({ valid }) => valid)).toEqual([true, false])
    const unbound = [trial([1], [1, 2]), trial([1], [3, 4])]
    const free = summarise(strategy(unbound), options(unbound))
    expect([free.language, ...free.outputs.map(({ valid }) => valid)]).toEqual([null, null, null])
  })

  test('leaves runs of one token out of the speed', () => {
    const trials = [trial([0, 50], [1]), trial([70, 90], [4, 5])]
    const result = summarise(strategy(trials), options(trials))
    expect(result.tokens_per_second.median).toBe(70)
    expect(result.speed_ratio).toEqual({ median: 1, low: 1, high: 1 })
  })
})

describe('a file of prompts', () => {
  const directory = temporaryDirectory()
  const file = fileWriter(directory)

  test('has one a line where it is text', async () => {
    const rows = await readPrompts(file('Hello\r\n\n  there \n', 'p.txt'))
    expect(rows.map(({ id, prompt }) => [id, prompt])).toEqual([
      [1, 'Hello'],
      [3, '  there '],
    ])
  })

  test('has rows where it is JSON Lines', async () => {
    const rows = await readPrompts(
      file('{"prompt": "a", "expected": "b"}\n{"id": "x", "messages": [{"role": "user"}]}'),
    )
    expect(rows).toMatchObject([
      { id: 1, passed: { expected: 'b' } },
      { id: 'x', prompt: [{ role: 'user' }] },
    ])
  })

  test.each([
    ['', /has no prompts: write one a line\.$/],
    ['{"prompt": 1}', /^Line 1 of .* cannot be used\. The prompt is no text\.$/],
    [
      '{"prompt": "a", "top_k": 2}',
      /^Line 1 of .* sets top_k, but settings are compared for all prompts alike/,
    ],
    ['{"id": 1, "prompt": "a"}\n{"id": 1, "prompt": "b"}', /^Line 2 of .* has the id of line 1/],
  ])('%j is refused', async (content, says) => {
    await expect(readPrompts(file(content))).rejects.toThrow(says)
  })

  test('that is no UTF-8 is refused', async () => {
    const path = join(directory, 'bad.txt')
    writeFileSync(path, Buffer.from([0x61, 0x0a, 0xff]))
    await expect(readPrompts(path)).rejects.toThrow(/^Line 2 of .* is not valid UTF-8/)
  })
})

test('a command is written as a shell takes it', () => {
  expect(shellCommand(['llm', 'compare', 'a b.txt', "it's", '-s', 'beam:num_beams=4', '$x'])).toBe(
    "llm compare 'a b.txt' 'it'\\''s' -s beam:num_beams=4 '$x'",
  )
})
