import { expect, test, vi } from 'vitest'
import { resolveGenerationConfig } from '../../src/config/index.js'
import { generate, generatePrepared } from '../../src/generation/generate.js'
import { prepare } from '../../src/generation/prepare.js'
import { ToyModel } from '../strategies/toy-model.js'
import { stubModel } from './stub-model.js'
import { PROMPT, spell } from './toy-generation.js'

const layer = { values: { max_new_tokens: 6, do_sample: true }, origin: 'the test' }

test('what is prepared once is generated as often as one likes: the prompt is encoded once, and the seed stays', async () => {
  const model = stubModel(new ToyModel())
  const encode = vi.spyOn(model.tokenizer, 'encode')
  const prepared = prepare(model, spell(PROMPT), resolveGenerationConfig(layer))
  const texts = [0, 1].map(() => generatePrepared(model, prepared).result())
  const [one, other] = await Promise.all(texts)
  expect(encode).toHaveBeenCalledTimes(1)
  expect(one.ids).toEqual(other.ids)
  const { seed } = prepared.config
  const again = await generate(model, PROMPT, { ...layer.values, seed }).result()
  expect(one.ids).toEqual(again.ids)
  expect(one.config).toEqual(again.config)
})

test('what is prepared without a seed has a fresh one each time', () => {
  const model = stubModel(new ToyModel())
  const seeds = [0, 1, 2].map(() => prepare(model, PROMPT, resolveGenerationConfig(layer)).config.seed)
  expect(new Set(seeds).size).toBeGreaterThan(1)
})
