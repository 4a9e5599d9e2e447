import { describe, expect, test } from 'vitest'
import { prefixOf } from '../../src/model/prefix.js'
import { chain, type TokenTree } from '../../src/model/token-tree.js'
import type { DraftControl } from '../../src/strategies/draft-control.js'
import { controlled } from '../../src/strategies/drafters/controlled.js'
import { firstOf } from '../../src/strategies/drafters/first-of.js'
import { promptLookup } from '../../src/strategies/drafters/prompt-lookup.js'
import type { Drafter, Request, VerifiedStep } from '../../src/strategies/strategy.js'
import { follow } from '../../src/strategies/verifiers.js'
import { argmax, decode, describeDrafter, PROMPT, stepAt } from './conformance.js'
import { adversary, oracle, toyDrafters } from './toy-drafters.js'

const request = {} as unknown as Request
const prefix = prefixOf(PROMPT)
const last = { hidden: new Float32Array(4) }

/** What became of a chain of so many nodes. */
const stepOf = (drafted: number, path: number[]): VerifiedStep => ({
  ...stepAt(prefix, {}),
  draft: chain([1, 2, 3].slice(0, drafted)),
  path,
})

/** Wants drafts of these sizes in turns, and keeps what it is told. */
class Sizes implements DraftControl {
  readonly steps: [drafted: number, path: readonly number[]][] = []

  constructor(private readonly sizes: readonly number[]) {}

  get size(): number {
    return this.sizes[this.steps.length % this.sizes.length]
  }

  record(drafted: number, path: readonly number[]): void {
    this.steps.push([drafted, path])
  }
}

/** A drafter that proposes always the same, and keeps what it is told. */
class Fixed implements Drafter {
  readonly asked: { limit: number; size?: number }[] = []
  readonly told: unknown[] = []

  constructor(
    private readonly tree: TokenTree,
    readonly states: Drafter['states'] = undefined,
    readonly logits: Drafter['logits'] = undefined,
  ) {}

  draft(_: unknown, __: unknown, limit: number, size?: number): TokenTree {
    this.asked.push({ limit, size })
    return this.tree
  }

  verified({ draft, isOwn, path, prefix }: VerifiedStep): void {
    this.told.push([isOwn, draft.tokens.length, [...path], prefix.token])
  }

  dispose(): void {
    this.told.push('disposed')
  }
}

for (const name of ['an oracle', 'duplicates', 'random trees', 'a promise of random trees']) {
  describeDrafter(`controlled, ${name}`, (text) =>
    controlled(
      () => toyDrafters[name](text),
      () => new Sizes([3, 0, 1, 100]),
    )(request),
  )
  describeDrafter(`firstOf prompt lookup, ${name} and an adversary`, (text) =>
    firstOf([
      promptLookup({ numTokens: 3, minNgram: 2, maxNgram: 2 }),
      controlled(
        () => toyDrafters[name](text),
        () => new Sizes([2, 0]),
      ),
      () => adversary(text),
    ])(request),
  )
}

describe('controlled', () => {
  test('gives the first nodes of a larger draft, and asks for no more', async () => {
    const probs = [0, 1, 2].map((i) => Float32Array.of(i))
    const drafter = new Fixed({ tokens: [1, 2, 3], parents: [-1, -1, 1], probs })
    const control = new Sizes([2])
    const both = controlled(
      () => drafter,
      () => control,
    )(request)
    expect(await both.draft(prefix, last, 9)).toEqual({
      tokens: [1, 2],
      parents: [-1, -1],
      probs: probs.slice(0, 2),
    })
    expect(await both.draft(prefix, last, 9, 1)).toMatchObject({ tokens: [1] })
    expect(drafter.asked).toEqual([
      { limit: 2, size: 2 },
      { limit: 1, size: 1 },
    ])
  })

  test('does not ask where nothing is wanted, and tells both what became of drafts', async () => {
    const drafter = new Fixed(chain([1, 2]), ['residual'])
    const control = new Sizes([0])
    const both = controlled(
      () => drafter,
      () => control,
    )(request)
    expect(both.states).toEqual(['residual'])
    expect(await both.draft(prefix, last, 9)).toEqual(chain([]))
    expect(drafter.asked).toEqual([])
    both.verified!(stepOf(2, [0]))
    both.verified!({ ...stepOf(2, [0]), isOwn: false })
    both.dispose!()
    // Of another one's draft the control hears nothing, and the drafter all.
    expect(control.steps).toEqual([
      [2, [0]],
      [0, []],
    ])
    expect(drafter.told).toEqual([[true, 2, [0], 9], [false, 2, [0], 9], 'disposed'])
  })

  test('has every step entered, the first one, too', async () => {
    const limit = PROMPT.length + 12
    const { text } = await decode(follow(argmax), undefined, { limit })
    const control = new Sizes([2])
    const drafter = controlled(
      () => oracle(text),
      () => control,
    )(request)
    await decode(follow(argmax), drafter, { limit })
    const whole: Sizes['steps'][number] = [2, [0, 1]]
    // 1 token and 3 times 3, and one more with room for one draft.
    expect(control.steps).toEqual([[0, []], whole, whole, whole, [1, [0]]])
  })
})

describe('firstOf', () => {
  test('takes the first draft that there is, and tells its drafter alone what became of it', async () => {
    const drafters = [
      new Fixed(chain([])),
      new Fixed(chain([1, 2]), ['hidden', 4], 2),
      new Fixed(chain([3]), ['hidden'], 8),
    ]
    const all = firstOf(drafters.map((drafter) => () => drafter))(request)
    expect([all.states, all.logits]).toEqual([['hidden', 4], 8])
    // The prompt's pass.
    all.verified!(stepOf(0, []))
    expect(await all.draft(prefix, last, 9, 5)).toEqual(chain([1, 2]))
    all.verified!(stepOf(2, [0]))
    all.verified!(stepOf(0, []))
    // What was drafted beside it.
    all.verified!({ ...stepOf(3, []), isOwn: false })
    all.dispose!()
    expect(drafters.map(({ asked }) => asked)).toEqual([[{ limit: 9, size: 5 }], [{ limit: 9, size: 5 }], []])
    const nothing = [true, 0, [], 9]
    const told = (isOwn: boolean) => [nothing, [isOwn, 2, [0], 9], nothing, [false, 3, [], 9], 'disposed']
    expect(drafters.map(({ told }) => told)).toEqual([told(false), told(true), told(false)])
  })

  test('drafts nothing where nobody does', async () => {
    const none = firstOf([() => new Fixed(chain([])), () => new Fixed(chain([]))])(request)
    expect(await none.draft(prefix, last, 9)).toEqual(chain([]))
  })
})
