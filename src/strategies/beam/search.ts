import { UserError } from '../../errors.js'
import type { Output } from '../../model/model.js'
import { PrefixTree } from '../../model/prefix-tree.js'
import { breathe } from '../breathe.js'
import { choiceOf, contrasted } from '../choose.js'
import type { Hypothesis, Search, SearchRequest, SearchStep } from '../search.js'
import { logSoftmax } from '../softmax.js'
import { BeamGroup, type BeamNode, type BeamRow, type Ended } from './group.js'
import type { BeamOptions } from './options.js'

/**
 * Beam search as HF's `_beam_search`, and as its `_group_beam_search` and `_constrained_beam_search` where groups or
 * constraints are given. Beams are leaves of one token tree: the prompt is there once, a step runs one token a beam and
 * copies nothing, and dead branches are compacted away.
 */
export function beamSearch(options: BeamOptions): Search {
  return { search: (request) => search(options, request) }
}

async function* search<R>(
  options: BeamOptions,
  request: SearchRequest<R>,
): AsyncGenerator<SearchStep<R>, readonly Hypothesis<R>[], void> {
  const { count: groupCount, penalty, padToken } = options.groups ?? { count: 1, penalty: 0, padToken: 0 }
  const size = options.numBeams / groupCount
  const root: BeamNode<R> = { prefix: request.prompt, sum: 0 }
  const groups = Array.from(
    { length: groupCount },
    (_, i) => new BeamGroup(options, request, root, size, i * size),
  )
  const tree = new PrefixTree(request.model, request.cache, request.prompt)
  let trunk = root
  for (;;) {
    const open = groups.filter(({ done }) => !done)
    if (open.length === 0) return results(groups, request)
    const output = await tree.run(open.flatMap(({ live }) => live.map(({ prefix }) => prefix)))
    /** By token how often earlier groups chose it in this step. */
    const chosen = new Map<number, number>()
    const choose = (token: number, times = 1) => chosen.set(token, (chosen.get(token) ?? 0) + times)
    let leaf = 0
    for (const group of groups) {
      if (group.done) {
        choose(padToken, size)
        continue
      }
      const rows: BeamRow<R>[] = []
      for (const { prefix } of group.live) {
        rows.push(rowOf(output, leaf++, prefix, request, chosen, penalty))
        await breathe()
      }
      group.advance(rows)
      for (const { prefix } of group.live) choose(prefix.token)
    }
    const live = groups.flatMap((group) => (group.done ? [] : group.live))
    if (live.length > 0) tree.prune(live.map(({ prefix }) => prefix))
    const before = trunk
    // Of what has ended, only as many as are asked for can be among the results.
    const ended = groups.flatMap((group) => group.ended.slice(0, request.count))
    trunk = commonAncestor([...live, ...ended.map(({ node }) => node)]) ?? trunk
    yield { beams: beamsOf(live, ended), settled: path(trunk, before).map(({ step }) => step!.record) }
  }
}

/** Log-probabilities as the processors leave them, less what earlier groups `chosen` in this step cost (Hamming diversity). */
function rowOf<R>(
  output: Output,
  leaf: number,
  prefix: SearchRequest<R>['prompt'],
  request: SearchRequest<R>,
  chosen: ReadonlyMap<number, number>,
  penalty: number,
): BeamRow<R> {
  const { processors, record } = request
  const scores = logSoftmax(contrasted(output, leaf, prefix, request) ?? output.logits(leaf).slice())
  for (const [token, times] of chosen) scores[token] -= penalty * times
  for (const process of processors) process(scores, prefix)
  return {
    logprobs: scores,
    record: (token) => record(choiceOf(token, output, leaf, scores), prefix),
  }
}

function beamsOf<R>(live: readonly BeamNode<R>[], ended: readonly Ended<R>[]): SearchStep<R>['beams'] {
  const open = live.map(({ prefix, sum }) => ({ prefix, score: sum, finished: false }))
  const finished = ended.map(({ node, score }) => ({ prefix: node.prefix, score, finished: true }))
  return [open, finished].flatMap((beams) => beams.sort((a, b) => b.score - a.score))
}

function results<R>(groups: readonly BeamGroup<R>[], { count }: SearchRequest<R>): readonly Hypothesis<R>[] {
  const ended = groups.flatMap((group) => group.ended)
  if (groups.length > 1) ended.sort((a, b) => b.score - a.score)
  if (ended.length === 0) {
    throw new UserError('Every beam has come to where no token can follow: loosen what forbids tokens.')
  }
  return ended.slice(0, count).map(({ node, score }) => {
    const steps = path(node).map(({ step }) => step!)
    return {
      prefix: node.prefix,
      score,
      reason: node.reason!,
      beamIndices: steps.map(({ beam }) => beam),
      records: steps.map(({ record }) => record),
    }
  })
}

/** The nodes after `from` (by default the prompt) up to `to`. */
function path<R>(to: BeamNode<R>, from?: BeamNode<R>): BeamNode<R>[] {
  const nodes: BeamNode<R>[] = []
  for (let node = to; node.step && node !== from; node = node.step.parent) nodes.push(node)
  return nodes.reverse()
}

/** What all of `nodes` continue. */
function commonAncestor<R>(nodes: readonly BeamNode<R>[]): BeamNode<R> | undefined {
  return nodes.reduce<BeamNode<R> | undefined>((a, b) => {
    if (!a) return b
    let [one, other] = [a, b]
    while (one !== other) {
      if (one.prefix.length >= other.prefix.length) one = one.step!.parent
      else other = other.step!.parent
    }
    return one
  }, undefined)
}
