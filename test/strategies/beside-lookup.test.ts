import { describe, expect, test } from 'vitest'
import { prefixOf } from '../../src/model/prefix.js'
import { chain } from '../../src/model/token-tree.js'
import { RegretBudget } from '../../src/strategies/draft-control.js'
import { besideLookup } from '../../src/strategies/drafters/beside-lookup.js'
import type { Drafter, Request } from '../../src/strategies/strategy.js'
import { describeDrafter } from './conformance.js'
import { adversary, oracle } from './toy-drafters.js'

const request = {} as unknown as Request
const last = { hidden: new Float32Array(4) }

/** Wants so many nodes of each draft. */
const wanting = (size: number) => () => ({ size, record: () => {} })
const lookup = { createControl: wanting(4), eosTokenIds: [0] }

for (const [name, create] of Object.entries({ 'an oracle': oracle, 'an adversary': adversary })) {
  describeDrafter(`prompt lookup beside ${name}`, (text) =>
    besideLookup({ createDrafter: () => create(text), createControl: wanting(2) }, lookup)(request),
  )
}

describe('prompt lookup beside another drafter', () => {
  const other: Drafter = { draft: () => chain([7, 7]) }
  const nothing: Drafter = { draft: () => chain([]) }
  const drafted = (drafter: Drafter, text: number[]) =>
    besideLookup({ createDrafter: () => drafter }, lookup)(request).draft(prefixOf(text), last, 9)

  test('goes by the last two tokens before it, and by the last one after it', async () => {
    const two = [9, 2, 3, 4, 5, 6, 8, 1, 2, 3]
    const one = [9, 9, 3, 4, 5, 6, 8, 1, 2, 3]
    const none = [9, 9, 9, 4, 5, 6, 8, 1, 2, 3]
    expect(await drafted(other, two)).toEqual(chain([4, 5, 6, 8]))
    for (const text of [one, none]) expect(await drafted(other, text)).toEqual(chain([7, 7]))
    for (const text of [two, one]) expect(await drafted(nothing, text)).toEqual(chain([4, 5, 6, 8]))
    expect(await drafted(nothing, none)).toEqual(chain([]))
  })

  test('stops before the end of a text', async () => {
    expect(await drafted(other, [1, 2, 3, 4, 0, 6, 1, 2, 3])).toEqual(chain([4]))
  })

  test('has all controls of a sequence share what drafts may cost', () => {
    const budgets: (RegretBudget | undefined)[] = []
    const createControl = (budget?: RegretBudget) => {
      budgets.push(budget)
      return { size: 1, record: () => {} }
    }
    const create = besideLookup({ createDrafter: () => other, createControl }, { ...lookup, createControl })
    create(request)
    create(request)
    expect(budgets).toHaveLength(6)
    expect(new Set(budgets.slice(0, 3)).size).toBe(1)
    expect(budgets[0]).toBeInstanceOf(RegretBudget)
    expect(budgets[3]).not.toBe(budgets[0])
    // What each of three enters is a step of 1.01 / 3 more than it takes.
    for (let step = 0; step < 300; step++) budgets[0]!.enter(1, 1)
    expect(budgets[0]!.passes).toBeCloseTo(3 + 300 * (0.01 / 3))
  })
})
