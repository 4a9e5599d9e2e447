import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { generate } from '../../src/generation/generate.js'
import { tokenLogprobs } from '../../src/generation/logprobs.js'
import { type LanguageModel, type LoadOptions, loadModel } from '../../src/language-model/load.js'
import { temporaryDirectory } from '../weights/files.js'

vi.stubEnv('XDG_CACHE_HOME', temporaryDirectory())

const DIRECTORY = join(import.meta.dirname, '../../../shared/models/stories260K')

interface Row {
  prompt: string
  prompt_ids: number[]
  /** The prompt's first. */
  ids: number[]
  text: string
}

const missing = existsSync(DIRECTORY) ? false : `there is no ${DIRECTORY}`
if (missing) console.warn(`stories260K is not tested: ${missing}.`)

/** Greedy texts that transformers.js and llama.cpp agree on. */
const rows: Row[] = missing ? [] : JSON.parse(readFileSync(join(DIRECTORY, 'greedy.json'), 'utf8')).rows

/** The model for the tests of the suite that calls it. */
function useModel(file: string, options: LoadOptions): () => LanguageModel {
  let model: LanguageModel
  beforeAll(async () => {
    model = await loadModel(join(DIRECTORY, file), { device: 'cpu', ...options })
  })
  afterAll(() => model?.dispose())
  return () => model
}

describe.skipIf(missing).each([
  ['safetensors', '.'],
  ['GGUF', 'model.gguf'],
])('stories260K from %s', (_, file) => {
  const model = useModel(file, { dtype: 'fp32' })

  test.each(rows)('goes on from $prompt token for token', async ({ prompt, prompt_ids, ids, text }) => {
    const max_new_tokens = ids.length - prompt_ids.length
    const result = await generate(model(), prompt, { max_new_tokens }).result()
    expect([...prompt_ids, ...result.ids]).toEqual(ids)
    expect(prompt + result.text).toBe(text)
    expect(result.finish_reason).toBe('length')
    expect(result.statistics).toMatchObject({
      prompt_tokens: prompt_ids.length,
      generated_tokens: max_new_tokens,
      steps: max_new_tokens,
    })
  })
})

describe.skipIf(missing)('stories260K in int8', () => {
  const exact = useModel('.', { dtype: 'fp32' })
  const quantised = useModel('.', { dtype: 'int8' })

  /** Nats a token. */
  async function crossEntropy({ model }: LanguageModel, { ids }: Row): Promise<number> {
    const cache = model.newCache()
    const parents = ids.map((_, i) => i - 1)
    const { logits } = await model.forward(cache, ids, parents)
    cache.dispose()
    const losses = ids.slice(1).map((id, i) => -tokenLogprobs(logits(i), id, 0, String).logprob)
    return losses.reduce((sum, loss) => sum + loss) / losses.length
  }

  test.each(rows)('finds the text after $prompt as likely as float32 does', async (row) => {
    const [loss, expected] = [await crossEntropy(quantised(), row), await crossEntropy(exact(), row)]
    expect(loss).not.toBe(expected)
    expect(Math.abs(loss - expected)).toBeLessThan(0.02)
  })

  test('writes a story', async () => {
    const { text, ids } = await generate(quantised(), rows[0].prompt, { max_new_tokens: 60 }).result()
    expect(rows[0].prompt + text).toMatch(/^Once upon a time, there was a /)
    expect(new Set(ids).size).toBeGreaterThan(20)
  })
})
