import type * as ort from 'onnxruntime-node'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { wanting } from '../../src/generation/top-k.js'
import { prefixOf } from '../../src/model/prefix.js'
import type { OnnxModel } from '../../src/runtime/onnx-model.js'
import { argmax } from '../../src/strategies/choose.js'
import { draftVerify } from '../../src/strategies/draft-verify.js'
import type { Drafter } from '../../src/strategies/strategy.js'
import { follow } from '../../src/strategies/verifiers.js'
import { largestDifference, loadFixture } from '../fixtures.js'
import { testDevices } from '../runtime/devices.js'

const webgpu = (await testDevices()).find(({ device }) => device === 'webgpu')
const chain = (length: number, from = 0) => Array.from({ length }, (_, i) => from + i - 1)

/** Bytes that a run takes from the host and gives back. */
interface Moved {
  readonly up: number
  readonly down: number
}

function bytesOf(tensors: object): number {
  const onHost = Object.values(tensors as Record<string, ort.Tensor>).filter(
    ({ location }) => location === 'cpu',
  )
  return onHost.reduce((sum, { data }) => sum + (data as Float32Array | BigInt64Array).byteLength, 0)
}

function watch(model: OnnxModel): Moved[] {
  const moved: Moved[] = []
  const { session } = model as unknown as { session: ort.InferenceSession }
  const run = session.run.bind(session) as (
    ...parameters: unknown[]
  ) => Promise<ort.InferenceSession.OnnxValueMapType>
  vi.spyOn(session, 'run').mockImplementation(async (...parameters: unknown[]) => {
    const results = await run(...parameters)
    moved.push({ up: bytesOf(parameters[0] as object), down: bytesOf(results) })
    return results
  })
  return moved
}

describe.skipIf(webgpu?.missing !== undefined)('the cache on the device', () => {
  let cpu: OnnxModel
  let gpu: OnnxModel
  beforeAll(async () => {
    ;[{ model: cpu }, { model: gpu }] = [
      await loadFixture('llama', { dtype: 'fp32', device: 'cpu' }),
      await loadFixture('llama', { dtype: 'fp32', device: 'webgpu' }),
    ]
  })
  afterEach(() => vi.restoreAllMocks())
  afterAll(() => Promise.all([cpu.dispose(), gpu.dispose()]))

  test('moves the mask, the tokens and the asked rows from and to the host, and no keys, values or states', async () => {
    const moved = watch(gpu)
    const cache = gpu.newCache()
    const { spec } = gpu as unknown as {
      spec: { kvHeads: number; headDim: number; layers: readonly string[] }
    }
    const nothing = { states: [] }
    await gpu.forward(cache, [...Array(40).keys()], chain(40), [], nothing)
    for (let step = 0; step < 30; step++) await gpu.forward(cache, [step], [39 + step], [0], nothing)
    const ids = 8
    const row = 8
    const shortlist = 2 * 8
    const tables = 2 * 4 * (spec.headDim / 2)
    const columns = 2 * 4
    const prompt = moved.slice(0, -30)
    // In as many passes as the device needs. What is asked for nothing gives one score, and one more.
    const score = 2 * (4 + 8) + 2 * 8
    expect(prompt.reduce((sum, { down }) => sum + down, 0)).toBe(prompt.length * score)
    const steps = moved.slice(-30)
    for (const [i, { up, down }] of steps.entries()) {
      const mask = 4 * (40 + i + 1)
      expect(up).toBe(ids + row + shortlist + tables + columns + mask)
      expect(down).toBe(4 * gpu.vocabSize)
    }
    // What would move if the host held it.
    const host = 2 * 4 * spec.layers.length * spec.kvHeads * spec.headDim * 64
    expect(steps[0].up).toBeLessThan(host / 4)
    cache.dispose()
  })

  test('gives the states that are wanted', async () => {
    const outputs = []
    const moved = watch(gpu)
    for (const states of [['hidden'], ['residual'], ['hidden', 'residual'], undefined] as const) {
      for (const model of [cpu, gpu]) {
        const cache = model.newCache()
        outputs.push(await model.forward(cache, [5, 9, 14], chain(3), [2], { states, topK: 1 }))
        cache.dispose()
      }
    }
    const score = 2 * (4 + 8) + 2 * 8
    const rows = 4 * 3 * gpu.hiddenSize
    expect(moved.map(({ down }) => down)).toEqual([1, 1, 2, 2].map((count) => score + count * rows))
    const [cpuHidden, gpuHidden, cpuResidual, gpuResidual] = outputs
    for (const node of [0, 1, 2]) {
      expect(largestDifference(cpuHidden.hidden(node), gpuHidden.hidden(node))).toBeLessThan(1e-4)
      expect(largestDifference(cpuResidual.residual(node), gpuResidual.residual(node))).toBeLessThan(1e-4)
    }
    expect(() => gpuHidden.residual(0)).toThrow('The pass left out the residual states')
    expect(() => gpuResidual.hidden(0)).toThrow('The pass left out the hidden states')
  })

  test('is read by greedy decoding for an id a token, and by a drafter for the states that it names', async () => {
    const moved = watch(gpu)
    const downs = async (states?: Drafter['states']) => {
      const before = moved.length
      const cache = gpu.newCache()
      const drafter: Drafter = { states, draft: () => ({ tokens: [], parents: [] }) }
      const request = { cache, prompt: prefixOf([5, 9, 14, 200]), processors: [], limit: 12, topK: 1 }
      const randoms = { random: Math.random, draftRandom: Math.random }
      const decoding = draftVerify(states && (() => drafter), follow(argmax))
      for await (const _ of decoding({ ...request, ...randoms, model: wanting(gpu, {}) })) {
      }
      cache.dispose()
      return moved.slice(before + 1).map(({ down }) => down)
    }
    const score = 2 * (4 + 8) + 2 * 8
    const row = 4 * gpu.hiddenSize
    expect(await downs()).toEqual(Array(7).fill(score))
    expect(await downs([])).toEqual(Array(7).fill(score))
    expect(await downs(['hidden'])).toEqual(Array(7).fill(score + row))
    expect(await downs(['hidden', 'residual'])).toEqual(Array(7).fill(score + 2 * row))
  })

  test.each([1, 20])(
    'moves the %i best scores and their places where no others are wanted',
    async (count) => {
      const moved = watch(gpu)
      const cache = gpu.newCache()
      await gpu.forward(cache, [...Array(40).keys()], chain(40), [])
      for (let step = 0; step < 4; step++) {
        const options = { topK: count, states: [] }
        const output = await gpu.forward(cache, [step, step], [39, 39], [0, 1], options)
        expect(output.logits(1).filter((score) => score !== -Infinity)).toHaveLength(count)
        cache.keep([...Array(40).keys()])
      }
      // One more of each tells of a tie; the fixture's vocabulary is of two blocks.
      const entries = count + 1
      for (const { down } of moved.slice(-4)) expect(down).toBe(2 * (entries * (4 + 8) + 2 * 8))
      cache.dispose()
    },
  )
})

// Keys and values, and rows of convolutions between them.
describe.skipIf(webgpu?.missing !== undefined).each(['llama', 'lfm2'])(
  'the cache of %s on the device',
  (name) => {
    test('kept in parts, twice before the next pass, goes on as the host’s does', async () => {
      const results = []
      for (const device of ['cpu', 'webgpu'] as const) {
        const { model } = await loadFixture(name, { dtype: 'fp32', device })
        const cache = model.newCache()
        await model.forward(cache, [5, 9, 14, 100, 31, 7, 8], [-1, 0, 0, 1, 2, 2, 5], [])
        cache.keep([0, 2, 5, 6])
        cache.keep([0, 1, 2])
        results.push((await model.forward(cache, [41], [2])).logits(0).slice())
        await model.forward(cache, [...Array(100).keys()], chain(100, 4), [])
        results.push((await model.forward(cache, [42], [103])).logits(0).slice())
        cache.dispose()
        await model.dispose()
      }
      expect(largestDifference(results[0], results[2])).toBeLessThan(1e-4)
      expect(largestDifference(results[1], results[3])).toBeLessThan(1e-4)
    })
  },
)
