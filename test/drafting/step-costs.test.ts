import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import {
  interpolated,
  type MeasuredDrafter,
  type MeasuredModel,
  randomDrafts,
  stepCosts,
} from '../../src/drafting/step-costs.js'
import { createRandom } from '../../src/random.js'
import { ToyModel } from '../strategies/toy-model.js'
import { temporaryDirectory } from '../weights/files.js'

let home: string
beforeEach(() => {
  home = temporaryDirectory()
  vi.stubEnv('XDG_CACHE_HOME', home)
})
const kept = () => readdirSync(join(home, 'llm/costs')).map((name) => join(home, 'llm/costs', name))

interface Clocked {
  /** Milliseconds of a pass over so many tokens; the passes are counted. */
  readonly pass?: (tokens: number, run: number) => number
  readonly draft?: (nodes: number) => number
  readonly maxPositions?: number
}

/** A model and a drafter that take what they are told, by a clock of their own. */
function clocked({ pass = (n) => n, draft = (n) => n, maxPositions = 4096 }: Clocked) {
  let now = 0
  let runs = 0
  vi.spyOn(performance, 'now').mockImplementation(() => now)
  const model = new ToyModel()
  Object.assign(model, { maxPositions })
  const forward = model.forward.bind(model)
  model.forward = async (cache, tokens, ...rest) => {
    now += pass(tokens.length, runs++)
    return forward(cache, tokens, ...rest)
  }
  const random = randomDrafts(model, 8)
  const drafter: MeasuredDrafter = {
    ...random,
    subject: 'clocked',
    createDrafter: (request) => {
      const inner = random.createDrafter(request)
      return {
        draft(prefix, last, limit) {
          now += draft(limit)
          return inner.draft(prefix, last, limit)
        },
      }
    },
  }
  const target = { model, spec: {}, dtype: 'fp32', device: 'cpu' } as unknown as MeasuredModel
  return { model, target, drafter, runs: () => runs }
}

describe('the costs of steps', () => {
  test('are those of undisturbed steps, with lines between', async () => {
    const random = createRandom(6)
    const disturbed = () => (random() < 0.35 ? 50 * random() : 0)
    const { target, drafter } = clocked({
      pass: (n) => 10 * n + disturbed(),
      draft: (n) => 3 * n + disturbed(),
    })
    const { pass, draft } = await stepCosts(target, drafter, {})
    expect([1, 2, 3, 4, 9].map(pass)).toEqual([10, 20, 30, 40, 90])
    expect([0, 1, 3, 8].map(draft)).toEqual([0, 3, 9, 24])
  })

  test('tell by how much a draft after other work takes longer', async () => {
    for (const [plain, stretch] of [
      [1, 8],
      [4, 3],
      [30, 1],
    ]) {
      let passes = 0
      let longest = 0
      const { target, drafter } = clocked({
        pass: (n) => {
          passes++
          return n * plain
        },
        draft: (n) => {
          const isCold = passes > 1
          longest = Math.max(longest, passes)
          passes = 0
          return 3 * n + (isCold ? 5 : 0)
        },
      })
      const { draft, pass, coldStart } = await stepCosts(target, { ...drafter, subject: plain }, {})
      expect([draft(1), draft(8), pass(3), coldStart]).toEqual([3, 24, 3 * plain, 5])
      // The draft's own pass, the one after it, and those that last 10 ms or are 8.
      expect(longest).toBe(2 + stretch)
      vi.restoreAllMocks()
    }
  })

  test('do not count what a drafter does first', async () => {
    let first = true
    const { target, drafter } = clocked({
      draft: (n) => {
        const cost = first ? 1000 : n
        first = false
        return cost
      },
    })
    expect((await stepCosts(target, drafter, {})).draft(1)).toBe(1)
  })

  test('have what the pass after a draft takes longer', async () => {
    let isAfterDraft = false
    const { target, drafter } = clocked({
      pass: (n) => {
        const cost = 10 * n + (isAfterDraft && n === 1 ? 4 : 0)
        isAfterDraft = n > 1
        return cost
      },
    })
    const { pass } = await stepCosts(target, drafter, {})
    expect([1, 2, 3].map(pass)).toEqual([10, 24, 34])
  })

  test('of a draft are no more than those of a larger one', async () => {
    const { target, drafter } = clocked({ pass: (n) => (n === 3 ? 7 : 10), draft: (n) => 9 - n })
    const { pass, draft } = await stepCosts(target, drafter, {})
    expect([1, 2, 3, 5].map(pass)).toEqual([10, 7, 7, 10])
    expect([1, 2, 8].map(draft)).toEqual([1, 1, 1])
  })

  test('are measured once for a subject', async () => {
    const { target, drafter, runs } = clocked({})
    let measurements = 0
    const measure = (changes: Partial<MeasuredModel>, subject = drafter.subject) =>
      stepCosts({ ...target, ...changes }, { ...drafter, subject }, { onMeasure: () => measurements++ })
    const [first, count] = [(await measure({})).pass(2), runs()]
    expect((await measure({})).pass(2)).toBe(first)
    expect([runs(), measurements]).toEqual([count, 1])
    await measure({ dtype: 'int8' })
    await measure({}, 'another drafter')
    expect(measurements).toBe(3)
    // What is damaged is measured again.
    const point = { nodes: 1, draft: 0, pass: 1 }
    const damaged = [[point], { points: [{ ...point, pass: 0 }], coldStart: 0 }, { points: [point] }, {}]
    for (const [i, content] of damaged.entries()) {
      for (const path of kept()) writeFileSync(path, JSON.stringify(content))
      await measure({})
      expect(measurements).toBe(4 + i)
    }
  })

  test('stand where they cannot be kept', async () => {
    writeFileSync(join(home, 'llm'), 'no directory')
    const { target, drafter } = clocked({})
    expect((await stepCosts(target, drafter, {})).pass(2)).toBe(2)
  })

  test('leave no cache behind, whatever the length of the context', async () => {
    for (const maxPositions of [2, 16, 64, 4096]) {
      const { model, target, drafter } = clocked({ maxPositions })
      const { pass } = await stepCosts(target, drafter, {})
      expect(pass(2)).toBeGreaterThanOrEqual(pass(1))
      expect(pass(1)).toBeGreaterThan(0)
      expect(model.caches.size).toBe(0)
    }
  })
})

test('of one point there are no lines', () => {
  expect([1, 9].map(interpolated([[1, 5]]))).toEqual([5, 5])
})
