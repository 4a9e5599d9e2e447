import { expect, test } from 'vitest'
import type { ForcedText } from '../../src/grammar/forced.js'
import { prefixOf } from '../../src/model/prefix.js'
import type { TokenTree } from '../../src/model/token-tree.js'
import { forcedText } from '../../src/strategies/drafters/forced-text.js'
import type { Request } from '../../src/strategies/strategy.js'
import { PROMPT, stepAt } from './conformance.js'

test('drafts of forced text grow where a model accepts all of them, and are as long as it follows where not', async () => {
  const prefix = prefixOf(PROMPT)
  const endless = { after: (_: unknown, __: unknown, most: number) => Array(most).fill(1) }
  const counts: number[] = []
  const drafter = forcedText(
    endless as unknown as ForcedText,
    () => 1,
    (count) => counts.push(count),
  )({} as Request)
  const draft = (limit = 1000) => drafter.draft(prefix, {} as never, limit) as TokenTree
  const sizes: number[] = []
  const step = (accepted = Number.POSITIVE_INFINITY, limit?: number) => {
    const tree = draft(limit)
    sizes.push(tree.tokens.length)
    const path = tree.tokens.map((_, i) => i).slice(0, accepted)
    drafter.verified!({ ...stepAt(prefix, {}), draft: tree, isOwn: true, path })
  }
  for (const accepted of [undefined, undefined, 20, undefined, 0, 0, undefined]) step(accepted)
  step(undefined, 3)
  step()
  expect(sizes).toEqual([16, 32, 64, 22, 44, 2, 2, 3, 4])
  expect(counts).toEqual([16, 32, 20, 22, 0, 0, 2, 3, 4])
  // A draft of another drafter says nothing of these.
  drafter.verified!({ ...stepAt(prefix, {}), draft: draft(), isOwn: false, path: [] })
  expect(draft().tokens).toHaveLength(8)
})
