import { describe, expect, test } from 'vitest'
import { BranchingModel } from '../../src/model/branches.js'
import type { Model } from '../../src/model/model.js'
import { type Prefix, prefixOf, tokensOf } from '../../src/model/prefix.js'
import { createRandom } from '../../src/random.js'
import type { BeamOptions } from '../../src/strategies/beam/options.js'
import { beamSearch } from '../../src/strategies/beam/search.js'
import { drawWithoutReplacement, selectBest } from '../../src/strategies/beam/selection.js'
import type { Hypothesis, SearchRequest } from '../../src/strategies/search.js'
import { logSoftmax } from '../../src/strategies/softmax.js'
import { argmax } from './conformance.js'
import { ToyModel } from './toy-model.js'

const EOS = 7

const plain: BeamOptions = {
  numBeams: 4,
  lengthPenalty: 1,
  earlyStopping: false,
  candidatesPerBeam: 2,
  select: selectBest,
}

interface Setting {
  readonly tokens: number
  readonly count?: number
  readonly eos?: number
  readonly processors?: SearchRequest<number>['processors']
  readonly model?: Model
  readonly seed?: number
}

/** Searches to the end; each token's record is the token. */
async function run(options: Partial<BeamOptions>, prompt: readonly number[], setting: Setting) {
  const { tokens, count = 1, eos, processors = [], seed = 1 } = setting
  const model = setting.model ?? new ToyModel()
  const cache = model.newCache()
  const limit = prompt.length + tokens
  const request: SearchRequest<number> = {
    model,
    cache,
    prompt: prefixOf(prompt),
    processors,
    random: createRandom(seed),
    draftRandom: createRandom(seed),
    limit,
    count,
    stop: ({ token, length }) => (token === eos ? 'eos' : length >= limit ? 'length' : undefined),
    record: ({ token }) => token,
  }
  const steps = beamSearch({ ...plain, ...options }).search(request)
  const settled: number[] = []
  let slots = 0
  let step = await steps.next()
  for (; !step.done; step = await steps.next()) {
    settled.push(...step.value.settled)
    slots = Math.max(slots, cache.length)
  }
  cache.dispose()
  for (const { records, prefix } of step.value) {
    expect(tokensOf(prefix, prefix.length - prompt.length)).toEqual(records)
    expect(records.slice(0, settled.length)).toEqual(settled)
  }
  return { found: step.value, settled, slots }
}

interface Whole {
  readonly ids: readonly number[]
  readonly sum: number
}

/** Every sequence that ends with EOS or at `tokens` tokens. */
function everySequence(prompt: readonly number[], tokens: number, eos?: number): Whole[] {
  const toy = new ToyModel()
  const grow = (ids: readonly number[], sum: number): Whole[] => {
    if (ids.length === tokens || (eos !== undefined && ids.at(-1) === eos)) return [{ ids, sum }]
    const logprobs = logSoftmax(toy.logits([...prompt, ...ids]))
    return Array.from(logprobs).flatMap((logprob, token) => grow([...ids, token], sum + logprob))
  }
  return grow([], 0)
}

const prompts = Array.from({ length: 12 }, (_, i) => [1 + (i % 11), 4, (3 * i) % 13])
const idsOf = ({ records }: Hypothesis<number>) => records

describe('beam search', () => {
  test.each(prompts)('of one beam is greedy: %j, %j, %j', async (...prompt) => {
    const text = [...prompt]
    const toy = new ToyModel()
    for (let i = 0; i < 20; i++) text.push(argmax(toy.logits(text), Math.random))
    const { found } = await run({ numBeams: 1 }, prompt, { tokens: 20 })
    expect(found.map(idsOf)).toEqual([text.slice(prompt.length)])
  })

  const V = new ToyModel().vocabSize
  test.each([
    [1, undefined],
    [0, undefined],
    [1, EOS],
    [0, EOS],
    [2, EOS],
    [-1, EOS],
  ])(
    'with as many beams as there are sequences is exhaustive: length penalty %d, EOS %s',
    async (penalty, eos) => {
      for (const prompt of prompts.slice(0, 4)) {
        const options = { numBeams: V ** 2, lengthPenalty: penalty, earlyStopping: 'never' as const }
        const { found } = await run(options, prompt, { tokens: 3, eos, count: 5 })
        const all = everySequence(prompt, 3, eos).map(({ ids, sum }) => ({
          ids,
          score: sum / ids.length ** penalty,
        }))
        const best = all.sort((a, b) => b.score - a.score).slice(0, 5)
        expect(found.map(idsOf)).toEqual(best.map(({ ids }) => ids))
        for (const [i, { score }] of found.entries()) expect(score).toBeCloseTo(best[i].score, 4)
      }
    },
  )

  test('never does better by pruning: fewer beams find no better sequence than there is', async () => {
    let worse = 0
    for (const prompt of prompts) {
      const best = Math.max(...everySequence(prompt, 4).map(({ sum }) => sum))
      for (const numBeams of [1, 2, 3, 5, 8]) {
        const { found } = await run({ numBeams, lengthPenalty: 0 }, prompt, { tokens: 4 })
        expect(found[0].score).toBeLessThan(best + 1e-5)
        if (found[0].score < best - 1e-5) worse++
      }
    }
    // Else the bound would say nothing.
    expect(worse).toBeGreaterThan(5)
  })

  test('scores are what the model says of the sequence, whatever was compacted away', async () => {
    for (const prompt of prompts.slice(0, 3)) {
      const { found, slots } = await run({ numBeams: 5, lengthPenalty: 0.7 }, prompt, {
        tokens: 90,
        count: 5,
      })
      const toy = new ToyModel()
      for (const { records, score } of found) {
        const text = [...prompt]
        let sum = 0
        for (const token of records) {
          sum += logSoftmax(toy.logits(text))[token]
          text.push(token)
        }
        expect(score).toBeCloseTo(sum / records.length ** 0.7, 3)
      }
      // Without compaction it would be 5 a step.
      expect(slots).toBeLessThan(90 + 5 * 64)
      expect(slots).toBeLessThan(5 * 90 - 100)
    }
  })

  test('settles text while it goes on', async () => {
    const { settled, found } = await run({ numBeams: 3 }, [3, 1, 4], { tokens: 60, count: 3 })
    expect(settled.length).toBeGreaterThan(20)
    expect(found).toHaveLength(3)
    const [first, ...others] = found.map(idsOf)
    const differs = first.findIndex((token, i) => others.some((ids) => ids[i] !== token))
    expect(settled.length).toBeLessThanOrEqual(differs)
  })

  test('runs one token a beam and step', async () => {
    const model = new ToyModel()
    await run({ numBeams: 4 }, [3, 1, 4], { tokens: 10, model })
    expect(model.forwards).toBe(10)
    expect(model.tokensRun).toBe(3 + 4 * 9)
  })

  test('several at a time on one tree find what each finds alone', async () => {
    const options = { numBeams: 4, candidatesPerBeam: 2, earlyStopping: true }
    const alone = []
    for (const prompt of prompts) alone.push((await run(options, prompt, { tokens: 30, eos: EOS })).found)
    const toy = new ToyModel()
    const model = new BranchingModel(toy)
    const together = await Promise.all(
      prompts.map((prompt) => run(options, prompt, { tokens: 30, eos: EOS, model })),
    )
    const plainOf = (found: readonly Hypothesis<number>[]) =>
      found.map(({ records, score, reason, beamIndices }) => ({ records, score, reason, beamIndices }))
    expect(together.map(({ found }) => plainOf(found))).toEqual(alone.map(plainOf))
    expect(toy.forwards).toBeLessThanOrEqual(31)
  })

  test('names the beam that each token continued', async () => {
    const { found } = await run({ numBeams: 4 }, [3, 1, 4], { tokens: 12, count: 4 })
    for (const { beamIndices, records } of found) {
      expect(beamIndices).toHaveLength(records.length)
      expect(beamIndices[0]).toBe(0)
      expect(Math.max(...beamIndices)).toBeLessThan(4)
    }
    expect(new Set(found.map(({ beamIndices }) => beamIndices.join())).size).toBeGreaterThan(1)
  })

  test('ends with what it has where the processors leave too little', async () => {
    const allowed = [2, 5]
    const only = (logits: Float32Array) => {
      for (const i of logits.keys()) if (!allowed.includes(i)) logits[i] = -Infinity
    }
    const { found } = await run({ numBeams: 8 }, [3, 1, 4], { tokens: 2, count: 8, processors: [only] })
    expect(found.map(idsOf).map(String).sort()).toEqual(['2,2', '2,5', '5,2', '5,5'])
    const nothing = (logits: Float32Array) => void logits.fill(-Infinity)
    await expect(run({}, [3, 1, 4], { tokens: 2, processors: [nothing] })).rejects.toThrow(
      'no token can follow',
    )
  })
})

describe('beam sample', () => {
  const options = { numBeams: 3, select: drawWithoutReplacement }

  test('is the same with the same seed, and another one with another', async () => {
    const text = async (seed: number) =>
      (await run(options, [3, 1, 4], { tokens: 12, count: 3, seed })).found.map(idsOf)
    expect(await text(5)).toEqual(await text(5))
    const texts = await Promise.all([1, 2, 3, 4].map(text))
    expect(new Set(texts.map(String)).size).toBeGreaterThan(2)
  })

  const LOGITS = [2, 1.5, 0.7, 0.1, -0.4, -1]
  const P = LOGITS.map((logit) => Math.exp(logit) / LOGITS.reduce((sum, x) => sum + Math.exp(x), 0))
  const DRAWS = 20_000

  /** χ² of pairs drawn against Σ of p(i) p(j) / (1 - p(i)), with 29 degrees of freedom. */
  function chiSquare(probability: (i: number, j: number) => number): number {
    const select = drawWithoutReplacement()
    const random = createRandom(11)
    // Two beams that share the tokens: the draw is over all of both.
    const row = (tokens: number[]) =>
      Float32Array.from(LOGITS, (logit, i) => (tokens.includes(i) ? logit : -Infinity))
    const counts = new Map<string, number>()
    for (let n = 0; n < DRAWS; n++) {
      const pair = select([row([0, 2, 4]), row([1, 3, 5])], [-3, -3], 2, random).map(({ token }) => token)
      counts.set(pair.join(), (counts.get(pair.join()) ?? 0) + 1)
    }
    let sum = 0
    for (let i = 0; i < 6; i++) {
      for (let j = 0; j < 6; j++) {
        if (i === j) continue
        const expected = DRAWS * probability(i, j)
        sum += ((counts.get(`${i},${j}`) ?? 0) - expected) ** 2 / expected
      }
    }
    return sum
  }

  test('draws without replacement over all beams', () => {
    // 58.3 is the 99.9th percentile.
    expect(chiSquare((i, j) => (P[i] * P[j]) / (1 - P[i]))).toBeLessThan(58.3)
    // Negative control: pairs with replacement, of which those of a kind are thrown away.
    const apart = 1 - P.reduce((sum, p) => sum + p * p, 0)
    expect(chiSquare((i, j) => (P[i] * P[j]) / apart)).toBeGreaterThan(200)
  })

  test('draws what there is where more is asked for', () => {
    const row = Float32Array.from([-Infinity, -1, -Infinity, -2])
    const drawn = drawWithoutReplacement()([row, row.map(() => -Infinity)], [0, 0], 5, createRandom(1))
    expect(drawn.map(({ token }) => token).sort()).toEqual([1, 3])
    expect(drawWithoutReplacement()([row.map(() => -Infinity)], [0], 5, createRandom(1))).toEqual([])
  })
})

describe('groups', () => {
  const groups = { count: 3, penalty: 2, padToken: 0 }

  test('begin with different tokens, for the penalty', async () => {
    const penalised = await run({ numBeams: 6, groups }, [3, 1, 4], { tokens: 10, count: 6 })
    const first = (found: readonly Hypothesis<number>[]) =>
      new Set(found.map(({ records }) => records[0])).size
    const alike = await run({ numBeams: 6, groups: { count: 3, penalty: 0, padToken: 0 } }, [3, 1, 4], {
      tokens: 10,
      count: 6,
    })
    expect(first(penalised.found)).toBeGreaterThan(first(alike.found))
  })

  test('without a penalty are as many beam searches', async () => {
    const { found } = await run({ numBeams: 6, groups: { count: 3, penalty: 0, padToken: 0 } }, [3, 1, 4], {
      tokens: 10,
      count: 6,
    })
    const alone = await run({ numBeams: 2 }, [3, 1, 4], { tokens: 10, count: 2 })
    expect(new Set(found.map((one) => idsOf(one).join()))).toEqual(
      new Set(alone.found.map((one) => idsOf(one).join())),
    )
  })
})

describe('constraints', () => {
  const contains = (ids: readonly number[], word: readonly number[]) =>
    ids.some((_, i) => word.every((token, j) => ids[i + j] === token))

  test.each(prompts)('bring their words into the text: %j, %j, %j', async (...prompt) => {
    const constraints = [[[11, 2, 11]], [[0, 12], [10]]]
    const { found } = await run({ numBeams: 6, constraints }, prompt, { tokens: 16, eos: EOS })
    const ids = [...prompt, ...idsOf(found[0])]
    expect(contains(ids, [11, 2, 11])).toBe(true)
    expect(contains(ids, [0, 12]) || contains(ids, [10])).toBe(true)
    // Else the words may have come by themselves.
    const free = await run({ numBeams: 6 }, prompt, { tokens: 16, eos: EOS })
    expect(contains([...prompt, ...idsOf(free.found[0])], [11, 2, 11])).toBe(false)
  })

  test('that cannot be met in the tokens left give the best there is', async () => {
    const word = [1, 2, 3, 4, 5, 6]
    const { found } = await run({ numBeams: 3, constraints: [[word]] }, [3, 1, 4], { tokens: 4, count: 2 })
    expect(found).toHaveLength(2)
    expect(found[0].records).toHaveLength(4)
  })
})

describe('a prefix', () => {
  test('of a beam is a chain of its own tokens', async () => {
    const { found } = await run({ numBeams: 2 }, [3, 1, 4], { tokens: 5 })
    let node: Prefix | undefined = found[0].prefix
    let length = 0
    for (; node; node = node.parent) length++
    expect(length).toBe(found[0].prefix.length)
  })
})
