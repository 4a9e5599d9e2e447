import type { TokenTree } from '../model/token-tree.js'
import { sampleIndex } from '../random.js'
import type { Choose } from './choose.js'
import { entropy, exponentiator, softmax } from './softmax.js'
import type { Random, Verifier } from './strategy.js'

/**
 * The target chooses at every node, and the draft is followed while it has the choice. Lossless for any draft that
 * does not depend on chance: each token takes one choice, so that the same seed gives the same text whatever the
 * drafter.
 */
export function follow(choose: Choose): Verifier {
  return (draft, target, random) => {
    const path: number[] = []
    for (let node = -1; ; ) {
      const token = choose(target(node), random)
      const child = childrenOf(draft, node).find((candidate) => draft.tokens[candidate] === token)
      if (child === undefined) return { path, next: token }
      path.push(child)
      node = child
    }
  }
}

/**
 * Speculative sampling (Leviathan et al. 2023, algorithm 1; Chen et al. 2023, algorithm 2), over trees as in SpecInfer
 * (Miao et al. 2024, algorithm 2): a child drawn from q is accepted with probability min(1, p / q), and otherwise p
 * becomes what q leaves of it, norm(max(0, p - q)), for the next child, and at last for the token that follows. Lossless
 * for every draft whose `probs` are what its tokens were drawn from, given that the siblings before were drawn, too; a
 * draft without them counts as certain of its tokens.
 */
export function rejectionSample(): Verifier {
  let buffer = new Float32Array(0)
  return (draft, target, random) => {
    const path: number[] = []
    for (let node = -1; ; ) {
      const scores = target(node)
      if (buffer.length !== scores.length) buffer = new Float32Array(scores.length)
      const p = softmax(scores, buffer)
      const child = childrenOf(draft, node).find((candidate) => isAccepted(draft, candidate, p, random))
      if (child === undefined) return { path, next: sampleIndex(p, random) }
      path.push(child)
      node = child
    }
  }
}

/** Accepts a child, or leaves in `p` what it did not take of it. */
function isAccepted({ tokens, probs }: TokenTree, child: number, p: Float32Array, random: Random): boolean {
  const token = tokens[child]
  const q = probs?.[child]
  if (random() * (q?.[token] ?? 1) < p[token]) return true
  let total = 0
  for (let i = 0; i < p.length; i++) {
    p[i] = Math.max(0, p[i] - (q?.[i] ?? (i === token ? 1 : 0)))
    total += p[i]
  }
  // Mathematically more than 0 is left, since q had more of the token than p; rounding may leave nothing but that.
  if (total > 0) for (let i = 0; i < p.length; i++) p[i] /= total
  return false
}

/** Medusa's defaults: `medusa_generate` of FasterDecoding/Medusa. */
const TYPICAL = { threshold: 0.09, alpha: 0.3 }

export interface TypicalAcceptanceOptions {
  /** ε: more probable tokens are always typical. */
  readonly threshold?: number
  /** δ: what is typical after a distribution of entropy H has more than δ exp(-H). */
  readonly alpha?: number
}

/**
 * Medusa's acceptance (Cai et al. 2024, section 2.3.1): tokens with p > min(ε, δ exp(-H(p))) are good enough. The longest
 * path of them is taken, of several the most probable one, and the next token is drawn among those that would do. Lossy:
 * the text is not distributed as the target's.
 */
export function typicalAcceptance(options: TypicalAcceptanceOptions = {}): Verifier {
  const { threshold = TYPICAL.threshold, alpha = TYPICAL.alpha } = options
  const exponentiate = exponentiator()
  return (draft, target, random) => {
    const best = { node: -1, depth: 0, logProbability: 0 }
    const visit = (node: number, depth: number, logProbability: number) => {
      if (depth > best.depth || (depth === best.depth && logProbability > best.logProbability)) {
        Object.assign(best, { node, depth, logProbability })
      }
      const children = childrenOf(draft, node)
      if (children.length === 0) return
      const scores = target(node)
      const weights = exponentiate(scores)
      const least = Math.min(threshold, alpha * Math.exp(-entropy(scores, weights)))
      const typical = children
        .map((child) => ({ child, p: weights.weights[draft.tokens[child]] / weights.total }))
        .filter(({ p }) => p > least)
      for (const { child, p } of typical) visit(child, depth + 1, logProbability + Math.log(p))
    }
    visit(-1, 0, 0)
    const scores = target(best.node)
    const { weights, total, ...rest } = exponentiate(scores)
    const least = Math.min(threshold, alpha * Math.exp(-entropy(scores, { weights, total, ...rest })))
    for (let i = 0; i < weights.length; i++) if (weights[i] / total < least) weights[i] = 0
    return { path: pathTo(draft, best.node), next: sampleIndex(weights, random) }
  }
}

/** The nodes that follow a node, -1 for the root, in the draft's order. */
function childrenOf({ parents }: TokenTree, node: number): number[] {
  const children: number[] = []
  for (let i = node + 1; i < parents.length; i++) if (parents[i] === node) children.push(i)
  return children
}

/** The nodes from the root to a node, itself included. */
function pathTo({ parents }: TokenTree, node: number): number[] {
  const path: number[] = []
  for (let at = node; at >= 0; at = parents[at]) path.push(at)
  return path.reverse()
}
