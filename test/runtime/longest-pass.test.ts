import { afterEach, describe, expect, test, vi } from 'vitest'
import { longestPass } from '../../src/runtime/longest-pass.js'
import * as ort from '../../src/runtime/ort.js'

const SPEC = { heads: 6, kvHeads: 2, headDim: 16 }

test.each(['float32', 'float16'] as const)(
  'attention that is right takes passes as long as wanted: %s',
  async (type) => {
    expect(await longestPass(SPEC, 'cpu', type, 128)).toBe(128)
  },
)

describe('attention that is wrong', () => {
  afterEach(() => vi.restoreAllMocks())

  /** Makes one number of all wrong, in passes of so many tokens. */
  function spoil(length: number) {
    const create = ort.InferenceSession.create.bind(ort.InferenceSession)
    vi.spyOn(ort.InferenceSession, 'create').mockImplementation(async (...args: unknown[]) => {
      const session = await create(...(args as Parameters<typeof create>))
      const run = session.run.bind(session)
      session.run = async (feeds: ort.OnnxValueMapType) => {
        const results = await run(feeds)
        const { data, dims } = results.attended
        if (dims[1] === length) (data as Float32Array)[data.length >> 1] += 0.1
        return results
      }
      return session
    })
  }

  test('for many tokens gets fewer of them', async () => {
    spoil(32)
    expect(await longestPass(SPEC, 'cpu', 'float32', 128)).toBe(31)
  })

  test.each([1, 5])('for %i tokens rules the device out', async (length) => {
    spoil(length)
    await expect(longestPass(SPEC, 'cpu', 'float32', 128)).rejects.toThrow(
      'Attention on the device cpu gives wrong results: use --device cpu.',
    )
  })
})
