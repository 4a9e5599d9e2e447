import { NOTHING } from '../../model/token-tree.js'
import type { CreateDrafter, Drafter } from '../strategy.js'

/** The draft of the first of several drafters that has one. */
export function firstOf(createDrafters: readonly CreateDrafter[]): CreateDrafter {
  return (request) => {
    const drafters = createDrafters.map((create) => create(request))
    let used: Drafter | undefined
    return {
      states: [...new Set(drafters.flatMap(({ states = [] }) => states))],
      logits: mostLogits(drafters),
      begin(...args) {
        for (const drafter of drafters) {
          const draft = drafter.begin?.(...args) ?? NOTHING
          if (draft.tokens.length === 0) continue
          used = drafter
          return draft
        }
        return NOTHING
      },
      async draft(...args) {
        for (const drafter of drafters) {
          const draft = await drafter.draft(...args)
          if (draft.tokens.length === 0) continue
          used = drafter
          return draft
        }
        return NOTHING
      },
      verified(step) {
        const isOwn = (drafter: Drafter) => step.isOwn && (used === undefined || drafter === used)
        for (const drafter of drafters) drafter.verified?.({ ...step, isOwn: isOwn(drafter) })
        used = undefined
      },
      dispose() {
        for (const drafter of drafters) drafter.dispose?.()
      },
    }
  }
}

function mostLogits(drafters: readonly Drafter[]): number | undefined {
  const counts = drafters.flatMap(({ logits }) => logits ?? [])
  return counts.length > 0 ? Math.max(...counts) : undefined
}
