import { describe, expect, test } from 'vitest'
import type { Guesses } from '../../src/model/heads.js'
import { extend, prefixOf } from '../../src/model/prefix.js'
import type { TokenTree } from '../../src/model/token-tree.js'
import { createRandom } from '../../src/random.js'
import { draftVerify } from '../../src/strategies/draft-verify.js'
import { type DraftModelOptions, draftModel } from '../../src/strategies/drafters/draft-model.js'
import { type DraftTreeOptions, draftTree } from '../../src/strategies/drafters/draft-tree.js'
import { choiceTree, likeliestPaths, medusa } from '../../src/strategies/drafters/medusa.js'
import { earlierEnd, promptLookup } from '../../src/strategies/drafters/prompt-lookup.js'
import {
  type Successors,
  type TokenRecyclingOptions,
  tokenRecycling,
} from '../../src/strategies/drafters/token-recycling.js'
import { softmax } from '../../src/strategies/softmax.js'
import type { Request } from '../../src/strategies/strategy.js'
import { follow, rejectionSample } from '../../src/strategies/verifiers.js'
import { argmax, decode, describeDrafter, PROMPT, stepAt } from './conformance.js'
import { independentGuesses } from './toy-drafters.js'
import { ToyModel } from './toy-model.js'

/** A request for drafters, which look at processors and at their own random numbers only. */
const request = (processors: Request['processors'] = []) =>
  ({ processors, draftRandom: createRandom(5) }) as unknown as Request
const last = { hidden: new Float32Array(4) }

describeDrafter('promptLookup', () => promptLookup({ numTokens: 4, maxNgram: 2 })(request()))
describeDrafter('draftModel, the target itself', () => toyDraft({}))
describeDrafter('draftModel, short', () =>
  toyDraft({ numTokens: 2, model: new ToyModel({ maxPositions: 20 }) }),
)
for (const size of [1, 7, 40]) {
  describeDrafter(`tokenRecycling of ${size} nodes`, () => toyRecycling({ size }))
  const successors: Successors = new Map()
  describeDrafter(`tokenRecycling of ${size} nodes, hot`, () => toyRecycling({ size, successors }))
  describeDrafter(`draftTree of ${size} nodes`, () => toyTree({ size, depth: 5 }))
}
describeDrafter('draftTree, of a short model that knows nothing', () =>
  toyTree({ size: 6, depth: 3, model: new OtherModel({ maxPositions: 20 }) }),
)

/** A model of the same tokens that knows nothing of the target. */
class OtherModel extends ToyModel {
  override logits(path: readonly number[]) {
    return super.logits([...path, 7])
  }
}

function toyTree(options: Partial<DraftTreeOptions>, processors: Request['processors'] = []) {
  return draftTree({ model: new ToyModel(), size: 8, depth: 4, ...options })(request(processors))
}

function toyRecycling(options: Partial<TokenRecyclingOptions>) {
  return tokenRecycling({ size: 20, depth: 4, width: 3, ...options })(request())
}

function toyDraft(options: Partial<DraftModelOptions>) {
  return draftModel({ model: new ToyModel(), numTokens: 5, ...options })(request())
}

/** Candidates of heads that know the toy text, the wrong ones first at every other place. */
function toyHeads(text: readonly number[], at: (hidden: Float32Array) => number) {
  return async (hidden: Float32Array) => {
    const next = at(hidden)
    return independentGuesses(
      [0, 1, 2].map((head) => {
        const token = text[next + head] ?? 0
        const ranked = (next + head) % 2 === 0 ? [token, 1, 2] : [(token + 1) % 13, token, 3]
        return { tokens: ranked, logProbabilities: [-0.3, -1.5, -3] }
      }),
    )
  }
}

/** Three heads that know how the toy model's text goes on from each path. */
const sequentialHeads = async (text: readonly number[]): Promise<Guesses> => {
  const model = new ToyModel()
  return {
    heads: 3,
    after: async (paths) =>
      paths.map((path) => {
        const probabilities = softmax(model.logits([...text, ...path]))
        const tokens = [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a])
        return { tokens, logProbabilities: tokens.map((token) => Math.log(probabilities[token])) }
      }),
  }
}

for (const tree of [5, [[0], [0, 1], [0, 1, 0], [1], [1, 0], [2]]]) {
  describeDrafter(`medusa, ${JSON.stringify(tree)}`, (text) => {
    const model = new ToyModel()
    /** Where the text goes on after the token that was chosen from this state. */
    const at = (hidden: Float32Array) =>
      2 + text.findIndex((_, i) => String(model.hidden(text.slice(0, i + 1))) === String(hidden))
    return medusa({ heads: toyHeads(text, at), tree })(request())
  })
  describeDrafter(`medusa with sequential heads, ${JSON.stringify(tree)}`, (text) => {
    const model = new ToyModel()
    /** What the text was when this state was made. */
    const before = (hidden: Float32Array) => {
      const last = text.findIndex((_, i) => String(model.hidden(text.slice(0, i + 1))) === String(hidden))
      return text.slice(0, last + 1)
    }
    return medusa({ heads: (hidden) => sequentialHeads(before(hidden)), tree, width: 2 })(request())
  })
}

describe('medusa', () => {
  const head = (probabilities: number[], tokens = probabilities.map((_, i) => i)) => ({
    tokens,
    logProbabilities: probabilities.map(Math.log),
  })

  test('takes a fixed tree from its paths, shorter ones first', async () => {
    const candidates = [head([0.5, 0.3], [10, 11]), head([0.6, 0.2], [20, 21]), head([0.9], [30])]
    const choices = [[1], [0, 1], [0], [0, 0], [0, 0, 0], [1, 0]]
    expect(await choiceTree(independentGuesses(candidates), 7, choices)).toEqual({
      tokens: [10, 11, 20, 21, 20, 30],
      parents: [-1, -1, 0, 0, 1, 2],
    })
    // What has no candidate, or no parent, is left out.
    const short = { tokens: [10, 11], parents: [-1, -1] }
    expect(await choiceTree(independentGuesses(candidates.slice(0, 1)), 7, choices)).toEqual(short)
    expect(await choiceTree(independentGuesses(candidates), 7, choices, 1)).toEqual(short)
    expect(await choiceTree(independentGuesses(candidates), 7, [[1, 0], [0]])).toEqual({
      tokens: [10],
      parents: [-1],
    })
  })

  test('takes the nodes of the highest joint probability', async () => {
    const candidates = [head([0.6, 0.3, 0.05]), head([0.55, 0.4]), head([0.9, 0.05])]
    const likeliest = (size: number) =>
      likeliestPaths(independentGuesses(candidates), 7, { size, depth: candidates.length })
    const all = await likeliest(100)
    // 3 + 3 · 2 + 3 · 2 · 2 paths.
    expect(all.tokens).toHaveLength(21)
    const joint = (tree: typeof all, node: number): number => {
      const depth = depthOf(tree, node)
      const parent = tree.parents[node]
      const own = Math.exp(candidates[depth].logProbabilities[tree.tokens[node]])
      return parent < 0 ? own : own * joint(tree, parent)
    }
    const probabilities = all.tokens.map((_, node) => joint(all, node))
    expect(probabilities).toEqual([...probabilities].sort((a, b) => b - a))
    expect(await likeliest(4)).toEqual({ tokens: [0, 0, 1, 0], parents: [-1, 0, -1, 1] })
  })

  test('asks sequential heads for what comes after each path, a level at a time', async () => {
    const asked: (readonly number[])[][] = []
    const guesses = async (hidden: Float32Array): Promise<Guesses> => {
      expect(hidden).toBe(last.hidden)
      const heads = await sequentialHeads(PROMPT)
      return {
        ...heads,
        after: (paths) => {
          asked.push([...paths])
          return heads.after(paths)
        },
      }
    }
    const prefix = prefixOf([...PROMPT, 2])
    const draft = (tree: number, size?: number) =>
      medusa({ heads: guesses, tree, width: 10 })(request()).draft(prefix, last, 100, size)
    // As a model that drafts a tree, of the same knowledge.
    const wanted = await toyTree({ size: 8, depth: 3 }).draft(prefix, last, 100)
    expect(await draft(8)).toEqual(wanted)
    expect(
      asked.map((paths) => paths.map(({ length }) => length)).map((level) => [...new Set(level)]),
    ).toEqual([[1], [2], [3]])
    expect(asked[0]).toEqual([[2]])
    expect(asked[1]).toContainEqual([2, wanted.tokens[0]])
    const before = asked.flat().length
    // What is not wanted is not looked at.
    const first = { tokens: wanted.tokens.slice(0, 2), parents: wanted.parents.slice(0, 2) }
    expect(await draft(8, 2)).toEqual(first)
    expect(asked.flat().length - before).toBe(2)
    const fixed = await medusa({ heads: guesses, tree: [[0], [0, 1]] })(request()).draft(prefix, last, 100)
    expect(fixed.tokens[0]).toBe(wanted.tokens[0])
    expect(asked.at(-1)).toEqual([[2, wanted.tokens[0]]])
  })

  function depthOf({ parents }: { parents: number[] }, node: number): number {
    return parents[node] < 0 ? 0 : 1 + depthOf({ parents }, parents[node])
  }
})

describe('promptLookup', () => {
  const draft = (text: number[], options: Partial<Parameters<typeof promptLookup>[0]> = {}, limit = 100) =>
    promptLookup({ numTokens: 3, ...options })(request()).draft(prefixOf(text), last, limit)

  test('drafts what followed the longest n-gram, at its first place', () => {
    expect(draft([1, 2, 3, 4, 5, 1, 2])).toEqual({ tokens: [3, 4, 5], parents: [-1, 0, 1] })
    expect(draft([9, 2, 7, 1, 2, 3, 8, 1, 2])).toEqual({ tokens: [3, 8, 1], parents: [-1, 0, 1] })
    expect(draft([9, 2, 7, 1, 2, 3, 8, 1, 2], { maxNgram: 1 })).toEqual({
      tokens: [7, 1, 2],
      parents: [-1, 0, 1],
    })
  })

  test('falls back to shorter ones, and to nothing', () => {
    expect(draft([5, 2, 6, 1, 2])).toMatchObject({ tokens: [6, 1, 2] })
    expect(draft([1, 2, 3])).toEqual({ tokens: [], parents: [] })
    expect(draft([1])).toEqual({ tokens: [], parents: [] })
  })

  test('takes no notice of n-grams that are too short', () => {
    const ngrams = { minNgram: 2, maxNgram: 3 }
    expect(draft([5, 2, 6, 1, 2], ngrams)).toEqual({ tokens: [], parents: [] })
    expect(draft([1, 2, 6, 1, 2], ngrams)).toMatchObject({ tokens: [6, 1, 2] })
  })

  test('stays within its number, the limit, and before the end of a text', () => {
    expect(draft([1, 2, 3, 4, 5, 1, 2], { numTokens: 2 })).toMatchObject({ tokens: [3, 4] })
    expect(draft([1, 2, 3, 4, 5, 1, 2], {}, 1)).toMatchObject({ tokens: [3] })
    expect(draft([1, 2, 3, 4, 5, 1, 2], { eosTokenIds: [4] })).toMatchObject({ tokens: [3] })
  })
})

describe('draftModel', () => {
  test('that is the target drafts what the target writes, whatever was rejected before', async () => {
    const limit = PROMPT.length + 30
    const { text } = await decode(follow(argmax), undefined, { limit })
    const run = await decode(follow(argmax), toyDraft({}), { limit })
    expect(run.text).toEqual(text)
    // The first pass drafts nothing; then 5 tokens and one of the target's a step.
    expect([run.accepted, run.drafted]).toEqual([24, 24])
  })

  test('runs its model only on what is new', async () => {
    const model = new ToyModel()
    const drafter = toyDraft({ model, numTokens: 3 })
    const prefix = prefixOf(PROMPT)
    const { tokens } = await drafter.draft(prefix, last, 100)
    expect(tokens).toHaveLength(3)
    expect(model.tokensRun).toBe(PROMPT.length + 2)
    // One of the draft is accepted, and another token comes after it.
    const other = (tokens[1] + 1) % model.vocabSize
    await drafter.draft(extend(extend(prefix, tokens[0]), other), last, 100)
    expect(model.tokensRun).toBe(PROMPT.length + 2 + 3)
    drafter.dispose!()
    expect(model.caches.size).toBe(0)
  })

  test('ends with a token that it is not sure of, and with the end of a text', async () => {
    const model = new ToyModel()
    const sure = (tokens: number[]) => Math.max(...softmax(model.logits(tokens)))
    const all = await toyDraft({ numTokens: 8 }).draft(prefixOf(PROMPT), last, 100)
    const confidences = all.tokens.map((_, i) => sure([...PROMPT, ...all.tokens.slice(0, i)]))
    const confidenceThreshold = [...confidences].sort((a, b) => a - b)[1] - 1e-6
    const least = confidences.findIndex((value) => value < confidenceThreshold)
    const cut = await toyDraft({ numTokens: 8, confidenceThreshold }).draft(prefixOf(PROMPT), last, 100)
    expect(cut.tokens).toEqual(all.tokens.slice(0, least + 1))
    const eos = await toyDraft({ numTokens: 8, eosTokenIds: [all.tokens[2]] }).draft(
      prefixOf(PROMPT),
      last,
      100,
    )
    expect(eos.tokens).toEqual(all.tokens.slice(0, all.tokens.indexOf(all.tokens[2]) + 1))
  })

  test('sees the scores as processors leave them', async () => {
    const { tokens } = await toyDraft({ numTokens: 1 }).draft(prefixOf(PROMPT), last, 100)
    const forbid = (scores: Float32Array) => {
      scores[tokens[0]] = -Infinity
    }
    const drafter = draftModel({ model: new ToyModel(), numTokens: 1 })(request([forbid]))
    expect((await drafter.draft(prefixOf(PROMPT), last, 100)).tokens).not.toEqual(tokens)
  })

  test('sampled, gives the distributions that its tokens were drawn from', async () => {
    const model = new ToyModel()
    const drafter = draftModel({ model, numTokens: 4, sampled: true })(request())
    const { tokens, probs } = await drafter.draft(prefixOf(PROMPT), last, 100)
    for (const [i, p] of probs!.entries()) {
      expect(p).toEqual(softmax(model.logits([...PROMPT, ...tokens.slice(0, i)])))
    }
    // Of the target's own distribution nothing is rejected.
    const limit = PROMPT.length + 30
    const own = draftModel({ model: new ToyModel(), numTokens: 5, sampled: true })(request())
    const run = await decode(rejectionSample(), own, { limit })
    expect([run.accepted, run.drafted]).toEqual([24, 24])
  })
})

describe('draftTree', () => {
  const model = new ToyModel()
  const probabilitiesAfter = (text: readonly number[]) => softmax(model.logits(text))

  function pathTo({ tokens, parents }: TokenTree, node: number): number[] {
    return node < 0 ? [] : [...pathTo({ tokens, parents }, parents[node]), tokens[node]]
  }

  const joint = (path: readonly number[]) =>
    path.reduce((p, token, i) => p * probabilitiesAfter([...PROMPT, ...path.slice(0, i)])[token], 1)

  /** All paths of up to `depth` tokens, likeliest first. */
  function allPaths(depth: number): number[][] {
    let level: number[][] = [[]]
    const paths: number[][] = []
    for (let i = 0; i < depth; i++) {
      level = level.flatMap((path) => Array.from({ length: model.vocabSize }, (_, token) => [...path, token]))
      paths.push(...level)
    }
    const likelihoods = new Map(paths.map((path) => [path, joint(path)]))
    return paths.sort((a, b) => likelihoods.get(b)! - likelihoods.get(a)!)
  }

  test('takes the likeliest paths, best first, so that its beginning is the best smaller tree', async () => {
    const wanted = allPaths(3)
    for (const size of [1, 5, 10, 24]) {
      const tree = await toyTree({ size, depth: 3 }).draft(prefixOf(PROMPT), last, 100)
      expect(tree.tokens.map((_, node) => pathTo(tree, node))).toEqual(wanted.slice(0, size))
    }
  })

  test('stays within its depth and the limit, and ends with the end of a text', async () => {
    const depths = (tree: TokenTree) => tree.tokens.map((_, node) => pathTo(tree, node).length)
    const draft = (options: Partial<DraftTreeOptions>, limit = 100) =>
      toyTree({ size: 30, ...options }).draft(prefixOf(PROMPT), last, limit)
    const whole = await draft({})
    expect(Math.max(...depths(whole))).toBe(4)
    expect(Math.max(...depths(await draft({ depth: 2 })))).toBe(2)
    expect(Math.max(...depths(await draft({}, 1)))).toBe(1)
    const inner = whole.tokens[whole.parents.find((parent) => parent >= 0)!]
    const cut = await draft({ eosTokenIds: [inner] })
    expect(cut.tokens).toContain(inner)
    expect(cut.parents.some((parent) => cut.tokens[parent] === inner)).toBe(false)
  })

  test('sees the scores as processors leave them', async () => {
    const { tokens } = await toyTree({ size: 2 }).draft(prefixOf(PROMPT), last, 100)
    const forbid = (scores: Float32Array) => {
      scores[tokens[0]] = -Infinity
    }
    const tree = await toyTree({ size: 20 }, [forbid]).draft(prefixOf(PROMPT), last, 100)
    expect(tree.tokens).not.toContain(tokens[0])
  })

  test('runs a level in one pass, and what was accepted never again', async () => {
    const model = new ToyModel()
    const drafter = toyTree({ model, size: 20, depth: 3 })
    const prefix = prefixOf(PROMPT)
    const tree = await drafter.draft(prefix, last, 100)
    expect(model.forwards).toBe(3)
    const leaf = tree.parents.findIndex((parent) => parent >= 0 && tree.parents[parent] >= 0)
    const path = pathTo(tree, leaf)
    // Of the accepted path all but its last token was run; after it comes one of the target's.
    let text = prefix
    for (const token of [...path, 5]) text = extend(text, token)
    const before = model.tokensRun
    await drafter.draft(text, last, 1)
    expect(model.tokensRun - before).toBe(2)
    drafter.dispose!()
    expect(model.caches.size).toBe(0)
  })

  test('goes on from a text that took only the beginning of its tree', async () => {
    const drafter = toyTree({ size: 20, depth: 3 })
    const prefix = prefixOf(PROMPT)
    const tree = await drafter.draft(prefix, last, 100)
    // The tree was cut before its second node: the target itself chose what that node says.
    const text = extend(prefix, tree.tokens[0])
    const again = await drafter.draft(text, last, 100)
    expect(again).toEqual(await toyTree({ size: 20, depth: 3 }).draft(text, last, 100))
  })

  test('leaves a text as it is that is accepted in good part', async () => {
    const limit = PROMPT.length + 30
    const plain = await decode(follow(argmax), undefined, { limit })
    const run = await decode(follow(argmax), toyTree({ size: 20, depth: 5 }), { limit })
    expect(run.text).toEqual(plain.text)
    // The model is the target: the best path of the greedy text's is cut only where other nodes are likelier.
    expect(run.accepted).toBeGreaterThan(15)
  })
})

describe('the longest end that stood before', () => {
  /** By its definition. */
  function slow(text: readonly number[], most: number) {
    let longest = { size: 0, end: text.length }
    for (let end = 1; end < text.length; end++) {
      let size = 0
      while (size < most && size < end && text[end - 1 - size] === text[text.length - 1 - size]) size++
      if (size > longest.size) longest = { size, end }
    }
    return longest
  }

  test('is that of the definition', () => {
    const random = createRandom(5)
    for (let i = 0; i < 500; i++) {
      const text = Array.from({ length: 1 + Math.floor(30 * random()) }, () => Math.floor(3 * random()))
      const most = 1 + Math.floor(12 * random())
      expect(earlierEnd(text, most)).toEqual(slow(text, most))
    }
  })

  test('takes no longer for a text that repeats itself', () => {
    // Comparing each place token by token would take 4.5e12 steps.
    const text = Array<number>(3e6).fill(1)
    expect(earlierEnd(text, Infinity)).toEqual({ size: text.length - 1, end: text.length - 1 })
  })
})

describe('tokenRecycling', () => {
  const prefix = prefixOf(PROMPT)
  /** Scores of 13 tokens: these, and 0 for others. */
  const scores = (best: Record<number, number>) => Float32Array.from({ length: 13 }, (_, i) => best[i] ?? 0)
  /** A step that ran a draft after 4: these tokens, of which the path was accepted, and then `next` was chosen. */
  const step = (draft: TokenTree, path: number[], next: number, logits: Record<number, Float32Array>) => ({
    ...stepAt(prefixOf([1, 4, ...path.map((node) => draft.tokens[node]), next]), {}),
    draft,
    path,
    logits: (node: number) => logits[node],
  })

  test('drafts nothing before the first pass, and nothing after a token that no pass ran', async () => {
    const drafter = toyRecycling({})
    expect(await drafter.draft(prefix, last, 9)).toEqual({ tokens: [], parents: [] })
    drafter.verified!(step({ tokens: [], parents: [] }, [], 2, { [-1]: scores({ 9: 5 }) }))
    expect(await drafter.draft(prefixOf([1, 4, 2]), last, 9)).toEqual({ tokens: [], parents: [] })
  })

  test('learns from every node of a pass, rejected ones too, and drafts the likeliest paths', async () => {
    const drafter = toyRecycling({ size: 5 })
    expect(drafter.logits).toBe(3)
    const draft = { tokens: [7, 8, 5], parents: [-1, -1, 0] }
    drafter.verified!(
      step(draft, [1], 4, {
        [-1]: scores({ 7: 9, 8: 8 }),
        0: scores({ 5: 20 }),
        1: scores({ 11: 5, 12: 4.9, 10: 4.8 }),
        2: scores({ 6: 9, 3: 1 }),
      }),
    )
    // Of 4 these are 0.73 and 0.27 (and the third 0.0001); after the rejected 7 comes 5, and after that 6, nearly certainly.
    const tree = await drafter.draft(prefixOf([1, 4, 8, 4]), last, 3)
    expect(tree).toEqual({ tokens: [7, 5, 6, 8, 11], parents: [-1, 0, 1, -1, 3] })
    expect(await drafter.draft(prefixOf([1, 4, 8, 4]), last, 1, 2)).toEqual({
      tokens: [7, 8],
      parents: [-1, -1],
    })
  })

  test('keeps of a token that occurs twice what was accepted', async () => {
    const drafter = toyRecycling({ size: 1 })
    const draft = { tokens: [6, 6], parents: [-1, -1] }
    drafter.verified!(
      step(draft, [0], 6, { [-1]: scores({ 1: 1 }), 0: scores({ 2: 9 }), 1: scores({ 3: 9 }) }),
    )
    expect(await drafter.draft(prefixOf([1, 4, 6, 6]), last, 9)).toMatchObject({ tokens: [2] })
  })

  test('drafts nothing beyond the end of a text, and no impossible token', async () => {
    const drafter = toyRecycling({ eosTokenIds: [9] })
    const only = scores({ 9: 3 }).map((score) => (score === 3 ? score : -Infinity))
    const draft = { tokens: [9], parents: [-1] }
    drafter.verified!(step(draft, [], 4, { [-1]: only, 0: scores({ 2: 9 }) }))
    expect(await drafter.draft(prefixOf([1, 4, 4]), last, 9)).toEqual({ tokens: [9], parents: [-1] })
  })

  test('begins each sequence with nothing, or with what earlier ones have left', async () => {
    for (const successors of [undefined, new Map()]) {
      const create = tokenRecycling({ size: 1, depth: 1, successors })
      create(request()).verified!(step({ tokens: [], parents: [] }, [], 2, { [-1]: scores({ 9: 5 }) }))
      const { tokens } = await create(request()).draft(prefixOf([4]), last, 9)
      expect(tokens).toEqual(successors ? [9] : [])
    }
  })

  test('has much of a text accepted that goes on by its last token', async () => {
    const limit = PROMPT.length + 60
    class Bigrams extends ToyModel {
      override logits(path: readonly number[]) {
        return super.logits(path.slice(-1))
      }
    }
    const model = new Bigrams()
    const steps: { drafted: number; accepted: number }[] = []
    const random = createRandom(1)
    const decoding = draftVerify(() => toyRecycling({}), follow(argmax))
    const sequence = { cache: model.newCache(), prompt: prefix, processors: [], limit }
    for await (const step of decoding({ ...sequence, model, random, draftRandom: random })) steps.push(step)
    expect(steps.length).toBeLessThan(25)
  })
})
