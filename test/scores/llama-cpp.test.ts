import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { resolveGenerationConfig } from '../../src/config/index.js'
import { extend, prefixOf } from '../../src/model/prefix.js'
import { keyedRandom } from '../../src/random.js'
import { buildProcessors, softmax } from '../../src/scores/processors/index.js'
import { loadTokenizer, type Tokenizer } from '../../src/tokenizer/tokenizer.js'
import { largestDifference } from '../fixtures.js'

interface Golden {
  dry: { ids: number[]; settings: Record<string, unknown>; penalties: [token: number, penalty: number][] }[]
  mirostat: {
    settings: Record<string, unknown>
    places: { scores: string; left: number[]; token: number }[]
  }[]
  single: { settings: Record<string, unknown>; ids: number[]; before: string; after: string }[]
}

const read = (path: string) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'))
const golden: Golden = read('../golden/llama-cpp/golden.json')
const decode = (text: string) => new Float32Array(Uint8Array.from(Buffer.from(text, 'base64')).buffer)

let tokenizer: Tokenizer

beforeAll(async () => {
  tokenizer = await loadTokenizer({ tokenizerJson: read('../golden/tokenizer/tokenizers/smollm.json') })
})

function build(settings: Record<string, unknown>, promptLength = 1) {
  const values = { do_sample: true, top_k: 0, ...settings }
  const { config, warnings } = resolveGenerationConfig({ values, origin: 'the case' })
  expect(warnings).toEqual([])
  const context = { promptLength, maxLength: 5000, eosTokenIds: [], tokenizer, randomAt: keyedRandom(1) }
  return buildProcessors(config, context)
}

const possible = (scores: Float32Array) => [...scores.keys()].filter((token) => scores[token] > -Infinity)

/** Relative to the largest penalty: llama.cpp computes in float32. */
function penaltiesOf({ ids, settings }: Golden['dry'][number]): Map<number, number> {
  const scores = new Float32Array(tokenizer.vocabSize)
  for (const process of build(settings)) process(scores, prefixOf(ids))
  return new Map([...scores].map((score, token) => [token, -score] as const).filter(([, by]) => by !== 0))
}

describe('as in llama.cpp', () => {
  test.each(golden.dry)('DRY after $ids: $settings', (each) => {
    const actual = penaltiesOf(each)
    expect([...actual.keys()]).toEqual(each.penalties.map(([token]) => token))
    for (const [token, penalty] of each.penalties) {
      expect(actual.get(token)! / penalty).toBeCloseTo(1, 4)
    }
  })

  test('most of the cases of DRY have a penalty, and some have none', () => {
    const none = golden.dry.filter(({ penalties }) => penalties.length === 0)
    expect(none.length).toBeGreaterThan(5)
    expect(none.length).toBeLessThan(golden.dry.length / 2)
  })

  test.each(golden.mirostat)('Mirostat 2.0 over a text: $settings', ({ settings, places }) => {
    const [process] = build(settings, 1)
    let prefix = prefixOf([0])
    for (const { scores, left, token } of places) {
      const actual = decode(scores)
      process(actual, prefix)
      expect(possible(actual)).toEqual(left)
      prefix = extend(prefix, token)
    }
  })

  // Temperatures and scores are compared as probabilities: what is added to all scores changes nothing.
  test.each(golden.single)('$settings', ({ settings, ids, before, after }) => {
    const actual = decode(before)
    // Of penalties that count generated tokens llama.cpp's windows count the prompt's as well: here all are generated.
    const prefix = prefixOf([...(ids.length > 0 ? [47] : [0]), ...ids])
    for (const process of build(settings, 1)) process(actual, prefix)
    const expected = decode(after)
    expect(possible(actual)).toEqual(possible(expected))
    expect(largestDifference(softmax(actual), softmax(expected))).toBeLessThan(2e-6)
  })
})
