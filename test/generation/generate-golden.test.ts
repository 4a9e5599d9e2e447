import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { generate } from '../../src/generation/generate.js'
import type { GenerateOptions } from '../../src/generation/options.js'
import { computeTransitionScores } from '../../src/generation/transition-scores.js'
import { type LanguageModel, loadModel } from '../../src/language-model/load.js'
import type { Model } from '../../src/model/model.js'
import { decodeFloats, loadFixture } from '../fixtures.js'
import { temporaryDirectory } from '../weights/files.js'
import { stubModel } from './stub-model.js'

/** What HF's own generate() gives; test/golden/generation/make_golden.py says how it is laid out. */
interface Golden {
  cases: {
    name: string
    model: string
    prompt: number[]
    settings: Record<string, unknown>
    negative_prompt?: number[]
    prefix_allowed?: number[][]
    ids: number[]
    columns: number[]
    scores: string
    logits: string
    logsumexp: string
    forbidden: number[]
    transitions: string
    normalised: string
  }[]
  sampled: { model: string; prompt: number[]; settings: Record<string, unknown>; scores: string }[]
  stories: { prompt: string; stop_strings: string[]; ids: number[] }[]
}

const golden: Golden = JSON.parse(
  readFileSync(join(import.meta.dirname, '../golden/generation/golden.json'), 'utf8'),
)
const STORIES = join(import.meta.dirname, '../../../shared/models/stories260K')
const RETURNED = { return_dict_in_generate: true, output_scores: true, output_logits: true }

vi.stubEnv('XDG_CACHE_HOME', temporaryDirectory())

/** Values further apart than 1e-4 (relative above 1), and infinities in other places. */
function differences(actual: ArrayLike<number>, expected: ArrayLike<number>): string[] {
  const wrong = actual.length === expected.length ? [] : [`${actual.length} values, not ${expected.length}`]
  for (let i = 0; i < expected.length; i++) {
    const tolerance = Number.isFinite(expected[i]) ? 1e-4 * Math.max(1, Math.abs(expected[i])) : 0
    const equal = actual[i] === expected[i] || Math.abs(actual[i] - expected[i]) <= tolerance
    if (!equal) wrong.push(`value ${i}: ${actual[i]}, not ${expected[i]}`)
  }
  return wrong
}

/** log Σ exp of the scores that count. */
function logSumExp(scores: Float32Array): number {
  const counting = [...scores].filter((score) => score > -1e30)
  const best = Math.max(...counting)
  return best + Math.log(counting.reduce((sum, score) => sum + Math.exp(score - best), 0))
}

const forbidden = (scores: Float32Array) => scores.filter((score) => score === -Infinity).length

function run(model: Model, { prompt, settings, negative_prompt, prefix_allowed }: Golden['cases'][number]) {
  const options: GenerateOptions = {
    negativePrompt: negative_prompt,
    prefixAllowedTokensFn: prefix_allowed && (({ length }) => prefix_allowed[length % prefix_allowed.length]),
  }
  const length = settings.max_length === undefined ? { max_new_tokens: 12 } : {}
  const ofModel = stubModel(model, { bos_token_id: 1, eos_token_id: 2, pad_token_id: 0 })
  return generate(ofModel, prompt, { ...RETURNED, ...length, ...settings }, options).result()
}

for (const name of new Set(golden.cases.map(({ model }) => model))) {
  describe(`${name} generates what HF's generate() does`, () => {
    let model: Awaited<ReturnType<typeof loadFixture>>['model']
    beforeAll(async () => {
      model = (await loadFixture(name, { dtype: 'fp32' })).model
    })
    afterAll(() => model?.dispose())

    const cases = golden.cases.filter((one) => one.model === name)
    test.each(cases.map((one) => [one.name, one] as const))('%s', async (_, one) => {
      const result = await run(model, one)
      const { ids, scores = [], logits = [], transition_scores = [] } = result
      expect(ids).toEqual(one.ids)
      const columns = (rows: readonly Float32Array[]) =>
        rows.flatMap((row) => one.columns.map((column) => row[column]))
      expect(differences(columns(scores), decodeFloats(one.scores))).toEqual([])
      expect(differences(columns(logits), decodeFloats(one.logits))).toEqual([])
      expect(differences(scores.map(logSumExp), decodeFloats(one.logsumexp))).toEqual([])
      expect(scores.map(forbidden)).toEqual(one.forbidden)
      expect(differences(computeTransitionScores(ids, scores), decodeFloats(one.transitions))).toEqual([])
      expect(differences(transition_scores, decodeFloats(one.normalised))).toEqual([])
    })

    const sampled = golden.sampled.filter((one) => one.model === name)
    test.each(sampled.map((one) => [JSON.stringify(one.settings), one] as const))(
      'sampling with %s: the scores of the first step',
      async (_, { prompt, settings, scores }) => {
        const values = { ...RETURNED, do_sample: true, max_new_tokens: 1, ...settings }
        const result = await generate(stubModel(model), prompt, values).result()
        expect(differences(result.scores![0], decodeFloats(scores))).toEqual([])
      },
    )
  })
}

const missing = existsSync(STORIES) ? false : `there is no ${STORIES}`
if (missing) console.warn(`Stop strings are not tested on a real model: ${missing}.`)

describe.skipIf(missing)('stories260K stops at stop strings where HF does', () => {
  let model: LanguageModel
  beforeAll(async () => {
    model = await loadModel(STORIES, { device: 'cpu', dtype: 'fp32' })
  })
  afterAll(() => model?.dispose())

  test.each(golden.stories)('$stop_strings after $prompt', async ({ prompt, stop_strings, ids }) => {
    const result = await generate(model, prompt, { max_new_tokens: 60, stop_strings }).result()
    expect(result.ids).toEqual(ids)
    expect(result.finish_reason).toBe(stop_strings.some((stop) => contains(ids, stop)) ? 'stop' : 'length')
    expect(stop_strings.some((stop) => result.text.includes(stop))).toBe(false)
  })

  const contains = (ids: number[], text: string) => model.tokenizer.decode(ids).includes(text)
})
