import type { Candidates, Guesses } from '../../src/model/heads.js'
import type { TokenTree } from '../../src/model/token-tree.js'
import { createRandom } from '../../src/random.js'
import type { Drafter } from '../../src/strategies/strategy.js'
import { ToyModel } from './toy-model.js'

/** @param text the whole sequence that plain decoding writes */
export type CreateDrafter = (text: readonly number[]) => Drafter

const { vocabSize } = new ToyModel()

const wrong = (token: number) => (token + 1) % vocabSize

function chain(tokens: number[]): TokenTree {
  return { tokens, parents: tokens.map((_, i) => i - 1) }
}

function drafter(draft: (rest: number[], limit: number) => TokenTree): CreateDrafter {
  return (text) => ({ draft: ({ length }, _, limit) => draft(text.slice(length), limit) })
}

/** Of heads that expect the same after all paths. */
export function independentGuesses(candidates: readonly Candidates[]): Guesses {
  return {
    heads: candidates.length,
    after: async (paths) => paths.map(({ length }) => candidates[length - 1]),
  }
}

/** Knows the text. */
export const oracle = drafter((rest, limit) => chain(rest.slice(0, limit)))

/** Knows the text, and avoids it. */
export const adversary = drafter((rest, limit) => chain(rest.slice(0, limit).map(wrong)))

/** Drafters that know parts of the text, in every shape that a tree can have. */
export const toyDrafters: Readonly<Record<string, CreateDrafter>> = {
  'an oracle': oracle,
  'an adversary': adversary,
  'nothing to propose': drafter(() => chain([])),
  'one token': drafter((rest, limit) => chain(rest.slice(0, Math.min(1, limit)))),
  'a chain that goes wrong': drafter((rest, limit) =>
    chain(rest.slice(0, limit).map((token, i) => (i < 3 ? token : wrong(token)))),
  ),
  duplicates: drafter(duplicates),
  'random trees': (text) => {
    const random = createRandom(text.length)
    return { draft: ({ length }, _, limit) => randomTree(text.slice(length), limit, random) }
  },
  'a promise of random trees': (text) => {
    const random = createRandom(7 * text.length)
    return { draft: async ({ length }, _, limit) => randomTree(text.slice(length), limit, random) }
  },
}

/** The next token three times, a wrong one between; only the second has a child, and that is right. */
function duplicates([next = 0, after = 0]: number[], limit: number): TokenTree {
  if (limit === 0) return chain([])
  const tree = { tokens: [next, wrong(next), next, next], parents: [-1, -1, -1, -1] }
  if (limit === 1) return tree
  return { tokens: [...tree.tokens, after], parents: [...tree.parents, 2] }
}

/** Up to 12 nodes at random places, about half of them with the token that the text has at their depth. */
function randomTree(rest: number[], limit: number, random: () => number): TokenTree {
  const tree: TokenTree = { tokens: [], parents: [] }
  const depths: number[] = []
  const size = limit > 0 ? Math.floor(random() * 13) : 0
  for (let node = 0; node < size; node++) {
    const parent = Math.floor(random() * (node + 1)) - 1
    const depth = parent < 0 ? 0 : depths[parent] + 1
    if (depth >= limit) break
    const token = rest[depth] ?? 0
    tree.parents.push(parent)
    tree.tokens.push(random() < 0.5 ? token : Math.floor(random() * vocabSize))
    depths.push(depth)
  }
  return tree
}
