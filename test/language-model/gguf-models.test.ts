import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { openModel } from '../../src/language-model/open.js'
import { loadOnnxModel } from '../../src/runtime/load.js'
import { decodeFloats, fixturePath, largestDifference } from '../fixtures.js'
import { temporaryDirectory } from '../weights/files.js'

vi.stubEnv('XDG_CACHE_HOME', temporaryDirectory())

const GOLDEN = join(import.meta.dirname, '../golden/models')

/** Fixtures that are there as llama.cpp's converter writes them, too. */
const models = readdirSync(fixturePath('')).filter((name) =>
  readdirSync(fixturePath(name)).includes(`${name}.gguf`),
)

describe('a GGUF file gives what its model in HF layout gives', { timeout: 60_000 }, () => {
  test.each(models)('%s', async (name) => {
    const golden = JSON.parse(readFileSync(join(GOLDEN, `${name}.json`), 'utf8'))
    const opened = await openModel(join(fixturePath(name), `${name}.gguf`))
    const { model } = await loadOnnxModel(opened.spec, opened.store, name, { device: 'cpu', dtype: 'fp32' })
    await opened.store.close()
    const tokens: number[] = [...golden.prompt, ...golden.greedy]
    const asked = Array.from({ length: 33 }, (_, i) => golden.prompt.length - 1 + i)
    const parents = tokens.map((_, i) => i - 1)
    const { logits } = await model.forward(model.newCache(), tokens, parents, asked)
    const expected = decodeFloats(golden.logits)
    for (const [i, node] of asked.entries()) {
      const row = expected.subarray(i * model.vocabSize, (i + 1) * model.vocabSize)
      expect(largestDifference(logits(node), row)).toBeLessThan(1e-4)
    }
    await model.dispose()
  })

  test('there are some', () => {
    expect(models.length).toBeGreaterThan(6)
  })
})
