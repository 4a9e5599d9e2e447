import { expect, test } from 'vitest'
import { Lockstep, type Member } from '../../src/engine/lockstep.js'
import { BranchingModel } from '../../src/model/branches.js'
import type { KVCache, Model, Output } from '../../src/model/model.js'
import { prefixOf } from '../../src/model/prefix.js'
import { createRandom } from '../../src/random.js'
import { draftVerify } from '../../src/strategies/draft-verify.js'
import type { Drafter } from '../../src/strategies/strategy.js'
import { follow } from '../../src/strategies/verifiers.js'
import { draw, PROMPT } from '../strategies/conformance.js'
import { ToyModel } from '../strategies/toy-model.js'

const COUNTS = [12, 3, 7, 1]
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** The tokens of each pass of a model, by cache. */
function watched(model: Model): { model: Model; passes: string[] } {
  const passes: string[] = []
  const forward = (
    cache: KVCache,
    tokens: readonly number[],
    ...rest: [readonly number[], (readonly number[])?]
  ) => {
    passes.push(tokens.join())
    return model.forward(cache, tokens, ...rest)
  }
  return { model: { ...model, newCache: () => model.newCache(), forward } as Model, passes }
}

/** Proposes nothing, and takes some turns of the event loop to do so. */
function idler(random: () => number): Drafter {
  return {
    async draft() {
      for (let turns = Math.floor(4 * random()); turns > 0; turns--) await turn()
      return { tokens: [], parents: [] }
    },
  }
}

async function decode(model: Model, seed: number, drafter?: Drafter): Promise<number[]> {
  const random = createRandom(seed)
  const cache = model.newCache()
  const request = { model, cache, prompt: prefixOf(PROMPT), processors: [], random, draftRandom: random }
  const text: number[] = []
  const strategy = draftVerify(drafter && (() => drafter), follow(draw))
  for await (const { choices } of strategy({ ...request, limit: PROMPT.length + COUNTS[seed] })) {
    text.push(...choices.map(({ token }) => token))
  }
  cache.dispose()
  return text
}

/** Runs passes until all of `tasks` have ended. */
async function drive<T>(
  lockstep: Lockstep,
  tasks: readonly Promise<T>[],
): Promise<PromiseSettledResult<T>[]> {
  let live = tasks.length
  for (const task of tasks) {
    task.then(
      () => live--,
      () => live--,
    )
  }
  for (await lockstep.ready(); live > 0; await lockstep.ready()) await lockstep.pass()
  return Promise.allSettled(tasks)
}

/** As a member that leaves in the end. */
async function taking<T>(
  member: Member,
  model: BranchingModel,
  task: (model: Model) => Promise<T>,
): Promise<T> {
  try {
    return await task(member.view(model))
  } finally {
    member.leave()
  }
}

const alone = await Promise.all(COUNTS.map((_, seed) => decode(new ToyModel(), seed)))

test.each([1, 2, 3])('passes are the same however long the members take: timing %i', async (seed) => {
  const random = createRandom(seed)
  const run = async (drafter?: Drafter) => {
    const { model, passes } = watched(new ToyModel())
    const branching = new BranchingModel(model)
    const lockstep = new Lockstep([branching])
    const tasks = COUNTS.map((_, i) => taking(lockstep.join(), branching, (own) => decode(own, i, drafter)))
    const results = await drive(lockstep, tasks)
    expect(results).toEqual(alone.map((value) => ({ status: 'fulfilled', value })))
    return passes
  }
  const prompt = run()
  expect(await prompt).toHaveLength(Math.max(...COUNTS))
  expect(await run(idler(random))).toEqual(await prompt)
})

test('without it they follow the timing', async () => {
  const { model, passes } = watched(new ToyModel())
  const branching = new BranchingModel(model)
  const random = createRandom(1)
  await Promise.all(COUNTS.map((_, seed) => decode(branching, seed, idler(random))))
  expect(passes.length).toBeGreaterThan(Math.max(...COUNTS))
})

test('a member may join between passes, and wait for what another one brings', async () => {
  const { model, passes } = watched(new ToyModel())
  const branching = new BranchingModel(model)
  const lockstep = new Lockstep([branching])
  const first = taking(lockstep.join(), branching, (own) => decode(own, 0))
  await lockstep.ready()
  await lockstep.pass()
  const late = lockstep.join()
  const second = taking(late, branching, async (own) => {
    await late.wait(first)
    return decode(own, 1)
  })
  const results = await drive(lockstep, [first, second])
  expect(results).toEqual([0, 1].map((seed) => ({ status: 'fulfilled', value: alone[seed] })))
  expect(passes).toHaveLength(COUNTS[0] + COUNTS[1])
})

test('models have their turns in order, the first while any member asks for it', async () => {
  const [draft, target] = [watched(new ToyModel()), watched(new ToyModel())]
  const order: string[] = []
  const noting = (name: string, { model }: { model: Model }): Model => ({
    ...model,
    forward: (...pass) => {
      order.push(name)
      return model.forward(...pass)
    },
  })
  const models = [noting('draft', draft), noting('target', target)].map((model) => new BranchingModel(model))
  const lockstep = new Lockstep(models)
  const drafting = async (drafts: number) => {
    const member = lockstep.join()
    const views = models.map((model) => member.view(model))
    const caches = views.map((view) => view.newCache())
    for (let i = 0; i < drafts; i++) await views[0].forward(caches[0], [1], [i - 1])
    await views[1].forward(caches[1], [1], [-1])
    member.leave()
  }
  await drive(lockstep, [drafting(1), drafting(3), drafting(0)])
  expect(order).toEqual(['draft', 'draft', 'draft', 'target'])
  expect(target.passes).toEqual(['1,1,1'])
})

test('a pass that fails does so for the member at fault only', async () => {
  const branching = new BranchingModel(new ToyModel())
  const lockstep = new Lockstep([branching])
  const bad = (model: Model): Promise<number[]> =>
    model.forward(model.newCache(), [99], [-1]).then((output: Output) => [...output.logits(0)])
  const tasks = [
    taking(lockstep.join(), branching, (own) => decode(own, 0)),
    taking(lockstep.join(), branching, bad),
    taking(lockstep.join(), branching, (own) => decode(own, 2)),
  ]
  const [first, failed, last] = await drive(lockstep, tasks)
  expect(first).toEqual({ status: 'fulfilled', value: alone[0] })
  expect(failed).toMatchObject({ reason: { message: 'Token 99 is not in the vocabulary.' } })
  expect(last).toEqual({ status: 'fulfilled', value: alone[2] })
})

test('closed, it ends those who wait and those who come', async () => {
  const branching = new BranchingModel(new ToyModel())
  const lockstep = new Lockstep([branching])
  const waiting = taking(lockstep.join(), branching, (own) => decode(own, 0))
  await lockstep.ready()
  lockstep.close(new Error('Enough.'))
  await expect(waiting).rejects.toThrow('Enough.')
  await expect(taking(lockstep.join(), branching, (own) => decode(own, 1))).rejects.toThrow('Enough.')
})
