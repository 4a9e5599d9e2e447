import { expect, test, vi } from 'vitest'
import { longestPass } from '../../src/runtime/longest-pass.js'
import * as ort from '../../src/runtime/ort.js'

const SPEC = { heads: 6, kvHeads: 2, headDim: 16 }

test.each(['float32', 'float16'] as const)(
  'attention that is right takes passes as long as wanted: %s',
  async (type) => {
    expect(await longestPass(SPEC, 'cpu', type, 128)).toBe(128)
  },
)

test('attention that is wrong for many tokens gets fewer', async () => {
  const create = ort.InferenceSession.create.bind(ort.InferenceSession)
  const spy = vi.spyOn(ort.InferenceSession, 'create').mockImplementation(async (...args: unknown[]) => {
    const session = await create(...(args as Parameters<typeof create>))
    const run = session.run.bind(session)
    session.run = async (feeds: ort.InferenceSession.OnnxValueMapType) => {
      const results = await run(feeds as never)
      // One number of all is wrong.
      ;(results.attended.data as Float32Array)[777] += 0.1
      return results
    }
    return session
  })
  try {
    expect(await longestPass(SPEC, 'cpu', 'float32', 128)).toBe(31)
  } finally {
    spy.mockRestore()
  }
})
