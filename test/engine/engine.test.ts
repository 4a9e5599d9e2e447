import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Engine, type EngineOptions } from '../../src/engine/engine.js'
import type { Submission } from '../../src/engine/ticket.js'
import { DeviceLost } from '../../src/errors.js'
import { type GenerationSettings, generate } from '../../src/generation/generate.js'
import type { Model } from '../../src/model/model.js'
import { createRandom } from '../../src/random.js'
import { stubModel } from '../generation/stub-model.js'
import { ToyModel } from '../strategies/toy-model.js'

const unhandled: unknown[] = []
const note = (reason: unknown) => unhandled.push(reason)
beforeEach(() => {
  process.on('unhandledRejection', note)
})
afterEach(async () => {
  await new Promise((resolve) => setImmediate(resolve))
  process.off('unhandledRejection', note)
  expect(unhandled.splice(0)).toEqual([])
})

/** A toy whose passes are noted, as the tokens of each. */
function noted(): { toy: ToyModel; passes: string[] } {
  const toy = new ToyModel()
  const passes: string[] = []
  const { forward } = toy
  toy.forward = (cache, tokens, ...rest) => {
    passes.push(tokens.join(' '))
    return forward.call(toy, cache, tokens, ...rest)
  }
  return { toy, passes }
}

function engineOf(toy: Model, options?: EngineOptions) {
  const engine = new Engine(stubModel(toy), options)
  const submit = (prompt: readonly number[], settings: GenerationSettings, signal?: AbortSignal) =>
    engine.submit({ prompt, settings, options: { signal } })
  return { engine, submit }
}

const textOf = async (prompt: readonly number[], settings: GenerationSettings) =>
  (await generate(stubModel(new ToyModel()), prompt, settings).result()).text

const outcomes = async (submissions: readonly Submission[]) =>
  (await Promise.allSettled(submissions.map((each) => each.result()))).map((each) =>
    each.status === 'fulfilled' ? each.value.text : String(each.reason),
  )

describe('requests', () => {
  test('are told as they are decoded, while others run', async () => {
    const { toy } = noted()
    const { submit } = engineOf(toy)
    const long = submit([5, 6], { max_new_tokens: 20 })
    const forwards: number[] = []
    let text = ''
    for await (const chunk of submit([1, 2, 3], { max_new_tokens: 4 })) {
      text += chunk.text
      forwards.push(toy.forwards)
    }
    expect(text).toBe(await textOf([1, 2, 3], { max_new_tokens: 4 }))
    expect(forwards.slice(0, 4)).toEqual([1, 2, 3, 4])
    expect((await long.result()).text).toBe(await textOf([5, 6], { max_new_tokens: 20 }))
    // Shared while both were there.
    expect(toy.forwards).toBe(20)
  })

  test('may come at any time, and go on whether they are read or not', async () => {
    const { toy } = noted()
    const { submit } = engineOf(toy)
    const first = submit([5, 6], { max_new_tokens: 30 })
    const unread = submit([7], { max_new_tokens: 8 })
    let late: Submission | undefined
    let count = 0
    for await (const _ of first) if (++count === 10) late = submit([1, 2], { max_new_tokens: 12 })
    expect(toy.forwards).toBe(30)
    expect(await outcomes([unread, late!])).toEqual([
      await textOf([7], { max_new_tokens: 8 }),
      await textOf([1, 2], { max_new_tokens: 12 }),
    ])
    expect(toy.forwards).toBe(30)
  })

  test('share passes by the order of their submission, however slowly they are read', async () => {
    const run = async (pause: (i: number) => number) => {
      const { toy, passes } = noted()
      const { engine, submit } = engineOf(toy, { maxBatch: 3, maxTokensInFlight: 60 })
      const random = createRandom(7)
      const submissions = Array.from({ length: 12 }, () => {
        const prompt = Array.from({ length: 1 + Math.floor(9 * random()) }, () => Math.floor(13 * random()))
        return submit(prompt, { max_new_tokens: 1 + Math.floor(9 * random()) })
      })
      const read = async (submission: Submission, i: number) => {
        for await (const _ of submission) {
          for (let turns = pause(i); turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve))
        }
      }
      await Promise.all(submissions.map(read))
      await engine.close()
      return passes
    }
    const passes = await run(() => 0)
    expect(await run((i) => i % 4)).toEqual(passes)
    expect(passes.some((tokens) => tokens.split(' ').length > 1)).toBe(true)
  })

  test('of which one is aborted leave the others as they are', async () => {
    const prompts = [
      [1, 2, 3],
      [4, 5],
      [6, 7, 8],
    ]
    const { submit } = engineOf(new ToyModel())
    const stopper = new AbortController()
    const [first, second, third] = prompts.map((prompt, i) =>
      submit(prompt, { max_new_tokens: 15 }, i === 1 ? stopper.signal : undefined),
    )
    let seen = 0
    for await (const { ids } of second) {
      seen += ids.length
      if (seen === 6) stopper.abort()
    }
    const { text, ids, finish_reason } = await second.result()
    expect(finish_reason).toBe('interrupted')
    expect(ids.length).toBeLessThan(9)
    expect(await textOf(prompts[1], { max_new_tokens: 15 })).toMatch(new RegExp(`^${text}`))
    expect(await outcomes([first, third])).toEqual([
      await textOf(prompts[0], { max_new_tokens: 15 }),
      await textOf(prompts[2], { max_new_tokens: 15 }),
    ])
  })

  test('that are aborted before their turn run nothing, and those that a reader leaves end', async () => {
    const toy = new ToyModel()
    const { submit, engine } = engineOf(toy, { maxBatch: 1 })
    const stopper = new AbortController()
    const first = submit([1, 2], { max_new_tokens: 10 })
    const second = submit([3, 4], { max_new_tokens: 10 }, stopper.signal)
    for await (const _ of first) {
      stopper.abort()
      expect(await second.result()).toMatchObject({ text: '', finish_reason: 'interrupted' })
      break
    }
    expect((await first.result()).finish_reason).toBe('interrupted')
    expect(toy.forwards).toBeLessThan(5)
    expect(engine.queued).toBe(0)
    const before = toy.forwards
    await expect(submit([5], { max_new_tokens: 3 }, stopper.signal).result()).resolves.toMatchObject({
      text: '',
    })
    expect(toy.forwards).toBe(before)
  })

  test('that fail do so alone', async () => {
    const toy = new ToyModel()
    const { engine, submit } = engineOf(toy, { maxTokensInFlight: 100 })
    const process = () => {
      throw new TypeError('x is no function')
    }
    const all = [
      submit([1, 2], { max_new_tokens: 10 }),
      submit([1, 99], {}),
      submit([1, 2], { top_p: 3 }),
      submit([1, 2], { num_assistant_tokens: 3 }),
      submit([1], { max_new_tokens: 500 }),
      engine.submit({ prompt: [3], settings: { max_new_tokens: 5 }, options: { processors: [process] } }),
      submit([4, 5], { max_new_tokens: 10 }),
    ]
    const said = await outcomes(all)
    expect([said[0], said[6]]).toEqual([
      await textOf([1, 2], { max_new_tokens: 10 }),
      await textOf([4, 5], { max_new_tokens: 10 }),
    ])
    const errors = [/the token 99/, /^UserError: top_p in the settings cannot be 3/, /num_assistant_tokens/]
    for (const [i, error] of [
      ...errors,
      /may come to 501 tokens, but only 100/,
      /x is no function/,
    ].entries()) {
      expect(said[i + 1]).toMatch(error)
    }
    await engine.close()
    expect(toy.caches.size).toBe(0)
  })
})

describe('an engine', () => {
  test('that is closed rejects what is in flight, what waits and what comes', async () => {
    const toy = new ToyModel()
    const { engine, submit } = engineOf(toy, { maxBatch: 2 })
    const all = [30, 30, 5].map((max_new_tokens) => submit([1, 2, max_new_tokens % 7], { max_new_tokens }))
    await all[0][Symbol.asyncIterator]().next()
    await engine.close()
    expect(toy.caches.size).toBe(0)
    all.push(submit([1], {}))
    expect(await outcomes(all)).toEqual(Array(4).fill('Error: The engine is closed.'))
    await engine.close()
  })

  test('that is closed during a pass that fails ends as well', async () => {
    const toy = new ToyModel()
    let fail = (_: Error) => {}
    const begun = new Promise<void>((resolve) => {
      toy.forward = () => {
        resolve()
        return new Promise((_, reject) => {
          fail = reject
        })
      }
    })
    const { engine, submit } = engineOf(toy)
    const all = [submit([1, 2], {}), submit([3, 4], {})]
    await begun
    const closed = engine.close()
    fail(new Error('The pass has failed.'))
    await closed
    expect(await outcomes(all)).toEqual(Array(2).fill('Error: The pass has failed.'))
  })

  test('whose device is lost ends all, and says so', async () => {
    const toy = new ToyModel()
    const { forward } = toy
    toy.forward = (...pass) =>
      toy.forwards < 5 ? forward.apply(toy, pass) : Promise.reject(new DeviceLost('The device was lost.'))
    const { engine, submit } = engineOf(toy, { maxBatch: 2 })
    const all = [3, 20, 20].map((max_new_tokens, i) => submit([i], { max_new_tokens }))
    const [done, ...lost] = await outcomes([...all, submit([5], {})])
    expect(done).toBe(await textOf([0], { max_new_tokens: 3 }))
    expect(lost).toEqual(Array(3).fill(String(new DeviceLost('The device was lost.'))))
    expect(await outcomes([submit([1], {})])).toEqual([lost[0]])
    await engine.close()
    expect(toy.caches.size).toBe(0)
  })

  test('takes what is submitted in its turn into the next pass', async () => {
    const { toy, passes } = noted()
    const prompts = [[1], [2], [3]]
    const submissions: Submission[] = []
    const { engine, submit } = engineOf(toy, {
      onTurn: async () => {
        // Long enough for a pass that does not wait for the turn.
        for (let i = 0; i < 100; i++) await new Promise((resolve) => setImmediate(resolve))
        const prompt = prompts.shift()
        if (prompt) submissions.push(submit(prompt, { max_new_tokens: 2 }))
      },
    })
    while (submissions.length < 3) await new Promise((resolve) => setImmediate(resolve))
    await outcomes(submissions)
    // Each comes once the one before was admitted, before its pass.
    expect(passes[0]).toBe('1 2 3')
    await engine.close()
  })

  test('serves requests with draft models of their own', async () => {
    const [target, ...drafts] = [new ToyModel(), new ToyModel(), new ToyModel()]
    const engine = new Engine(stubModel(target))
    const shared = Array.from({ length: 20 }, (_, i) => (7 * i) % 13)
    const submissions = drafts.map((draft, i) => {
      const assistant = { ...stubModel(draft), path: 'draft' }
      return engine.submit({
        prompt: [...shared, i],
        settings: { max_new_tokens: 8 },
        options: { assistant },
      })
    })
    const expected = drafts.map((_, i) => textOf([...shared, i], { max_new_tokens: 8 }))
    expect(await outcomes(submissions)).toEqual(await Promise.all(expected))
    for (const { forwards } of drafts) expect(forwards).toBeGreaterThan(0)
    await engine.close()
  })

  test('runs drafts of all before the target', async () => {
    const [draft, target] = [noted(), noted()]
    const engine = new Engine(stubModel(target.toy))
    const assistant = { ...stubModel(draft.toy), path: 'draft' }
    const submissions = [
      [1, 2],
      [3, 4],
      [5, 6],
    ].map((prompt) => engine.submit({ prompt, settings: { max_new_tokens: 8 }, options: { assistant } }))
    expect(await outcomes(submissions)).toEqual(
      await Promise.all(
        [
          [1, 2],
          [3, 4],
          [5, 6],
        ].map((prompt) => textOf(prompt, { max_new_tokens: 8 })),
      ),
    )
    expect(target.toy.forwards).toBeLessThan(9)
    engine.forget(draft.toy)
    expect([draft.toy.caches.size, target.toy.caches.size]).toEqual([0, 1])
    await engine.close()
    expect(target.toy.caches.size).toBe(0)
  })

  test('holds the target back for who drafts, so that all share its passes', async () => {
    const [draft, target] = [noted(), noted()]
    const engine = new Engine(stubModel(target.toy))
    const assistant = { ...stubModel(draft.toy), path: 'draft' }
    const plain = engine.submit({ prompt: [1, 2], settings: { max_new_tokens: 12 } })
    const assisted = engine.submit({
      prompt: [3, 4],
      settings: { max_new_tokens: 12, num_assistant_tokens: 2 },
      options: { assistant },
    })
    await outcomes([plain, assisted])
    expect(draft.toy.forwards).toBeGreaterThan(3)
    expect(target.toy.forwards).toBe(12)
    await engine.close()
  })

  test.each([
    [{ maxBatch: 0 }, 'maxBatch cannot be 0: give a whole number from 1 on.'],
    [{ maxBatch: Number.NaN }, 'maxBatch cannot be NaN: give a whole number from 1 on.'],
    [{ maxBatch: 2.5 }, 'maxBatch cannot be 2.5: give a whole number from 1 on.'],
    [{ maxBatch: '8' }, "maxBatch cannot be '8': give a whole number from 1 on."],
    [{ maxBatch: null }, 'maxBatch cannot be null: give a whole number from 1 on.'],
    [{ maxTokensInFlight: -1 }, 'maxTokensInFlight cannot be -1: give a whole number from 1 on.'],
    [{ prefixCacheTokens: -1 }, 'prefixCacheTokens cannot be -1: give a whole number from 0 on.'],
    [{ max_batch: 4 }, 'max_batch is no option of new Engine(); the nearest one is maxBatch.'],
  ])('refuses %o', (options, message) => {
    expect(() => new Engine(stubModel(new ToyModel()), options as EngineOptions)).toThrow(message)
  })

  test('takes limits without an end', async () => {
    const limits = { maxBatch: Infinity, maxTokensInFlight: Infinity, prefixCacheTokens: Infinity }
    const { engine, submit } = engineOf(new ToyModel(), limits)
    const settings = { max_new_tokens: 3 }
    expect(await outcomes([submit([1], settings)])).toEqual([await textOf([1], settings)])
    await engine.close()
  })

  test('that fails itself ends its requests with the error, and says so', async () => {
    const toy = new ToyModel()
    let turns = 0
    const { engine, submit } = engineOf(toy, {
      onTurn: () => {
        if (++turns > 3) throw new Error('A turn failed.')
      },
    })
    const all = [submit([1, 2], { max_new_tokens: 9 }), submit([3], { max_new_tokens: 9 })]
    expect(await outcomes(all)).toEqual(Array(2).fill('Error: A turn failed.'))
    await expect(engine.ended).rejects.toThrow('A turn failed.')
    await engine.close()
    expect(toy.caches.size).toBe(0)
  })
})
