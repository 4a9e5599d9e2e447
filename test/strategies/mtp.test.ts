import { describe, expect, test } from 'vitest'
import type { MtpItem, MtpModule, ParallelHeads } from '../../src/model/heads.js'
import type { KVCache } from '../../src/model/model.js'
import { prefixOf, tokensOf } from '../../src/model/prefix.js'
import { createRandom } from '../../src/random.js'
import { mtp, parallelMtp } from '../../src/strategies/drafters/mtp.js'
import type { Drafter, Request } from '../../src/strategies/strategy.js'
import { follow } from '../../src/strategies/verifiers.js'
import { argmax, decode, describeDrafter, draw, PROMPT, stepAt } from './conformance.js'
import { ToyModel } from './toy-model.js'

const toy = new ToyModel()

class ToyModuleCache implements KVCache {
  items: MtpItem[] = []

  constructor(private readonly onDispose: () => void) {}

  get length(): number {
    return this.items.length
  }

  keep(slots: readonly number[]): void {
    this.items = slots.map((slot) => this.items[slot])
  }

  dispose(): void {
    this.onDispose()
  }
}

/** A module over chains whose results are a hash of all that it was given, and of its name. */
class ToyModule implements MtpModule {
  caches = 0
  itemsRun = 0

  constructor(private readonly name: number) {}

  newCache(): ToyModuleCache {
    this.caches++
    return new ToyModuleCache(() => this.caches--)
  }

  async forward(cache: KVCache, items: readonly MtpItem[], parents: readonly number[]) {
    const { items: known } = cache as ToyModuleCache
    expect(parents).toEqual(items.map((_, i) => known.length + i - 1))
    const first = known.length
    known.push(...items)
    this.itemsRun += items.length
    const path = (node: number) =>
      known
        .slice(0, first + node + 1)
        .flatMap(({ token, state }) => [token, ...Array.from(state, (value) => Math.round(1e4 * value))])
    const results = items.map((_, node) => {
      const hash = [this.name, ...path(node)]
      return { logits: toy.logits(hash), residual: toy.residual(hash) }
    })
    return {
      logits: (node: number) => results[node].logits,
      residual: (node: number) => results[node].residual,
    }
  }
}

/** What the draft has to be, made from nothing: all rows of all depths, from the position `first` on. */
async function fromScratch(
  text: readonly number[],
  modules: readonly MtpModule[],
  { depth, first }: { depth: number; first: number },
) {
  const tokens = [...text]
  const positions = Array.from({ length: text.length - 1 - first }, (_, i) => first + i)
  let states = positions.map((position) => toy.hidden(text.slice(0, position + 1)))
  for (let k = 1; k <= depth; k++) {
    const module = modules[Math.min(k, modules.length) - 1]
    const items = positions.map((position, i) => ({ token: tokens[position + k], state: states[i] }))
    const output = await module.forward(
      module.newCache(),
      items,
      items.map((_, i) => i - 1),
    )
    states = items.map((_, i) => output.residual(i))
    tokens.push(argmax(output.logits(items.length - 1), Math.random))
  }
  return tokens.slice(text.length)
}

/** A drafter that is held to `fromScratch` at every draft. */
function watched(modules: readonly MtpModule[], depth: number, first = 0): Drafter & { drafts: number } {
  const drafter = mtp({ modules, depth })({} as Request)
  return {
    states: drafter.states,
    drafts: 0,
    async draft(prefix, last, limit) {
      const tree = await drafter.draft(prefix, last, limit)
      const wanted = await fromScratch(tokensOf(prefix), modules, { depth: Math.min(depth, limit), first })
      expect(tree.tokens).toEqual(wanted)
      this.drafts++
      return tree
    },
    verified: (step) => drafter.verified!(step),
    dispose: () => drafter.dispose!(),
  }
}

describeDrafter('mtp, one module', () => mtp({ modules: [new ToyModule(1)], depth: 3 })({} as Request))
describeDrafter('mtp, two modules', () =>
  mtp({ modules: [1, 2].map((name) => new ToyModule(name)), depth: 4 })({} as Request),
)

describe('mtp drafts what its rows say', () => {
  test.each([1, 2, 3, 5])('at depth %i, whatever was accepted before', async (depth) => {
    for (const count of [1, 2, 3]) {
      const modules = Array.from({ length: count }, (_, name) => new ToyModule(name))
      const drafter = watched(modules, depth)
      await decode(follow(draw), drafter, { limit: PROMPT.length + 40, seed: 10 * depth + count })
      expect(drafter.drafts).toBeGreaterThan(10)
    }
  })

  test('where a good part of it is accepted', async () => {
    const modules = [new ToyModule(1)]
    const drafter = watched(modules, 4)
    const random = createRandom(9)
    // The draft's tokens half of the time: one of the tree's children is taken for the target's choice.
    let choice = -1
    const lenient: Drafter = {
      ...drafter,
      async draft(prefix, last, limit) {
        const tree = await drafter.draft(prefix, last, limit)
        choice = Math.floor(random() * (tree.tokens.length + 1))
        return tree
      },
    }
    const verify: ReturnType<typeof follow> = (draft, target) => {
      const path = draft.tokens.map((_, node) => node).slice(0, Math.max(0, choice))
      for (const node of path) target(node)
      return { path, next: argmax(target(path.at(-1) ?? -1), Math.random) }
    }
    const run = await decode(verify, lenient, { limit: PROMPT.length + 60 })
    expect(run.accepted).toBeGreaterThan(15)
  })

  test('from where the target was first seen, where the prompt was run before', async () => {
    const drafter = watched([new ToyModule(1)], 3, 4)
    await decode(follow(draw), drafter, { limit: PROMPT.length + 20, cached: 4 })
    expect(drafter.drafts).toBeGreaterThan(5)
  })
})

test('mtp runs a depth only on what is new or was a guess', async () => {
  const module = new ToyModule(1)
  const steps = 20
  const run = await decode(follow(draw), mtp({ modules: [module], depth: 3 })({} as Request), {
    limit: PROMPT.length + steps,
  })
  // The prompt's five pairs at each depth, then one row a token at depth 1, and at depth k also the k - 1 last ones again.
  expect(module.itemsRun).toBeLessThan(3 * PROMPT.length + (run.steps + run.accepted) * (1 + 2 + 3))
  expect(module.caches).toBe(0)
})

class ToyStateCache extends ToyModuleCache {
  states: Float32Array[] = []

  override get length(): number {
    return this.states.length
  }
}

/** Heads whose scores are a hash of all states that they were given, and of their number. */
class ToyHeads implements ParallelHeads {
  caches = 0
  statesRun = 0

  constructor(private readonly count: number) {}

  newCache(): ToyStateCache {
    this.caches++
    return new ToyStateCache(() => this.caches--)
  }

  async append(cache: KVCache, states: readonly Float32Array[]) {
    expect(states.length).toBeGreaterThan(0)
    const { states: known } = cache as ToyStateCache
    known.push(...states)
    this.statesRun += states.length
    return this.scores(known)
  }

  scores(states: readonly Float32Array[]): Float32Array[] {
    const hash = states.flatMap((state) => Array.from(state, (value) => Math.round(1e4 * value)))
    return Array.from({ length: this.count }, (_, head) => toy.logits([head, ...hash]))
  }
}

const parallel = (heads: ParallelHeads, eosTokenIds: number[] = []) =>
  parallelMtp({ heads, eosTokenIds })({} as Request)

for (const count of [1, 3]) {
  describeDrafter(`parallelMtp, ${count} heads`, () => parallel(new ToyHeads(count)))
}

describe('parallelMtp', () => {
  test.each([0, 4])('drafts what its heads say of all states, with %i cached tokens', async (cached) => {
    const heads = new ToyHeads(3)
    const drafter = parallel(heads)
    let drafts = 0
    const watched: Drafter = {
      states: drafter.states,
      async draft(prefix, last, limit) {
        const text = tokensOf(prefix)
        const states = text.slice(cached, -1).map((_, i) => toy.residual(text.slice(0, cached + i + 1)))
        const tree = await drafter.draft(prefix, last, limit)
        const wanted = heads.scores(states).map((scores) => argmax(scores, Math.random))
        expect(tree).toEqual({
          tokens: wanted.slice(0, limit),
          parents: [-1, 0, 1].slice(0, limit),
        })
        drafts++
        return tree
      },
      verified: (step) => drafter.verified!(step),
      dispose: () => drafter.dispose!(),
    }
    const run = await decode(follow(draw), watched, { limit: PROMPT.length + 40, cached })
    expect(drafts).toBeGreaterThan(20)
    expect(heads.caches).toBe(0)
    // Each state once: no row depends on a guess.
    expect(heads.statesRun).toBeLessThan(run.text.length - cached)
    expect(heads.statesRun).toBeGreaterThan(run.text.length - cached - 6)
  })

  test('drafts tokens of the draft alone, where its heads score no others', async () => {
    const heads = new ToyHeads(2)
    const states = [toy.residual([1]), toy.residual([1, 2])]
    const places = heads.scores(states).map((scores) => argmax(scores, Math.random))
    const draftTokens = Array.from({ length: 100 }, (_, place) => 7 * place)
    const drafter = parallelMtp({ heads, draftTokens })({} as Request)
    drafter.verified!(stepAt(prefixOf([1, 2, 3]), { residual: states }))
    const { tokens } = await drafter.draft(prefixOf([1, 2, 3]), { hidden: states[0] }, 10)
    expect(tokens).toEqual(places.map((place) => 7 * place))
  })

  test('drafts nothing beyond the end of a text, and needs what comes before the final norm', async () => {
    const heads = new ToyHeads(3)
    const states = [toy.residual([1]), toy.residual([1, 2])]
    const [first, second] = heads.scores(states).map((scores) => argmax(scores, Math.random))
    expect(second).not.toBe(first)
    const drafter = parallel(heads, [second])
    drafter.verified!(stepAt(prefixOf([1, 2, 3]), { residual: states }))
    const tree = await drafter.draft(prefixOf([1, 2, 3]), { hidden: states[0] }, 10)
    expect(tree).toEqual({ tokens: [first, second], parents: [-1, 0] })
    const without = stepAt(prefixOf([1, 2, 3]), { hidden: states })
    expect(() => drafter.verified!(without)).toThrow('before its final norm')
  })
})
