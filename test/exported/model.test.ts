import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { generate } from '../../src/generation/generate.js'
import { BUILT_IN_DIRECTORY } from '../../src/language-model/built-in.js'
import { type LanguageModel, loadModel } from '../../src/language-model/load.js'
import { largestDifference } from '../fixtures.js'
import { temporaryDirectory } from '../weights/files.js'
import { type ExportOptions, writeExport } from './exports.js'

const ROOT = temporaryDirectory()
const CPU = { device: 'cpu', dtype: 'fp32' } as const

const loaded: LanguageModel[] = []
async function load(source: string): Promise<LanguageModel> {
  const model = await loadModel(source, CPU)
  loaded.push(model)
  return model
}
const exported = async (name: string, options: ExportOptions = {}) =>
  load(await writeExport(BUILT_IN_DIRECTORY, join(ROOT, name), options))
afterAll(async () => {
  await Promise.all(loaded.map((model) => model.dispose()))
})

let own: LanguageModel
beforeAll(async () => {
  own = await load(BUILT_IN_DIRECTORY)
})

describe('basic', () => {
  test('same text', async () => {
    const model = await exported('plain')
    const settings = { max_new_tokens: 40, do_sample: false }
    const [a, b] = [
      await generate(own, 'Once upon a time', settings).result(),
      await generate(model, 'Once upon a time', settings).result(),
    ]
    console.log(a.text)
    expect(b.text).toBe(a.text)
    const o = await own.model.forward(own.model.newCache(), [5, 6, 7, 8], [-1, 0, 1, 1])
    const p = await model.model.forward(model.model.newCache(), [5, 6, 7, 8], [-1, 0, 1, 1])
    for (const n of [0, 1, 2, 3]) expect(largestDifference(o.logits(n), p.logits(n))).toBeLessThan(1e-4)
  })
})
