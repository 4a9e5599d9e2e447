import { describe, expect, test } from 'vitest'
import { type BatchOptions, runBatch } from '../../src/batch/batch.js'
import { Input, type Shard } from '../../src/batch/input.js'
import { rowSeed } from '../../src/batch/request.js'
import { DeviceLost } from '../../src/errors.js'
import { generate } from '../../src/generation/generate.js'
import { createRandom } from '../../src/random.js'
import { draftVerify } from '../../src/strategies/draft-verify.js'
import type { CreateDrafter } from '../../src/strategies/strategy.js'
import { follow } from '../../src/strategies/verifiers.js'
import { stubModel } from '../generation/stub-model.js'
import { argmax } from '../strategies/conformance.js'
import { ToyModel } from '../strategies/toy-model.js'
import { inputOf, MemoryOutput } from './memory.js'

const SEED = 11

/** A text of so many of the toy's tokens. */
function promptOf(length: number, random: () => number): string {
  return Array.from({ length }, () => `${Math.floor(13 * random())} `).join('')
}

const STRATEGIES = [
  {},
  { do_sample: true, temperature: 1.5 },
  { do_sample: true, num_return_sequences: 3 },
  { num_beams: 3, num_return_sequences: 2 },
  { num_beams: 2, do_sample: true },
  { num_beams: 4, num_beam_groups: 2, diversity_penalty: 0.5 },
  { penalty_alpha: 0.6, top_k: 3 },
  { prompt_lookup_num_tokens: 3 },
  { guidance_scale: 2 },
  { guidance_scale: 1.5, do_sample: true, num_return_sequences: 2 },
  { repetition_penalty: 1.3, no_repeat_ngram_size: 2, do_sample: true },
  { do_sample: true, xtc_probability: 0.5, xtc_threshold: 0.05, prompt_lookup_num_tokens: 3 },
]

/** Rows of all strategies, lengths and numbers of tokens, of which some begin alike. */
function mixedRows(count: number) {
  const random = createRandom(3)
  const system = promptOf(40, random)
  return Array.from({ length: count }, (_, i) => ({
    id: `row ${i}`,
    prompt: (i % 3 === 0 ? system : '') + promptOf(1 + Math.floor(12 * random()), random),
    max_new_tokens: 1 + Math.floor(12 * random()),
    ...STRATEGIES[i % STRATEGIES.length],
  }))
}

interface Setting extends Partial<BatchOptions> {
  shard?: Shard
  seed?: number
  output?: MemoryOutput
  toy?: ToyModel
}

/** Serves rows with the toy model, whose caches are all given back. */
async function serve(
  lines: readonly (object | string)[] | Input,
  { shard, seed = SEED, output = new MemoryOutput(), toy = new ToyModel(), ...options }: Setting = {},
) {
  const input = lines instanceof Input ? lines : inputOf(lines, shard)
  try {
    const progress = await runBatch(
      stubModel(toy),
      { input, output, seed },
      { layers: [], maxBatch: 4, order: 'done', ...options },
    )
    return { rows: output.rows, toy, progress }
  } finally {
    expect(toy.caches.size).toBe(0)
  }
}

const byId = (rows: readonly Record<string, unknown>[]) =>
  [...rows].sort((a, b) => (String(a.id) < String(b.id) ? -1 : 1))

describe('the text of a row', () => {
  const lines = mixedRows(66)

  test('is what generate gives for its prompt, settings and seed', async () => {
    const { rows } = await serve(lines, { maxBatch: 8 })
    expect(rows).toHaveLength(lines.length)
    for (const { id, prompt, ...settings } of lines) {
      const seed = rowSeed(SEED, id)
      const { sequences } = await generate(stubModel(new ToyModel()), prompt, { ...settings, seed }).result()
      const row = rows.find((row) => row.id === id)!
      const texts = sequences.map(({ text, finish_reason }) => ({ text, finish_reason }))
      if ('num_return_sequences' in settings) expect(row.sequences).toEqual(texts)
      else expect(row).toMatchObject(texts[0])
    }
  })

  test('is the same at any batch size, order and shard', async () => {
    const { rows } = await serve(lines, { maxBatch: 1 })
    const expected = byId(rows)
    for (const setting of [
      { maxBatch: 3 },
      { maxBatch: 16, order: 'input' },
      { maxTokensInFlight: 90 },
    ] as const) {
      expect(byId((await serve(lines, setting)).rows)).toEqual(expected)
    }
    expect(byId((await serve(lines.toReversed())).rows)).toEqual(expected)
    const shards = await Promise.all(
      [1, 2, 3].map((index) => serve(lines, { shard: { index, count: 3 }, maxBatch: 1 + index })),
    )
    expect(byId(shards.flatMap((shard) => shard.rows))).toEqual(expected)
  })

  test('follows from the seed of the batch or its own', async () => {
    const drawn = { prompt: '1 2 3 ', do_sample: true, temperature: 3, max_new_tokens: 10 }
    const lines = [
      { id: 'a', ...drawn },
      { id: 'b', ...drawn },
      { id: 'c', ...drawn, seed: 5 },
    ]
    const [first, again, other] = await Promise.all(
      [1, 1, 2].map(async (seed) => (await serve(lines, { seed, order: 'input' })).rows),
    )
    expect(again).toEqual(first)
    expect(new Set([...first, ...other].map(({ text }) => text)).size).toBe(5)
    expect(other[2]).toEqual(first[2])
    expect(first.map(({ seed }) => seed)).toEqual([rowSeed(1, 'a'), rowSeed(1, 'b'), 5])
  })

  test('is that of a drafter, whatever it guesses', async () => {
    const random = createRandom(2)
    const createDrafter: CreateDrafter = () => ({
      draft: async (_, __, limit) => {
        await new Promise((resolve) => setImmediate(resolve))
        const tokens = Array.from({ length: Math.min(limit, 4) }, () => Math.floor(13 * random()))
        return { tokens, parents: tokens.map((_, i) => i - 1) }
      },
    })
    const plain = lines.filter(
      (line) => !('num_beams' in line || 'penalty_alpha' in line || 'prompt_lookup_num_tokens' in line),
    )
    const drafted = await serve(plain, { generateOptions: { createDrafter } })
    expect(byId(drafted.rows)).toEqual(byId((await serve(plain)).rows))
  })

  test('is that of a draft model, whose passes are shared too', async () => {
    const plain = mixedRows(30).map(({ id, prompt, max_new_tokens }) => ({ id, prompt, max_new_tokens }))
    const draft = new ToyModel()
    const assistant = { ...stubModel(draft), path: 'draft' }
    const drafted = await serve(plain, { assistant, maxBatch: 6 })
    expect(byId(drafted.rows)).toEqual(byId((await serve(plain)).rows))
    expect(draft.caches.size).toBe(0)
    const alone = new ToyModel()
    await serve(plain, { assistant: { ...stubModel(alone), path: 'draft' }, maxBatch: 1 })
    expect(draft.forwards).toBeLessThan(alone.forwards / 2)
  })
})

describe('rows', () => {
  const line = (id: number, length: number, max_new_tokens: number) => ({
    id,
    prompt: promptOf(length, createRandom(id)),
    max_new_tokens,
  })

  test('take the places of those that are done', async () => {
    const counts = [9, 1, 1, 1, 3, 3, 1, 1, 1, 4]
    const { toy, rows } = await serve(
      counts.map((count, id) => line(id, 2, count)),
      { maxBatch: 2 },
    )
    expect(rows).toHaveLength(counts.length)
    // In pairs that wait for each other it were 9 + 1 + 3 + 1 + 4.
    expect(toy.forwards).toBe(9 + 1 + 4)
  })

  test('share a pass, and their prompts one with those of like length', async () => {
    const lengths = [3, 30, 4, 31, 3, 29, 4, 30]
    const output = new MemoryOutput()
    const { toy } = await serve(
      lengths.map((length, id) => line(id, length, 1)),
      { maxBatch: 4, output },
    )
    expect(toy.forwards).toBe(2)
    const ids = output.rows.map(({ id }) => Number(id))
    expect(ids.slice(0, 4).sort()).toEqual([0, 2, 4, 6])
  })

  test('wait until there is room for their tokens', async () => {
    const lines = [line(0, 10, 10), line(1, 10, 10), line(2, 5, 5), line(3, 30, 20)]
    const { toy, rows } = await serve(lines, { maxTokensInFlight: 40, order: 'input' })
    expect(rows.slice(0, 3).every(({ error }) => error === undefined)).toBe(true)
    expect(rows[3]).toEqual({
      id: 3,
      error:
        'The prompt and its text may come to 50 tokens, but only 40 may be in flight: allow more of them, or lower max_new_tokens.',
    })
    // Two rows of 20 tokens fill the room, and the third one comes after them.
    expect(toy.forwards).toBe(10 + 5)
  })

  test('are written in their order where that is asked for', async () => {
    const lines = [line(0, 2, 20), line(1, 2, 1), '{', line(3, 2, 5), line(4, 2, 1)]
    const done = await serve(lines)
    const input = await serve(lines, { order: 'input' })
    expect(done.rows.map(({ id }) => id)).toEqual([null, 1, 4, 3, 0])
    expect(input.rows.map(({ id }) => id)).toEqual([0, 1, null, 3, 4])
    expect(byId(done.rows)).toEqual(byId(input.rows))
  })

  test('are not held without end behind a slow one', async () => {
    const lines = [line(0, 2, 900), ...Array.from({ length: 1500 }, (_, i) => line(i + 1, 1, 1))]
    let held = 0
    const output = new MemoryOutput()
    const onProgress = () => {
      if (output.lines.length === 0) held++
    }
    const { rows } = await serve(lines, { order: 'input', maxBatch: 2, output, onProgress })
    expect(rows.map(({ id }) => id)).toEqual(lines.map(({ id }) => id))
    expect(held).toBeGreaterThan(800)
  })
})

describe('what prompts have in common', () => {
  const random = createRandom(5)
  const [system, other] = [promptOf(200, random), promptOf(100, random)]
  const tokensOf = (lines: readonly { prompt: string }[]) =>
    lines.reduce((sum, { prompt }) => sum + prompt.split(' ').length - 1, 0)

  test.each([1, 2, 16])('is computed once, %i at a time', async (maxBatch) => {
    const lines = Array.from({ length: 30 }, (_, id) => ({
      id,
      prompt: system + promptOf(1 + (id % 5), random),
      max_new_tokens: 1,
    }))
    const { toy, rows } = await serve(lines, { maxBatch, order: 'input' })
    expect(toy.tokensRun).toBe(tokensOf(lines) - 29 * 200)
    for (const [i, { prompt }] of lines.entries()) {
      const ids = prompt.trim().split(' ').map(Number)
      expect(rows[i].text).toBe(`${argmax(new ToyModel().logits(ids), Math.random)} `)
    }
  })

  test('may be common to some only, and go on from what is common to all', async () => {
    // Ends that begin differently.
    const ends = Array.from({ length: 13 }, (_, token) => `${token} ${promptOf(2, random)}`)
      .filter((end) => !other.startsWith(end.split(' ')[0]))
      .slice(0, 6)
    const prompts = [system, system + other, other].flatMap((start) => ends.map((end) => start + end))
    const lines = prompts.map((prompt, id) => ({ id, prompt, max_new_tokens: 1 }))
    for (const order of [lines, lines.toReversed()]) {
      const { toy } = await serve(order, { maxBatch: 3 })
      expect(toy.tokensRun).toBe(200 + 100 + 100 + 18 * 3)
    }
  })

  test('is forgotten once no row waits for it', async () => {
    const lines = Array.from({ length: 100 }, (_, id) => ({
      id,
      prompt: promptOf(id % 2 === 0 ? 40 : 3, createRandom(id >> 1)) + promptOf(2, random),
      max_new_tokens: 2,
    }))
    let longest = 0
    const toy = new ToyModel()
    const watch = () => {
      longest = Math.max(longest, ...[...toy.caches].map(({ length }) => length))
    }
    await runBatch(
      stubModel(toy),
      { input: inputOf(lines), output: new MemoryOutput(), seed: 1 },
      { layers: [], maxBatch: 2, order: 'done', onProgress: watch },
    )
    expect(longest).toBeLessThan(700)
  })
})

describe('what cannot be served', () => {
  const good = { id: 'good', prompt: '1 2 3 ', max_new_tokens: 3 }

  test.each<[name: string, row: object, error: string | RegExp]>([
    ['a value out of its range', { top_p: 2 }, /^top_p in the row cannot be 2: /],
    ['a value of another kind', { max_new_tokens: '5' }, /^max_new_tokens in the row cannot be "5": /],
    [
      'a setting without effect',
      { temperature: 0.5 },
      'temperature is 0.5, but has no effect: set do_sample to true.',
    ],
    [
      'a contradiction',
      { num_beams: 2, penalty_alpha: 0.5 },
      /^penalty_alpha is 0.5 while num_beams is 2, but /,
    ],
    ['a token that is not there', { eos_token_id: 99 }, /^eos_token_id in the row names the token 99, /],
    [
      'what takes an assistant',
      { num_assistant_tokens: 3 },
      /^num_assistant_tokens in the row has no effect without /,
    ],
    [
      'layers that were not loaded',
      { assistant_early_exit: 2 },
      /^assistant_early_exit is 2, but that was not known /,
    ],
    [
      'a prompt beyond the context',
      { prompt: '1 '.repeat(1000) },
      /^The prompt has 1000 tokens, but the model's context ends at 1000: /,
    ],
    [
      'a prompt beyond the vocabulary',
      { prompt: '1 77 ' },
      "The prompt has the token 77, but the model's vocabulary has 13.",
    ],
    ['an empty prompt', { prompt: '' }, /^The prompt is empty, /],
    [
      'a text without an end that may follow',
      { suppress_tokens: [...Array(13).keys()] },
      /^No token can follow: /,
    ],
  ])('%s is an error of its row alone', async (_, row, error) => {
    const bad = { id: 'bad', prompt: '4 5 ', tag: 'x', ...row }
    const { rows, progress } = await serve([good, bad, { ...good, id: 'next' }])
    const plain = await serve([good, { ...good, id: 'next' }])
    expect(rows.filter(({ id }) => id !== 'bad')).toEqual(plain.rows)
    expect(rows.find(({ id }) => id === 'bad')).toEqual({
      id: 'bad',
      tag: 'x',
      error: typeof error === 'string' ? error : expect.stringMatching(error),
    })
    expect(progress).toMatchObject({ rows: 3, failed: 1 })
  })

  test('of the settings of all rows, a row may make one idle', async () => {
    const layers = [{ values: { do_sample: true, temperature: 2, seed: 1 }, origin: 'the flags' }]
    const { rows } = await serve([good, { ...good, id: 'greedy', do_sample: false }], { layers })
    expect(rows.map(({ error, seed }) => [error, seed === undefined])).toEqual([
      [undefined, false],
      [undefined, true],
    ])
  })

  test('ends the batch where that is asked for, after it was written', async () => {
    const output = new MemoryOutput()
    const lines = [{ ...good, max_new_tokens: 30 }, '{', { ...good, id: 'next' }]
    await expect(serve(lines, { failFast: true, output })).rejects.toThrow(
      /^The row line 2 could not be served: Line 2 is not valid JSON: /,
    )
    expect(output.rows.map(({ id }) => id)).toEqual([null])
  })

  test('is told of a strategy that fails unexpectedly', async () => {
    const strategy = draftVerify(
      undefined,
      follow(() => {
        throw new TypeError('x is no function')
      }),
    )
    const { rows } = await serve([good], { generateOptions: { strategy } })
    expect(rows).toEqual([{ id: 'good', error: 'Unexpected: x is no function.' }])
  })
})

describe('a run', () => {
  const lines = mixedRows(40)

  test('goes on where an earlier one ended', async () => {
    const { rows } = await serve(lines)
    for (const done of [0, 1, 17, 40]) {
      const output = new MemoryOutput()
      const earlier = [...lines]
        .sort((a, b) => (rowSeed(done, a.id) < rowSeed(done, b.id) ? -1 : 1))
        .slice(0, done)
      await serve(earlier, { output })
      const { progress } = await serve(lines, { output })
      expect(progress.rows).toBe(40 - done)
      expect(byId(output.rows)).toEqual(byId(rows))
    }
  })

  test('that is interrupted writes no row that is not whole', async () => {
    const { rows } = await serve(lines)
    const interruption = new AbortController()
    const output = new MemoryOutput()
    const onProgress = ({ rows }: { rows: number }) => rows >= 10 && interruption.abort()
    await serve(lines, { output, signal: interruption.signal, onProgress })
    expect(output.rows.length).toBeGreaterThanOrEqual(10)
    expect(output.rows.length).toBeLessThan(40)
    for (const row of output.rows) expect(rows).toContainEqual(row)
  })

  test('whose device is lost ends there, and a later one serves the rows that it cut off', async () => {
    const { rows } = await serve(lines)
    const output = new MemoryOutput()
    const toy = new ToyModel()
    const { forward } = toy
    toy.forward = (...pass) => {
      if (toy.forwards >= 60) return Promise.reject(new DeviceLost('The device webgpu was lost.'))
      return forward.apply(toy, pass)
    }
    await expect(serve(lines, { output, toy })).rejects.toThrow('The device webgpu was lost.')
    const written = output.rows.length
    expect(written).toBeGreaterThan(0)
    expect(written).toBeLessThan(40)
    for (const row of output.rows) expect(rows).toContainEqual(row)
    const { progress } = await serve(lines, { output })
    expect(progress.rows).toBe(40 - written)
    expect(byId(output.rows)).toEqual(byId(rows))
  })

  test('serves rows of a stream as they come', async () => {
    const output = new MemoryOutput()
    async function* trickle() {
      for (const line of lines.slice(0, 3)) {
        yield Buffer.from(`${JSON.stringify(line)}\n`)
        // The next one comes once this one was served.
        while (!output.rows.some(({ id }) => id === line.id))
          await new Promise((resolve) => setTimeout(resolve, 1))
      }
    }
    await serve(new Input(trickle()), { output })
    expect(output.rows.map(({ id }) => id)).toEqual(['row 0', 'row 1', 'row 2'])
  })

  test('that is interrupted does not wait for rows of a stream', async () => {
    const interruption = new AbortController()
    async function* silent() {
      yield Buffer.from(`${JSON.stringify(lines[0])}\n`)
      await new Promise(() => {})
    }
    const onProgress = ({ rows }: { rows: number }) => rows === 1 && interruption.abort()
    const { rows } = await serve(new Input(silent()), { signal: interruption.signal, onProgress })
    expect(rows).toHaveLength(1)
  })

  test('tells what its input throws', async () => {
    async function* broken() {
      yield Buffer.from(`${JSON.stringify(lines[0])}\n`)
      throw new Error('The pipe has burst.')
    }
    await expect(serve(new Input(broken()))).rejects.toThrow('The pipe has burst.')
  })
})
