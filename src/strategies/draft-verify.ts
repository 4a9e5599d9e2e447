import { type Output, type StateName, stateAt } from '../model/model.js'
import { extend, type Prefix, tokensOf } from '../model/prefix.js'
import { NOTHING, type TokenTree } from '../model/token-tree.js'
import { choiceOf, contrasted } from './choose.js'
import type { Choice, CreateDrafter, Drafter, Request, Strategy, VerifiedStep, Verifier } from './strategy.js'

/**
 * The loop that all single-sequence strategies share: draft a tree, run it through the target in one forward pass,
 * keep the path that the verifier accepts (Leviathan et al. 2023, algorithm 1, over trees as in SpecInfer). Without
 * a drafter this is plain decoding. The first pass runs what the cache lacks of the prompt.
 */
export function draftVerify(createDrafter: CreateDrafter | undefined, verify: Verifier): Strategy {
  return async function* (request) {
    const { model, cache, random, limit, topK } = request
    const drafter = createDrafter?.(request)
    const states = drafter?.states ?? []
    let prefix = request.prompt
    let pending = tokensOf(prefix, prefix.length - cache.length)
    let last: Choice | undefined
    try {
      while (prefix.length < limit) {
        const started = performance.now()
        const room = limit - prefix.length - 1
        const draft = drafter && room > 0 ? await draftOf(drafter, prefix, last, room) : NOTHING
        const drafted = performance.now()
        const start = cache.length + pending.length
        const output = await model.forward(
          cache,
          [...pending, ...draft.tokens],
          [...pending.map((_, i) => cache.length + i - 1), ...draft.parents.map((parent) => start + parent)],
          [pending.length - 1, ...draft.tokens.map((_, node) => pending.length + node)],
          { states, topK: topK && Math.max(topK, drafter?.logits ?? 0) },
        )
        const passed = performance.now()
        const visited = new VisitedNodes(draft, output, pending.length, prefix, request)
        const { path, next } = verify(draft, (node) => visited.at(node).scores, random)
        keepPath(request, start, draft, path)
        const nodes = [-1, ...path]
        const choices = nodes.map((node, i) =>
          visited.choice(node, path.length > i ? draft.tokens[path[i]] : next),
        )
        last = choices[path.length]
        prefix = extend(visited.at(nodes[path.length]).prefix, next)
        const decided = performance.now()
        drafter?.verified?.(visited.step(drafter, path, prefix))
        const told = performance.now()
        yield {
          choices,
          drafted: draft.tokens.length,
          accepted: path.length,
          depth: depthOf(draft),
          time: { draft: drafted - started + (told - decided), pass: passed - drafted },
        }
        pending = [next]
      }
    } finally {
      drafter?.dispose?.()
    }
  }
}

function draftOf(drafter: Drafter, prefix: Prefix, last: Choice | undefined, room: number) {
  return last ? drafter.draft(prefix, last, room) : (drafter.begin?.(prefix, room) ?? NOTHING)
}

/** Tokens of the longest path. */
function depthOf({ parents }: TokenTree): number {
  const depths: number[] = []
  for (const parent of parents) depths.push(parent < 0 ? 1 : depths[parent] + 1)
  return Math.max(0, ...depths)
}

/** Forgets what was not accepted; a draft that was accepted whole stays as it is. */
function keepPath({ cache }: Request, start: number, draft: TokenTree, path: readonly number[]): void {
  if (path.length === draft.tokens.length) return
  cache.keep([...Array(start).keys(), ...path.map((node) => start + node)])
}

interface VisitedNode {
  readonly prefix: Prefix
  /** Among the tokens of the pass. */
  readonly index: number
  /** As the processors left them. */
  readonly scores: Float32Array
}

/** The nodes of a draft that the verifier looked at; only these are processed. */
class VisitedNodes {
  private readonly nodes = new Map<number, VisitedNode>()

  constructor(
    private readonly draft: TokenTree,
    private readonly output: Output,
    private readonly offset: number,
    private readonly root: Prefix,
    private readonly request: Pick<Request, 'processors' | 'possible'>,
  ) {}

  at(node: number): VisitedNode {
    const known = this.nodes.get(node)
    if (known) return known
    const prefix =
      node < 0 ? this.root : extend(this.at(this.draft.parents[node]).prefix, this.draft.tokens[node])
    const index = this.offset + node
    const { processors } = this.request
    const logits = this.logits(node)
    const scores =
      contrasted(this.output, index, prefix, this.request) ??
      (processors.length > 0 ? logits.slice() : logits)
    for (const process of processors) process(scores, prefix)
    const visited = { prefix, index, scores }
    this.nodes.set(node, visited)
    return visited
  }

  /** Raw, of a node that need not be visited. */
  logits(node: number): Float32Array {
    return this.output.logits(this.offset + node)
  }

  /** What a drafter is told once a path was accepted. */
  step(drafter: Drafter, path: readonly number[], prefix: Prefix): VerifiedStep {
    const { draft, output, offset } = this
    const added = [...Array(offset).keys(), ...path.map((node) => offset + node)]
    const logits = (node: number) => {
      if (drafter.logits !== undefined) return this.logits(node)
      throw new RangeError('A drafter that reads scores says by its logits how many of the best.')
    }
    const states = (name: StateName) => added.map((i) => stateAt(output, name, i))
    return { draft, isOwn: true, path, prefix, logits, states }
  }

  choice(node: number, token: number): Choice {
    const { index, scores } = this.at(node)
    return choiceOf(token, this.output, index, scores)
  }
}
