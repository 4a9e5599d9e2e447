import { extend, type Prefix } from '../../model/prefix.js'
import type { TokenTree } from '../../model/token-tree.js'
import type { CreateDrafter } from '../strategy.js'

/**
 * The drafts of a drafter without the branches that are not allowed, which the target would reject. What a draft model has drawn stays as
 * it is: it draws from scores that are masked already, and rejection sampling has to see all of it.
 * @param isAllowed whether the last token of a prefix may stand there
 */
export function heldTo(createDrafter: CreateDrafter, isAllowed: (prefix: Prefix) => boolean): CreateDrafter {
  return (request) => {
    const drafter = createDrafter(request)
    return {
      states: drafter.states,
      logits: drafter.logits,
      async draft(prefix, ...others) {
        const draft = await drafter.draft(prefix, ...others)
        return draft.probs ? draft : pruned(draft, prefix, isAllowed)
      },
      verified: drafter.verified && ((step) => drafter.verified!(step)),
      dispose: () => drafter.dispose?.(),
    }
  }
}

function pruned(draft: TokenTree, root: Prefix, isAllowed: (prefix: Prefix) => boolean): TokenTree {
  /** By node that stays: its prefix, and its new number. */
  const kept = new Map<number, { readonly prefix: Prefix; readonly node: number }>([
    [-1, { prefix: root, node: -1 }],
  ])
  const tokens: number[] = []
  const parents: number[] = []
  for (const [i, token] of draft.tokens.entries()) {
    const parent = kept.get(draft.parents[i])
    if (!parent) continue
    const prefix = extend(parent.prefix, token)
    if (!isAllowed(prefix)) continue
    kept.set(i, { prefix, node: tokens.length })
    tokens.push(token)
    parents.push(parent.node)
  }
  return { tokens, parents }
}
