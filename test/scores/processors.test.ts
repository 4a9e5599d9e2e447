import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { resolveGenerationConfig } from '../../src/config/index.js'
import { extend, type Prefix, prefixOf, tokensOf } from '../../src/model/prefix.js'
import { createRandom } from '../../src/random.js'
import { badWords, sequenceBias } from '../../src/scores/processors/bias.js'
import { buildProcessors, combineGuidance } from '../../src/scores/processors/index.js'
import { noRepeatNgram, repetitionPenalty } from '../../src/scores/processors/repetition.js'
import {
  epsilonCutoff,
  etaCutoff,
  minP,
  topH,
  topK,
  topP,
  typical,
} from '../../src/scores/processors/truncation.js'
import type { LogitsProcessor } from '../../src/strategies/strategy.js'

interface Case {
  fields: Record<string, unknown>
  context: string
  row: string
  scores: string
}

interface Golden {
  eos: number[]
  rows: Record<string, string>
  unconditional: string
  contexts: Record<string, { ids: number[]; prompt_length: number; max_length: number }>
  order: string[]
  singles: Case[]
  pairs: Case[]
  kept: { field: string; keep: number; row: string; scores: string }[]
}

const golden: Golden = JSON.parse(
  readFileSync(new URL('../golden/processors/golden.json', import.meta.url), 'utf8'),
)

const decode = (text: string) => new Float32Array(Uint8Array.from(Buffer.from(text, 'base64')).buffer)

/** Whether -Infinity is in the same places, and everything else within 1e-5 (relative above 1). */
function differences(actual: Float32Array, expected: Float32Array): string[] {
  const wrong = actual.length === expected.length ? [] : [`${actual.length} scores, not ${expected.length}`]
  for (let i = 0; i < expected.length; i++) {
    const tolerance = Number.isFinite(expected[i]) ? 1e-5 * Math.max(1, Math.abs(expected[i])) : 0
    const equal = actual[i] === expected[i] || Math.abs(actual[i] - expected[i]) <= tolerance
    if (!equal) wrong.push(`token ${i}: ${actual[i]}, not ${expected[i]}`)
  }
  return wrong
}

/** Orders the results of equal inputs: which of them a cut keeps, torch leaves open. */
function canonical(input: Float32Array, output: Float32Array): Float32Array {
  const order = Array.from(input.keys()).sort((a, b) => input[a] - input[b] || output[a] - output[b] || 0)
  return Float32Array.from(order, (token) => output[token])
}

function run({ fields, context, row }: Case, reverse = false): Float32Array {
  const { ids, prompt_length: promptLength, max_length: maxLength } = golden.contexts[context]
  const { prefix_allowed: allowed, ...values } = fields as { prefix_allowed?: number[] }
  const { config } = resolveGenerationConfig({
    values: { do_sample: true, top_k: 0, ...values },
    origin: 'the case',
  })
  const processors = buildProcessors(config, {
    promptLength,
    maxLength,
    eosTokenIds: golden.eos,
    prefixAllowedTokensFn: allowed && (() => allowed),
  })
  const logits = decode(golden.rows[row])
  if (config.guidance_scale !== undefined) {
    combineGuidance(logits, decode(golden.unconditional), config.guidance_scale)
  }
  if (reverse) processors.reverse()
  for (const process of processors) process(logits, prefixOf(ids))
  return logits
}

const title = ({ fields, context, row }: Case) => `${JSON.stringify(fields)} ${context} ${row}`

describe("each processor equals HF's", () => {
  it.each(golden.singles.map((one) => [title(one), one] as const))('%s', (_, one) => {
    const breaksTies = one.row === 'ties' && ('top_p' in one.fields || 'top_h' in one.fields)
    const view = (scores: Float32Array) => (breaksTies ? canonical(decode(golden.rows.ties), scores) : scores)
    expect(differences(view(run(one)), view(decode(one.scores)))).toEqual([])
  })
})

describe("each ordered pair equals HF's", () => {
  for (const [i, first] of golden.order.entries()) {
    for (const second of golden.order.slice(i + 1)) {
      it(`${first}, ${second}`, () => {
        const cases = golden.pairs.filter(({ fields }) => first in fields && second in fields)
        expect(cases.length).toBe(4)
        for (const one of cases) expect(differences(run(one), decode(one.scores))).toEqual([])
      })
    }
  }

  it('and the comparison notices the reverse order', () => {
    const noticed = golden.pairs.filter((one) => differences(run(one, true), decode(one.scores)).length > 0)
    const names = new Set(noticed.map(({ fields }) => Object.keys(fields).join()))
    expect(names.size).toBeGreaterThan(60)
    expect(names).toContain('sequence_bias,temperature')
  })
})

describe("min_tokens_to_keep equals HF's", () => {
  const warpers: Record<string, (keep: number) => LogitsProcessor> = {
    top_k: (keep) => topK(1, keep),
    top_p: (keep) => topP(0.1, keep),
    min_p: (keep) => minP(0.9, keep),
    typical_p: (keep) => typical(0.05, keep),
    epsilon_cutoff: (keep) => epsilonCutoff(0.9, keep),
    eta_cutoff: (keep) => etaCutoff(0.9, keep),
  }
  it.each(golden.kept.map((one) => [`${one.field} ${one.keep} ${one.row}`, one] as const))('%s', (_, one) => {
    const logits = decode(golden.rows[one.row])
    warpers[one.field](one.keep)(logits, prefixOf([5]))
    expect(differences(logits, decode(one.scores))).toEqual([])
  })
})

describe('large vocabularies', () => {
  /** What the selection of `ranking.ts` must equal: a full sort. */
  const naive = {
    topK: (logits: Float32Array, k: number) => {
      const threshold = Float32Array.from(logits).sort().at(-k)!
      return logits.map((score) => (score < threshold ? -Infinity : score))
    },
    topP: (logits: Float32Array, p: number) => {
      const order = Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a])
      const weights = order.map((token) => Math.exp(logits[token] - logits[order[0]]))
      const total = weights.reduce((sum, weight) => sum + weight)
      const result = logits.slice().fill(-Infinity)
      let mass = 0
      for (const [rank, token] of order.entries()) {
        if (mass >= p * total) break
        result[token] = logits[token]
        mass += weights[rank]
      }
      return result
    },
  }
  const random = createRandom(11)
  const rows = [1, 4, 40, 4000].map((scale) =>
    Float32Array.from({ length: 20_000 }, () => scale * (random() + random() + random() - 1.5)),
  )

  it.each([1, 2, 50, 5_000, 19_999])('top-k %i equals a full sort', (k) => {
    for (const row of rows) {
      const logits = row.slice()
      topK(k)(logits, prefixOf([0]))
      expect(logits).toEqual(naive.topK(row, k))
    }
  })

  it.each([0.01, 0.5, 0.9, 0.9999])('top-p %d equals a full sort', (p) => {
    for (const row of rows) {
      const logits = row.slice()
      topP(p)(logits, prefixOf([0]))
      expect(logits).toEqual(naive.topP(row, p))
    }
  })

  it('top-p just below 1 keeps everything, whatever the sums round to', () => {
    const logits = rows[0].slice()
    topP(1 - 2 ** -53)(logits, prefixOf([0]))
    expect(logits).toEqual(rows[0])
  })

  it('top-h looks at the best 100 tokens only', () => {
    const logits = rows[0].slice()
    topH(1)(logits, prefixOf([0]))
    expect(logits.filter((score) => score > -Infinity).length).toBeLessThanOrEqual(100)
    expect(logits.filter((score) => score > -Infinity).length).toBeGreaterThanOrEqual(99)
  })
})

describe('state of a sequence', () => {
  const changed = (process: LogitsProcessor, prefix: Prefix) => {
    const logits = new Float32Array(8).fill(1)
    process(logits, prefix)
    return Array.from(logits.keys()).filter((token) => logits[token] !== 1)
  }
  const fresh = {
    'repetition penalty': (prefix: Prefix) => [...new Set(tokensOf(prefix))].sort(),
    'no-repeat bigram': (prefix: Prefix) => {
      const tokens = tokensOf(prefix)
      const followers = tokens.slice(1).filter((_, i) => tokens[i] === prefix.token)
      return [...new Set(followers)].sort()
    },
  }

  it.each([
    ['repetition penalty', () => repetitionPenalty(2)],
    ['no-repeat bigram', () => noRepeatNgram(2)],
  ] as const)(
    '%s: branches of a tree do not see one another, in whatever order they are asked',
    (name, make) => {
      const random = createRandom(5)
      const process = make()
      const nodes = [prefixOf([1, 2, 1, 3])]
      for (let step = 0; step < 300; step++) {
        const parent = nodes[Math.floor(random() * nodes.length)]
        const child = extend(parent, Math.floor(random() * 8))
        nodes.push(child)
        for (const prefix of [child, parent]) expect(changed(process, prefix)).toEqual(fresh[name](prefix))
      }
    },
  )

  it('a long sequence costs a step no more than a short one', () => {
    let visited = 0
    const counted = (token: number, parent: Prefix | undefined): Prefix => ({
      token,
      length: (parent?.length ?? 0) + 1,
      get parent() {
        visited++
        return parent
      },
    })
    const process = noRepeatNgram(3)
    let prefix: Prefix | undefined
    const costs: number[] = []
    for (let i = 0; i < 2000; i++) {
      prefix = counted(i % 7, prefix)
      visited = 0
      process(new Float32Array(8), prefix)
      costs.push(visited)
    }
    expect(costs[1999]).toBe(costs[10])
  })
})

it('a biased token outside the vocabulary is a usage error that names it', () => {
  expect(() => sequenceBias([[[3, 99], 1]])(new Float32Array(8), prefixOf([3]))).toThrow(
    'sequence_bias holds token 99',
  )
})

it('user processors run after the others and before the warpers', () => {
  const { config } = resolveGenerationConfig({
    values: { do_sample: true, top_k: 1, suppress_tokens: [2] },
    origin: 'the test',
  })
  const seen: number[][] = []
  const userProcessors = [(logits: Float32Array) => void seen.push([...logits])]
  const processors = buildProcessors(config, {
    promptLength: 1,
    maxLength: 9,
    eosTokenIds: [],
    userProcessors,
  })
  const logits = Float32Array.from([0, 1, 2])
  for (const process of processors) process(logits, prefixOf([0]))
  expect(seen).toEqual([[0, 1, -Infinity]])
  expect([...logits]).toEqual([-Infinity, 1, -Infinity])
})

it('takes lists of any length', () => {
  const long = Array.from({ length: 200_000 }, (_, i) => i % 8)
  const logits = new Float32Array(8)
  badWords([long, [5]], [])(logits, prefixOf([3]))
  expect([...logits]).toEqual([0, 0, 0, 0, 0, -Infinity, 0, 0])
})

it('top-p ends with the token that reaches p exactly', () => {
  const logits = Float32Array.of(0, 0, -Infinity)
  topP(0.5)(logits, prefixOf([0]))
  expect(logits).toEqual(Float32Array.of(0, -Infinity, -Infinity))
})
