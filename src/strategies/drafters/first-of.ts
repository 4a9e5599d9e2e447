import { NOTHING } from '../../model/token-tree.js'
import type { CreateDrafter, Drafter } from '../strategy.js'

/** The draft of the first of several drafters that has one. */
export function firstOf(createDrafters: readonly CreateDrafter[]): CreateDrafter {
  return (request) => {
    const drafters = createDrafters.map((create) => create(request))
    let used: Drafter | undefined
    return {
      states: [...new Set(drafters.flatMap(({ states = [] }) => states))],
      async draft(...args) {
        for (const drafter of drafters) {
          const draft = await drafter.draft(...args)
          if (draft.tokens.length === 0) continue
          used = drafter
          return draft
        }
        return NOTHING
      },
      verified(drafted, path) {
        for (const drafter of drafters) {
          if (drafter === used) drafter.verified?.(drafted, path)
          else drafter.verified?.(0, [])
        }
        used = undefined
      },
      observe(...states) {
        for (const drafter of drafters) drafter.observe?.(...states)
      },
      dispose() {
        for (const drafter of drafters) drafter.dispose?.()
      },
    }
  }
}
