import { describe, expect, expectTypeOf, test } from 'vitest'
import { type GenerationSettings, generate } from '../../src/generation/generate.js'
import type { GenerateOptions } from '../../src/generation/options.js'
import { type LoadOptions, loadModel } from '../../src/language-model/load.js'
import { fixturePath, loadFixture, loadPaged } from '../fixtures.js'
import { stubModel } from '../generation/stub-model.js'
import { ToyModel } from '../strategies/toy-model.js'

describe('settings have the types of their fields', () => {
  test('which the compiler holds callers to', () => {
    expectTypeOf<GenerationSettings['max_new_tokens']>().toEqualTypeOf<number | null | undefined>()
    expectTypeOf<GenerationSettings['do_sample']>().toEqualTypeOf<boolean | null | undefined>()
    expectTypeOf<GenerationSettings['early_stopping']>().toEqualTypeOf<boolean | 'never' | null | undefined>()
    const right: GenerationSettings[] = [
      { max_new_tokens: 40, top_p: 0.5, seed: null, stop_strings: 'a', eos_token_id: 2 },
      { stop_strings: ['a', 'b'], eos_token_id: [1, 2], force_words_ids: [[1], [[2], [3]]] },
      { watermarking_config: { bias: 3 }, dola_layers: 'low', exponential_decay_length_penalty: [2, 1.5] },
      { bad_words_ids: [[1, 2]] as const, sequence_bias: [[[1], 2.5]] },
    ]
    // @ts-expect-error a text is no number
    right.push({ max_new_tokens: 'forty' })
    // @ts-expect-error a number is no text
    right.push({ stop_strings: [1] })
    // @ts-expect-error no such schedule
    right.push({ num_assistant_tokens_schedule: 'sometimes' })
    // @ts-expect-error no such field
    right.push({ top_q: 1 })
    expect(right).toHaveLength(8)
  })
})

describe('an option that is not known is refused by name', () => {
  test.each([
    [{ bogus: 1 }, /^bogus is no option of generate\(\); there are /],
    [
      { negative_prompt: 'x' },
      'negative_prompt is no option of generate(); the nearest one is negativePrompt.',
    ],
    [{ stopingCriteria: undefined }, 'the nearest one is stoppingCriteria.'],
  ])('of generate(): %j', (options, says) => {
    expect(() => generate(stubModel(new ToyModel()), [1], {}, options as GenerateOptions)).toThrow(says)
  })

  test('of loadModel()', async () => {
    const options = { dType: 'int8' } as LoadOptions
    await expect(loadModel(fixturePath('llama'), options)).rejects.toThrow(
      'dType is no option of loadModel(); the nearest one is dtype.',
    )
  })
})

describe.each([
  ['a model', () => loadFixture('llama', { dtype: 'fp32' })],
  ['a model for many sequences', () => loadPaged('llama', { dtype: 'fp32' })],
])('%s', (_, load) => {
  test('may be disposed of twice, and says so when it is used afterwards', async () => {
    const { model } = await load()
    const cache = model.newCache()
    await model.forward(cache, [1], [-1])
    await Promise.all([model.dispose(), model.dispose()])
    await model.dispose()
    await expect(model.forward(cache, [2], [0])).rejects.toThrow('The model was disposed of: load it again.')
    expect(cache.length).toBe(1)
  })
})
