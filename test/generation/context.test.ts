import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { endingOf } from '../../src/cli/io/ending.js'
import { generate } from '../../src/generation/generate.js'
import { encodePrompt } from '../../src/generation/prompt.js'
import type { OnnxModel } from '../../src/runtime/onnx-model.js'
import { loadFixture, loadPaged } from '../fixtures.js'
import { stubModel, stubTokenizer } from './stub-model.js'

describe('the context of a model with LongRoPE ends at the original length', () => {
  const REASON = "(of 128: LongRoPE's factors for longer texts are not served)"
  const ids = (count: number) => Array.from({ length: count }, (_, i) => i)
  let model: OnnxModel

  beforeAll(async () => {
    model = (await loadFixture('phi3-longrope')).model as OnnxModel
  })
  afterAll(() => model.dispose())

  test('a prompt beyond it is refused with the reason', async () => {
    const ends = `the model's context ends at 64 ${REASON}: shorten the prompt.`
    await expect(generate(stubModel(model), ids(64)).result()).rejects.toThrow(
      `The prompt has 64 tokens, but ${ends}`,
    )
    const options = { tokenizer: stubTokenizer(128), maxPositions: 64, longContext: model.longContext }
    expect(() => encodePrompt('1'.repeat(1e6), options)).toThrow(ends.replace(' (', ' tokens ('))
  })

  test('a text that reaches it is told of with the reason', async () => {
    const result = await generate(stubModel(model), ids(60), {
      max_new_tokens: 20,
    }).result()
    expect(result.ids).toHaveLength(4)
    expect(endingOf(result, model)).toBe(`stopped at the end of the context of 64 tokens ${REASON}`)
  })

  test('for many sequences, too, and not of other models', async () => {
    const paged = (await loadPaged('phi3-longrope')).model
    expect(paged).toMatchObject({ maxPositions: 64, longContext: 128 })
    await paged.dispose()
    const { model: llama } = await loadFixture('llama')
    expect(llama.longContext).toBeUndefined()
    await llama.dispose()
  })
})
