import { afterEach, describe, expect, test, vi } from 'vitest'
import { generate } from '../../src/generation/generate.js'
import type { GenerationChunk } from '../../src/generation/options.js'
import { type Prefix, tokensOf } from '../../src/model/prefix.js'
import type { FinishReason } from '../../src/strategies/strategy.js'
import { ToyModel } from '../strategies/toy-model.js'
import { stubModel } from './stub-model.js'
import { greedy, PROMPT, run, spell, start } from './toy-generation.js'

afterEach(() => {
  vi.restoreAllMocks()
})

describe('generation ends', () => {
  const ids = greedy(12)
  const ends = (count: number, finish_reason: FinishReason) => ({ ids: ids.slice(0, count), finish_reason })

  test('after the end-of-sequence token, which is kept', async () => {
    const at = ids.indexOf(ids[6]) + 1
    expect(await run({ eos_token_id: ids[6], max_new_tokens: 12 })).toMatchObject(ends(at, 'eos'))
  })

  test("with the tokenizer's end-of-sequence tokens where the settings name none", async () => {
    const { model, tokenizer, generationConfig } = stubModel(new ToyModel())
    const withEos = { model, generationConfig, tokenizer: { ...tokenizer, eosTokenIds: [ids[4]] } }
    const at = ids.indexOf(ids[4]) + 1
    expect(await generate(withEos, PROMPT).result()).toMatchObject(ends(at, 'eos'))
  })

  test.each([
    [{ max_new_tokens: 5 }, 5],
    [{ max_length: 7 }, 4],
    [{ max_length: 4, max_new_tokens: 2 }, 2],
    [{ max_new_tokens: 1 }, 1],
  ])('at the length limit: %j', async (settings, count) => {
    expect(await run(settings)).toMatchObject(ends(count, 'length'))
  })

  test("at the end of the model's context", async () => {
    const toy = new ToyModel({ maxPositions: 9 })
    expect(await generate(stubModel(toy), PROMPT, { max_new_tokens: 12 }).result()).toMatchObject(
      ends(6, 'length'),
    )
  })

  test('after a stop string, which the text leaves out', async () => {
    const stop = spell(ids.slice(3, 5))
    expect(await run({ stop_strings: [stop], max_new_tokens: 12 })).toMatchObject({
      ...ends(5, 'stop'),
      text: spell(ids.slice(0, 3)),
    })
  })

  test('with all of its text, also what might have become a stop string', async () => {
    const stop = `${spell(ids.slice(3, 5))}?`
    const { generation } = start({ stop_strings: [stop], max_new_tokens: 5 })
    const pieces: string[] = []
    for await (const { text } of generation) pieces.push(text)
    expect(pieces.slice(3)).toEqual(['', spell(ids.slice(3, 5))])
    expect(await generation.result()).toMatchObject({ ...ends(5, 'length'), text: pieces.join('') })
  })

  test('where a function of the user says so, which sees prompt and text', async () => {
    const seen: number[][] = []
    const stoppingCriteria = [
      (prefix: Prefix) => {
        seen.push(tokensOf(prefix))
        return prefix.length === 6 ? ('custom' as const) : undefined
      },
    ]
    expect(await run({}, { stoppingCriteria })).toMatchObject(ends(3, 'custom'))
    expect(seen).toEqual([1, 2, 3].map((count) => [...PROMPT, ...ids.slice(0, count)]))
  })

  test('when max_time has passed', async () => {
    let now = 0
    vi.spyOn(performance, 'now').mockImplementation(() => now)
    const { generation } = start({ max_time: 10, max_new_tokens: 12 })
    for await (const _ of generation) now += 4_000
    const result = await generation.result()
    expect(result).toMatchObject(ends(4, 'time'))
    expect(result.statistics).toMatchObject({
      time_to_first_token: 0,
      total_time: 16,
      tokens_per_second: 3 / 16,
    })
  })

  test('when it is interrupted, which keeps what was written', async () => {
    const controller = new AbortController()
    const { toy, generation } = start({ max_new_tokens: 12 }, { signal: controller.signal })
    const chunks: GenerationChunk[] = []
    for await (const chunk of generation) if (chunks.push(chunk) === 3) controller.abort()
    expect(await generation.result()).toMatchObject({
      ...ends(3, 'interrupted'),
      text: spell(ids.slice(0, 3)),
    })
    expect(toy.forwards).toBe(3)
    expect(toy.caches.size).toBe(0)
  })

  test('before the first token where it is interrupted before', async () => {
    const { toy, generation } = start({}, { signal: AbortSignal.abort() })
    expect(await generation.result()).toMatchObject({ ids: [], text: '', finish_reason: 'interrupted' })
    expect([toy.forwards, toy.caches.size]).toEqual([0, 0])
  })
})
