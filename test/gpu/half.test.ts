import { describe, expect, test, vi } from 'vitest'
import { generate } from '../../src/generation/generate.js'
import { BUILT_IN } from '../../src/language-model/built-in.js'
import { type LanguageModel, loadModel } from '../../src/language-model/load.js'
import { DeviceUnavailable } from '../../src/runtime/failures.js'
import { testDevices } from '../runtime/devices.js'
import { temporaryDirectory } from '../weights/files.js'

vi.stubEnv('XDG_CACHE_HOME', temporaryDirectory())

const webgpu = (await testDevices()).find(({ device }) => device === 'webgpu')
const PROMPT = 'Once upon a time there was a little'
const TOKENS = 24

/** How far below the best a token's score on the CPU may be for rounding to bring it to the top. */
const cases = [
  { dtype: 'fp16', exact: 'fp32', near: 0.05 },
  { dtype: 'int4f16', exact: 'int4', near: 0.4 },
] as const

/** For each of the tokens how far its score, or that of the runner-up, is below the best. */
async function gaps({ model }: LanguageModel, prompt: readonly number[], tokens: readonly number[]) {
  const cache = model.newCache()
  const all = [...prompt, ...tokens]
  const output = await model.forward(
    cache,
    all,
    all.map((_, i) => i - 1),
  )
  const found = tokens.map((token, i) => {
    const scores = output.logits(prompt.length + i - 1)
    const [best, second] = [...scores].sort((a, b) => b - a)
    return { gap: best - scores[token], second: best - second }
  })
  cache.dispose()
  return found
}

describe.skipIf(webgpu?.missing !== undefined)('half precision on WebGPU', () => {
  test.for(cases)(
    '$dtype writes the text of $exact on the CPU up to near-ties, or says that the GPU lacks it',
    async ({ dtype, exact, near }, { skip }) => {
      const loaded = await loadModel(BUILT_IN, { dtype, device: 'webgpu' }).catch((error: unknown) => error)
      if (loaded instanceof Error) {
        expect(loaded).toBeInstanceOf(DeviceUnavailable)
        expect(loaded.message).toBe(
          'The GPU does not compute in half precision on webgpu (shader-f16): use --dtype fp32, int8 or int4.',
        )
        console.log(`${dtype} is skipped. ${loaded.message}`)
        return skip(loaded.message)
      }
      const gpu = loaded as LanguageModel
      const { ids } = await generate(gpu, PROMPT, { max_new_tokens: TOKENS, do_sample: false }).result()
      await gpu.dispose()
      const cpu = await loadModel(BUILT_IN, { dtype: exact, device: 'cpu' })
      const found = await gaps(cpu, cpu.tokenizer.encode(PROMPT), ids)
      await cpu.dispose()
      const ties = found.filter(({ gap }) => gap > 0)
      if (ties.length > 0)
        console.log(`${dtype}: near-ties ${ties.map(({ gap }) => gap.toFixed(3)).join(', ')}`)
      expect(ids).toHaveLength(TOKENS)
      for (const { gap } of found) expect(gap).toBeLessThan(near)
      // Most tokens of another text would not pass.
      expect(found.filter(({ second }) => second > near).length).toBeGreaterThan(TOKENS / 2)
    },
  )
})
