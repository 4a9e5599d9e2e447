import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { cacheDirectory } from '../../src/cache-directory.js'
import type { LoadedDrafter } from '../../src/drafting/drafter.js'
import { loadMedusa, loadMtp } from '../../src/drafting/heads.js'
import { UserError } from '../../src/errors.js'
import { generate } from '../../src/generation/generate.js'
import { BUILT_IN, BUILT_IN_DIRECTORY } from '../../src/language-model/built-in.js'
import { loadModel } from '../../src/language-model/load.js'
import { openModel } from '../../src/language-model/open.js'
import type { CacheLayout } from '../../src/models/decoder/layers.js'
import type { DecoderSpec } from '../../src/models/spec.js'
import { createRandom } from '../../src/random.js'
import { buildGraph } from '../../src/runtime/build.js'
import type { Device } from '../../src/runtime/device.js'
import { DeviceKernels } from '../../src/runtime/device-rows.js'
import { OnnxModel } from '../../src/runtime/onnx-model.js'
import type * as sessions from '../../src/runtime/session.js'
import { createSession } from '../../src/runtime/session.js'
import { floatType, type RunType } from '../../src/runtime/storage.js'
import { CHUNK } from '../../src/runtime/tree-graph.js'
import type { WeightStore } from '../../src/weights/index.js'
import { fixturePath, largestDifference, loadFixture } from '../fixtures.js'
import { temporaryDirectory } from '../weights/files.js'

/** What `auto` tries. */
const devices = vi.hoisted((): Device[] => ['cpu'])
vi.mock('../../src/runtime/session.js', async (original) => ({
  ...(await original<typeof sessions>()),
  autoDevices: () => devices,
}))
vi.stubEnv('XDG_CACHE_HOME', temporaryDirectory())

/**
 * Relative error of the logits in float16. A value is rounded by up to 2^-11 of itself; of the many roundings on the way
 * through these models, 0.0004 to 0.0038 of the logits was seen to remain. bfloat16 weights alone cost 0.008 to 0.03.
 */
const HALF = 12 * 2 ** -11

/** As in quantised.test.ts: int4 rounds activations to 8 bits, and from others it comes to others. */
const ROUNDED_ACTIVATIONS = 0.06

interface Files {
  readonly spec: DecoderSpec
  readonly store: WeightStore
}

interface Run {
  readonly layout?: CacheLayout
  readonly exits?: readonly number[]
}

async function open(directory: string): Promise<Files> {
  const { spec, store } = await openModel(directory)
  return { spec, store }
}

/** The graph for a GPU on the CPU's provider, which casts to float32 and back where it has no operator for float16. */
async function load({ spec, store }: Files, type: RunType, { layout = 'device', exits = [] }: Run = {}) {
  const { graph, directory } = await buildGraph(spec, store, type, { layout, exits })
  const float = floatType(type)
  const session = await createSession(graph, directory, { device: 'cpu', threads: 1 })
  const kernels = layout === 'device' ? await DeviceKernels.create(spec, 'cpu', float, CHUNK) : undefined
  // Named after the device whose layout it is.
  const device = layout === 'appended' ? 'cuda' : 'webgpu'
  return new OnnxModel({ session, spec, device, exits, type: float, kernels })
}

const chain = (length: number, from = 0) => Array.from({ length }, (_, i) => from + i - 1)
const TREE = [-1, 0, 1, 1, 3, 2, 4, 4]
const OTHER_TREE = [-1, 0, 0, 0, 3, 2, 4, 4]

/** Logits over a prompt that grows the cache twice, a tree after it, and a token after a part of that tree. */
async function logitsOf(files: Files, type: RunType, run: Run = {}, tree = TREE): Promise<Float32Array> {
  const model = await load(files, type, run)
  const random = createRandom(3)
  const tokens = (count: number) =>
    Array.from({ length: count }, () => Math.floor(random() * model.vocabSize))
  const cache = model.newCache()
  await model.forward(cache, tokens(20), chain(20), [])
  await model.forward(cache, tokens(70), chain(70, 20), [])
  const parents = tree.map((parent) => parent + 90)
  const output = await model.forward(cache, tokens(tree.length), parents)
  const rows = tree.map((_, node) => output.logits(node).slice())
  cache.keep([...Array(90).keys(), 90, 91, 93, 94])
  const last = await model.forward(cache, tokens(1), [93])
  rows.push(last.logits(0).slice())
  cache.dispose()
  await model.dispose()
  return Float32Array.from(rows.flatMap((row) => [...row]))
}

/** Root mean square of the difference over that of the reference. */
function relativeError(values: Float32Array, reference: Float32Array): number {
  let [error, size] = [0, 0]
  for (let i = 0; i < values.length; i++) {
    error += (values[i] - reference[i]) ** 2
    size += reference[i] ** 2
  }
  return Math.sqrt(error / size)
}
/** The same weights, changed. */
function changed({ spec, store }: Files, change: (values: Float32Array) => Float32Array): Files {
  const read = async (name: string) => change(await store.read(name))
  const { tensors, metadata, unreadable } = store
  const fingerprint = async () => randomUUID()
  const no = { isVerbatim: () => false, isSame: async () => false }
  return { spec, store: { tensors, metadata, unreadable, fingerprint, read, ...no, close: store.close } }
}

/** Cut to the eight bits that bfloat16 has. */
function coarse(values: Float32Array): Float32Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length)
  return new Float32Array(words.map((word) => word & 0xffff0000).buffer)
}

const models = [
  ...['llama', 'qwen2', 'qwen3', 'gemma3', 'lfm2-biased'].map((name) => [name, fixturePath(name)]),
  ['the built-in model', BUILT_IN_DIRECTORY],
]

describe.each(models)('%s in half precision', { timeout: 120_000 }, (_, directory) => {
  let files: Files
  let reference: Float32Array
  beforeAll(async () => {
    files = await open(directory)
    reference = await logitsOf(files, 'fp32')
  })
  afterAll(() => files.store.close())

  test.each(['device', 'appended'] as const)(
    'gives the logits of float32, with trees and what is kept of them: %s',
    async (layout) => {
      expect(relativeError(await logitsOf(files, 'fp16', { layout }), reference)).toBeLessThan(HALF)
    },
  )

  test('is told from coarser weights and from another tree', async () => {
    const weights = await logitsOf(changed(files, coarse), 'fp32')
    expect(relativeError(weights, reference)).toBeGreaterThan(HALF)
    expect(relativeError(await logitsOf(files, 'fp16', {}, OTHER_TREE), reference)).toBeGreaterThan(10 * HALF)
  })

  test('gives the logits of int4 with int4f16', async () => {
    const int4 = await logitsOf(files, 'int4')
    const half = await logitsOf(files, 'int4f16')
    expect(relativeError(half, int4)).toBeLessThan(ROUNDED_ACTIVATIONS)
    expect(relativeError(half, reference)).toBeGreaterThan(4 * relativeError(half, int4))
  })
})

describe('what is beyond float16', () => {
  const withEmbeddings = ({ spec, store }: Files, embeddingScale: number) => ({
    spec: { ...spec, embeddingScale },
    store,
  })

  test('runs through the blocks of Gemma, and would not through those of Llama', async () => {
    const [gemma, llama] = [await open(fixturePath('gemma3')), await open(fixturePath('llama'))]
    const large = withEmbeddings(gemma, 1e5)
    const error = relativeError(await logitsOf(large, 'fp16'), await logitsOf(large, 'fp32'))
    expect(error).toBeLessThan(HALF)
    expect((await logitsOf(withEmbeddings(llama, 1e5), 'fp16')).some(Number.isNaN)).toBe(true)
    await Promise.all([gemma.store.close(), llama.store.close()])
  })

  test.each(['fp16', 'int4f16'] as const)('is refused among weights as %s, leaving nothing', async (type) => {
    vi.stubEnv('XDG_CACHE_HOME', temporaryDirectory())
    const files = await open(fixturePath('llama'))
    const large = changed(files, (values) => values.map((value) => value * 1e7))
    const failure = await load(large, type).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(UserError)
    expect((failure as Error).message).toMatch(
      /^model\.embed_tokens\.weight has the value -?\d.*, and half precision ends at 65504: use --dtype fp32, int8 or int4\.$/,
    )
    expect(readdirSync(cacheDirectory('graphs'))).toEqual([])
    await files.store.close()
  })
})

test('early exits and states come back in float32', async () => {
  const files = await open(fixturePath('llama'))
  const results = []
  for (const type of ['fp32', 'fp16'] as const) {
    const model = await load(files, type, { exits: [0, 1] })
    const output = await model.forward(model.newCache(), [5, 7, 9], chain(3), [2])
    const states = [
      output.hidden(2),
      output.residual(2),
      ...output.exits(2).flatMap((exit) => Object.values(exit)),
    ]
    results.push(states.map((state) => state.slice()))
    await model.dispose()
  }
  expect(results[1]).toHaveLength(6)
  for (const [i, half] of results[1].entries()) {
    expect(half).toBeInstanceOf(Float32Array)
    expect(relativeError(half, results[0][i])).toBeLessThan(HALF)
    expect(largestDifference(half, results[0][i])).toBeGreaterThan(0)
  }
  await files.store.close()
})

test('heads draft for a model in half precision, from its float32 states', async () => {
  const exact = await loadModel(BUILT_IN, { dtype: 'fp32', device: 'cpu' })
  const files = await open(BUILT_IN_DIRECTORY)
  const half = { ...exact, dtype: 'fp16', model: await load(files, 'fp16') } as const
  const text = async (drafter?: LoadedDrafter) => {
    const settings = { max_new_tokens: 24, do_sample: false }
    const { ids, statistics } = await generate(half, 'Once upon a time', settings, drafter?.options).result()
    return { ids, steps: statistics.steps }
  }
  const greedy = await text()
  for (const drafter of [
    await loadMedusa(join(BUILT_IN_DIRECTORY, 'medusa'), half, { tree: 6 }),
    await loadMtp(join(BUILT_IN_DIRECTORY, 'mtp'), half, { depth: 3 }),
  ]) {
    const drafted = await text(drafter)
    expect(drafted.ids).toEqual(greedy.ids)
    expect(drafted.steps).toBeLessThan(greedy.steps)
    await drafter.dispose()
  }
  await Promise.all([exact.dispose(), half.model.dispose(), files.store.close()])
})

test('float16 safetensors are mapped from where they lie, and others are converted', async () => {
  vi.stubEnv('XDG_CACHE_HOME', temporaryDirectory())
  const cache = cacheDirectory('graphs')
  for (const [fixture, type, layout, entries] of [
    ['llama-f16', 'fp16', 'appended', 0],
    ['llama-bf16', 'fp16', 'appended', 1],
    ['llama', 'fp16', 'appended', 2],
    ['llama-f16', 'int4f16', 'appended', 3],
    // Transposed.
    ['llama-f16', 'fp16', 'device', 4],
  ] as const) {
    const { spec, store } = await open(fixturePath(fixture))
    const { directory } = await buildGraph(spec, store, type, { layout })
    expect(directory === fixturePath(fixture)).toBe(entries === 0)
    expect(existsSync(cache) ? readdirSync(cache).length : 0).toBe(entries)
    await store.close()
  }
})

describe('is refused', () => {
  test.each(['fp16', 'int4f16'] as const)('on the CPU: %s', async (dtype) => {
    await expect(loadFixture('llama', { dtype, device: 'cpu' })).rejects.toMatchObject({
      message: `The CPU does not compute in ${dtype}: use --dtype fp32, int8 or int4.`,
      exitCode: 2,
    })
  })

  test('where there is no GPU', async () => {
    await expect(loadFixture('llama', { dtype: 'fp16', device: 'auto' })).rejects.toMatchObject({
      message: 'fp16 needs a GPU, and none is usable: use --dtype fp32, int8 or int4.',
      exitCode: 1,
    })
  })

  test('where a GPU fails, with the reason, instead of going on on the CPU', async ({ skip }) => {
    devices.unshift('webgpu')
    const failure = await loadFixture('llama', { dtype: 'fp16', device: 'auto' }).catch(
      (error: unknown) => error,
    )
    devices.shift()
    skip(!(failure instanceof Error), 'WebGPU computes in half precision here')
    expect((failure as Error).message).toMatch(
      /^fp16 needs a GPU, and none is usable: use --dtype fp32, int8 or int4\. \([^:]+\.\)$/,
    )
  })

  test('for early exits of Gemma', async () => {
    const options = { dtype: 'fp16', device: 'webgpu', exits: [1] } as const
    await expect(loadFixture('gemma3', options)).rejects.toMatchObject({
      message: 'Early exits of Gemma 3 do not fit fp16: use --dtype fp32, int8 or int4.',
      exitCode: 2,
    })
  })
})
