import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'
import { generate } from '../../src/generation/generate.js'
import { decodeFloats, largestDifference, loadFixture } from '../fixtures.js'
import { temporaryDirectory } from '../weights/files.js'
import { stubModel } from './stub-model.js'

/** Contrastive decoding by the papers' formulas over HF's models; test/golden/amateur/make_golden.py says how it is laid out. */
interface Golden {
  prompt: number[]
  cases: {
    model: string
    amateur: string
    settings: { amateur_alpha: number; amateur_beta?: number }
    ids: number[]
    scores: string
  }[]
}

const { prompt, cases }: Golden = JSON.parse(
  readFileSync(join(import.meta.dirname, '../golden/amateur/golden.json'), 'utf8'),
)

vi.stubEnv('XDG_CACHE_HOME', temporaryDirectory())

const names = [...new Set(cases.flatMap(({ model, amateur }) => [model, amateur]))]
const models = new Map(
  await Promise.all(names.map(async (name) => [name, (await loadFixture(name)).model] as const)),
)
afterAll(() => Promise.all([...models.values()].map((model) => model.dispose())))

const isOut = (score: number) => score === -Infinity

test.each(cases)('$model beside $amateur: $settings', async ({ model, amateur, settings, ids, scores }) => {
  const options = { amateur: { path: amateur, ...stubModel(models.get(amateur)!) } }
  const all = {
    ...settings,
    max_new_tokens: ids.length,
    do_sample: false,
    return_dict_in_generate: true,
    output_scores: true,
  }
  for (const drafts of [{}, { prompt_lookup_num_tokens: 3 }]) {
    const target = stubModel(models.get(model)!)
    const result = await generate(target, prompt, { ...all, ...drafts }, options).result()
    expect(result.ids).toEqual(ids)
    const own = result.scores!.flatMap((row) => [...row])
    const expected = [...decodeFloats(scores)]
    expect(own.map(isOut)).toEqual(expected.map(isOut))
    const kept = expected.flatMap((score, i) => (isOut(score) ? [] : [i]))
    expect(
      largestDifference(
        kept.map((i) => own[i]),
        kept.map((i) => expected[i]),
      ),
    ).toBeLessThan(2e-4)
  }
})
