import { NOTHING, type TokenTree } from '../../model/token-tree.js'
import type { CreateDraftControl } from '../draft-control.js'
import type { CreateDrafter } from '../strategy.js'

/** Drafts as many nodes as a control wants, the first ones of what a drafter gives; without a control all of them. */
export function controlled(
  createDrafter: CreateDrafter,
  createControl: CreateDraftControl | undefined,
): CreateDrafter {
  if (!createControl) return createDrafter
  return (request) => {
    const drafter = createDrafter(request)
    const control = createControl()
    return {
      states: drafter.states,
      logits: drafter.logits,
      async draft(prefix, last, limit, wanted = Number.POSITIVE_INFINITY) {
        const size = Math.min(control.size, wanted)
        if (size < 1) return NOTHING
        const draft = await drafter.draft(prefix, last, Math.min(limit, size), size)
        return draft.tokens.length > size ? firstNodes(draft, size) : draft
      },
      verified(step) {
        const { draft, isOwn, path } = step
        control.record(isOwn ? draft.tokens.length : 0, isOwn ? path : [])
        drafter.verified?.(step)
      },
      dispose: () => drafter.dispose?.(),
    }
  }
}

function firstNodes({ tokens, parents, probs }: TokenTree, size: number): TokenTree {
  return {
    tokens: tokens.slice(0, size),
    parents: parents.slice(0, size),
    ...(probs && { probs: probs.slice(0, size) }),
  }
}
