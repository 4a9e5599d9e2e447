import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { decodeFloats, largestDifference, loadFixture } from '../fixtures.js'
import { temporaryDirectory } from '../weights/files.js'
import { testDevices } from './devices.js'

const GOLDEN = join(import.meta.dirname, '../golden/models')
const TOLERANCE = 1e-4

interface Golden {
  fixtures: string[]
  prompt: number[]
  greedy: number[]
  /** float32 [1 + steps, vocab]: after the prompt, then after each decoded token. */
  logits: string
  /** float32 [1 + steps, hidden], after the final norm. */
  hidden: string
}

vi.stubEnv('XDG_CACHE_HOME', temporaryDirectory())

const models = readdirSync(GOLDEN)
  .filter((name) => name.endsWith('.json') && name !== 'smollm2.json')
  .flatMap((name) => {
    const golden: Golden = JSON.parse(readFileSync(join(GOLDEN, name), 'utf8'))
    return golden.fixtures.map((fixture) => ({ fixture, golden }))
  })

const devices = await testDevices()
// WebGPU knows no soft cap, and refuses the model.
const isServed = (device: string, fixture: string) => device !== 'webgpu' || fixture !== 'gemma2'
const cases = devices.flatMap(({ device, missing }) =>
  models.filter(({ fixture }) => isServed(device, fixture)).map((model) => ({ device, missing, ...model })),
)

for (const { device, missing, fixture, golden } of cases) {
  describe.skipIf(missing)(`${fixture} on ${device}`, { timeout: 180_000 }, () => {
    let loaded: Awaited<ReturnType<typeof loadFixture>>
    beforeAll(async () => {
      loaded = await loadFixture(fixture, { device, dtype: 'fp32' })
    })
    afterAll(() => loaded?.model.dispose())

    test('logits and hidden states are those of HF transformers, prompt and 32 decoded steps', async () => {
      const { model, spec } = loaded
      const logits = decodeFloats(golden.logits)
      const hidden = decodeFloats(golden.hidden)
      expect(golden.greedy).toHaveLength(32)
      const cache = model.newCache()
      const chain = (tokens: number[]) => tokens.map((_, i) => cache.length + i - 1)
      let tokens = golden.prompt
      for (let step = 0; step <= golden.greedy.length; step++) {
        const output = await model.forward(cache, tokens, chain(tokens), [tokens.length - 1])
        const row = <A extends Float32Array>(all: A, width: number) =>
          all.subarray(step * width, (step + 1) * width)
        const last = tokens.length - 1
        expect(largestDifference(output.logits(last), row(logits, spec.vocabSize))).toBeLessThan(TOLERANCE)
        expect(largestDifference(output.hidden(last), row(hidden, spec.hiddenSize))).toBeLessThan(TOLERANCE)
        tokens = [golden.greedy[step]]
      }
      cache.dispose()
    })
  })
}

test('a soft cap of attention is refused on WebGPU, by name', async () => {
  await expect(loadFixture('gemma2', { device: 'webgpu', dtype: 'fp32' })).rejects.toThrow(
    'Attention on the device webgpu knows no soft cap, which Gemma 2 has: use --device cpu.',
  )
})
