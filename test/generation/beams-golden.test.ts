import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { generate } from '../../src/generation/generate.js'
import type { GenerateOptions, GenerationModel, GenerationResult } from '../../src/generation/options.js'
import { type LanguageModel, loadModel } from '../../src/language-model/load.js'
import type { DecoderSpec } from '../../src/models/spec.js'
import { largestDifference, loadFixture } from '../fixtures.js'
import { temporaryDirectory } from '../weights/files.js'
import { stubModel } from './stub-model.js'

interface GoldenSequence {
  ids: number[]
  score: number
  beam_indices?: number[]
  transitions?: number[]
}

/** What HF's own generate() gives; test/golden/beams/make_golden.py says how it is laid out. */
interface GoldenCase {
  name: string
  model: string
  prompt: number[]
  settings: Record<string, unknown>
  prefix_allowed?: number[][]
  /** The negative prompt of guidance. */
  negative?: number[]
  /** Of modes with beams. */
  sequences?: GoldenSequence[]
  /** Of modes with a single sequence. */
  ids?: number[]
  chosen?: number[]
  logsumexp?: number[]
}

const STORIES = join(import.meta.dirname, '../../../shared/models/stories260K')

vi.stubEnv('XDG_CACHE_HOME', temporaryDirectory())

const golden = ['beam-search', 'moved', 'guided'].flatMap((name) => read(name))
const stories = ['beam-search-stories', 'moved-stories'].flatMap((name) => read(name))

function read(name: string): GoldenCase[] {
  const file = join(import.meta.dirname, `../golden/beams/${name}.json`)
  return JSON.parse(readFileSync(file, 'utf8')).cases
}

/** By kind of number the largest difference from HF, over all cases. */
const largest = { score: 0, transition: 0, processed: 0 }

/** Up to 1e-4 apart; above 10, where a score is a sum times its length, 1e-5 relative. */
function expectClose(
  kind: keyof typeof largest,
  actual: readonly number[],
  expected: readonly number[],
): void {
  largest[kind] = Math.max(largest[kind], largestDifference(actual, expected))
  const scales = expected.map((value) => Math.max(1, Math.abs(value) / 10))
  const scaled = (values: readonly number[]) => values.map((value, i) => value / scales[i])
  const difference = largestDifference(scaled(actual), scaled(expected))
  expect(difference, `${kind}: ${actual}, not ${expected}`).toBeLessThan(1e-4)
}

afterAll(() => {
  const differences = Object.entries(largest).map(
    ([kind, difference]) => `${kind} ${difference.toExponential(1)}`,
  )
  console.info(`Largest differences from HF: ${differences.join(', ')}.`)
})

function run(model: GenerationModel, { prompt, settings, prefix_allowed, negative }: GoldenCase) {
  const options: GenerateOptions = {
    negativePrompt: negative,
    prefixAllowedTokensFn: prefix_allowed && (({ length }) => prefix_allowed[length % prefix_allowed.length]),
  }
  const length = settings.max_length === undefined ? { max_new_tokens: 12 } : {}
  const values = { return_dict_in_generate: true, output_scores: true, ...length, ...settings }
  return generate(model, prompt, values, options).result()
}

function checkBeams({ sequences }: GenerationResult, expected: readonly GoldenSequence[]): void {
  expect(sequences.map(({ ids }) => ids)).toEqual(expected.map(({ ids }) => ids))
  expectClose(
    'score',
    sequences.map(({ sequence_score = NaN }) => sequence_score),
    expected.map(({ score }) => score),
  )
  for (const [i, { beam_indices, transitions }] of expected.entries()) {
    if (beam_indices) expect(sequences[i].beam_indices).toEqual(beam_indices)
    if (transitions) expectClose('transition', sequences[i].transition_scores ?? [], transitions)
  }
}

/** log Σ exp(scores); -Infinity counts nothing. */
function logSumExp(scores: Float32Array): number {
  const best = scores.reduce((best, score) => Math.max(best, score))
  return best + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - best), 0))
}

function checkSingle({ ids, scores = [] }: GenerationResult, expected: GoldenCase): void {
  const { chosen = [], logsumexp = [] } = expected
  expect(ids).toEqual(expected.ids)
  const ofIds = scores.map((row, i) => row[ids[i]])
  expectClose('processed', ofIds, chosen)
  expectClose('processed', scores.map(logSumExp), logsumexp)
}

async function check(model: GenerationModel, one: GoldenCase): Promise<void> {
  // HF passes over it.
  if (one.name.startsWith('DoLa: a layer too many')) {
    await expect(run(model, one)).rejects.toThrow('dola_layers names layer')
    return
  }
  const result = await run(model, one)
  if (one.sequences) checkBeams(result, one.sequences)
  else checkSingle(result, one)
}

const everyExit = ({ layers }: DecoderSpec) => layers.map((_, layer) => layer)

const titled = (cases: readonly GoldenCase[]) => cases.map((one) => [one.name, one] as const)

for (const name of new Set(golden.map(({ model }) => model))) {
  describe(`${name} generates what HF's generate() does`, () => {
    let fixture: Awaited<ReturnType<typeof loadFixture>>
    beforeAll(async () => {
      fixture = await loadFixture(name, { dtype: 'fp32', exits: everyExit })
    })
    afterAll(() => fixture?.model.dispose())

    test.each(titled(golden.filter(({ model }) => model === name)))('%s', async (_, one) => {
      const tokens = { bos_token_id: 1, eos_token_id: 2, pad_token_id: 0 }
      await check({ ...stubModel(fixture.model, tokens), spec: fixture.spec }, one)
    })
  })
}

const missing = existsSync(STORIES) ? false : `there is no ${STORIES}`
if (missing) console.warn(`Beams are not tested on a real model: ${missing}.`)

describe.skipIf(missing)("stories260K generates what HF's generate() does", () => {
  let model: LanguageModel
  beforeAll(async () => {
    model = await loadModel(STORIES, { device: 'cpu', dtype: 'fp32', exits: everyExit })
  })
  afterAll(() => model?.dispose())

  test.each(titled(stories))('%s', async (_, one) => {
    await check(model, one)
  })
})
