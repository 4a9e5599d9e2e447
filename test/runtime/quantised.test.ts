import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { openModel } from '../../src/language-model/open.js'
import type { DecoderSpec } from '../../src/models/spec.js'
import { Graph } from '../../src/onnx/graph.js'
import { createRandom } from '../../src/random.js'
import type { Device } from '../../src/runtime/device.js'
import { loadOnnxModel } from '../../src/runtime/load.js'
import type { OnnxModel } from '../../src/runtime/onnx-model.js'
import { type RunType, type StoredParameter, storagePlan } from '../../src/runtime/storage.js'
import { quantiseBlocks, type WeightStore } from '../../src/weights/index.js'
import { fixturePath } from '../fixtures.js'
import { temporaryDirectory } from '../weights/files.js'
import { runGraph, tensor, testDevices } from './devices.js'

const STORIES = join(import.meta.dirname, '../../../shared/models/stories260K')
const HEAD = 'lm_head.weight'

/**
 * Relative error of the logits that rounding activations to 8 bits may cause: on these random models, where it is
 * largest, 0.034 was seen, and below 1e-6 on devices that do not round.
 */
const ROUNDED_ACTIVATIONS = 0.06

vi.stubEnv('XDG_CACHE_HOME', temporaryDirectory())

/** What MatMulNBits multiplies with: scale · (quant − 8) for 4 bits, scale · (quant − 128) for 8, [rows, columns]. */
function dequantised(
  { packed, scales }: Blocks,
  plan: Pick<StoredParameter, 'shape' | 'bits' | 'blockSize'>,
): Float32Array {
  const { bits, blockSize } = plan
  const [rows, columns] = plan.shape
  const blocks = Math.ceil(columns / blockSize)
  const quant = (index: number) => {
    if (bits === 8) return packed[index] - 128
    return ((index % 2 === 0 ? packed[index >> 1] : packed[index >> 1] >> 4) & 15) - 8
  }
  const values = new Float32Array(rows * columns)
  for (let i = 0; i < values.length; i++) {
    const [row, column] = [Math.floor(i / columns), i % columns]
    const block = row * blocks + Math.floor(column / blockSize)
    values[i] = scales[block] * quant(block * blockSize + (column % blockSize))
  }
  return values
}

type Blocks = ReturnType<typeof quantiseBlocks>
type Change = (blocks: Blocks) => Blocks

/** The weights as they are after quantisation, in float32, with a vocabulary projection of its own. */
function dequantisedModel(
  spec: DecoderSpec,
  store: WeightStore,
  type: 'int8' | 'int4',
  change: Change = (blocks) => blocks,
): { spec: DecoderSpec; store: WeightStore } {
  const plans = new Map<string, StoredParameter>()
  const sources = new Map<string, string>()
  for (const parameter of storagePlan(spec, type)) {
    const isTied = spec.tiedHead && parameter.name.includes('embed')
    // A row's blocks are its own: quantising the parts of a fused matrix one by one gives the same.
    for (const { name: part, shape } of parameter.parts) {
      for (const name of isTied ? [part, HEAD] : [part]) {
        plans.set(name, { ...parameter, shape })
        sources.set(name, part)
      }
    }
  }
  const tensors = new Map([...sources].map(([name, source]) => [name, store.tensors.get(source)!]))
  const read = async (name: string) => {
    const values = await store.read(sources.get(name)!)
    const plan = plans.get(name)!
    if (plan.bits !== 8 && plan.bits !== 4) return values
    const [rows, columns] = plan.shape
    return dequantised(change(quantiseBlocks(values, rows, columns, plan.bits, plan.blockSize)), plan)
  }
  const fingerprint = async () => randomUUID()
  const { metadata, unreadable, close } = store
  const no = { isVerbatim: () => false, isSame: async () => false }
  const wrapped = { tensors, metadata, unreadable, fingerprint, read, ...no, close }
  return { spec: { ...spec, tiedHead: false }, store: wrapped }
}

const shuffledScales: Change = ({ packed, scales }) => ({ packed, scales: scales.slice().reverse() })

/** Logits of a short chain, run as a prompt of many tokens and a last one alone. */
async function logitsOf(model: OnnxModel): Promise<Float32Array> {
  const random = createRandom(3)
  const tokens = Array.from({ length: 12 }, () => Math.floor(random() * model.vocabSize))
  const cache = model.newCache()
  const prompt = tokens.slice(0, -1)
  const output = await model.forward(
    cache,
    prompt,
    prompt.map((_, i) => i - 1),
  )
  const rows = prompt.map((_, i) => output.logits(i).slice())
  const last = await model.forward(cache, tokens.slice(-1), [prompt.length - 1])
  return Float32Array.from([...rows, last.logits(0)].flatMap((row) => [...row]))
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

const models = [
  { name: 'llama, widths 64 and 96', directory: fixturePath('llama') },
  { name: 'qwen2, with biases', directory: fixturePath('qwen2') },
  { name: 'gemma3, widths 32 and 48', directory: fixturePath('gemma3') },
  { name: 'lfm2, with convolutions', directory: fixturePath('lfm2') },
  { name: 'stories260K, widths 64 and 172', directory: STORIES },
]
const devices = await testDevices()
if (!existsSync(STORIES)) console.log(`Cases of stories260K are skipped: there is no ${STORIES}.`)

for (const { name, directory } of models) {
  describe.skipIf(!existsSync(directory))(name, { timeout: 300_000 }, () => {
    let spec: DecoderSpec
    let store: WeightStore
    beforeAll(async () => {
      ;({ spec, store } = await openModel(directory))
    })
    afterAll(() => store?.close())

    async function run(type: RunType, device: Device = 'cpu', from = { spec, store }) {
      const { model } = await loadOnnxModel(from.spec, from.store, directory, {
        device,
        dtype: type,
        threads: 1,
      })
      const logits = await logitsOf(model)
      await model.dispose()
      return logits
    }

    for (const type of ['int8', 'int4'] as const) {
      describe(type, () => {
        let reference: Float32Array
        let control: Float32Array
        beforeAll(async () => {
          reference = await run('fp32', 'cpu', dequantisedModel(spec, store, type))
          control = await run('fp32', 'cpu', dequantisedModel(spec, store, type, shuffledScales))
        })

        test.for(devices)(
          'is float32 with the dequantised weights, on $device',
          async ({ device, missing }, { skip }) => {
            skip(missing !== undefined, missing)
            const quantised = await run(type, device)
            expect(relativeError(quantised, reference)).toBeLessThan(ROUNDED_ACTIVATIONS)
            expect(relativeError(quantised, control)).toBeGreaterThan(0.5)
          },
        )
      })
    }

    test('int8 is nearer to float32 than int4', async () => {
      const [plain, int8, int4] = [await run('fp32'), await run('int8'), await run('int4')]
      expect(relativeError(int8, plain)).toBeLessThan(relativeError(int4, plain) / 4)
      expect(relativeError(int4, plain)).toBeLessThan(0.5)
    })
  })
}

describe('one layer', { timeout: 300_000 }, () => {
  const widths = [172, 96, 48, 33, 64, 128]
  const cases = widths.flatMap((width) => ([4, 8] as const).map((bits) => ({ width, bits })))
  for (const { device, missing } of devices) {
    test.skipIf(missing).each(cases)(
      `of width $width in $bits bits, on ${device}`,
      async ({ width, bits }) => {
        const [rows, tokens, blockSize] = [24, 5, width % 64 === 0 ? 64 : 32]
        const random = createRandom(width)
        const normal = () => random() + random() + random() - 1.5
        const weights = Float32Array.from({ length: rows * width }, normal)
        const x = Float32Array.from({ length: tokens * width }, normal)
        const blocks = quantiseBlocks(weights, rows, width, bits, blockSize)
        const y = await matMulNBits(x, blocks, { device, width, rows, bits, blockSize })
        const inBounds = (change: Change) => {
          const values = dequantised(change(blocks), { shape: [rows, width], bits, blockSize })
          return y.every((value, i) => {
            const [token, row] = [Math.floor(i / rows), i % rows]
            const input = x.subarray(token * width, (token + 1) * width)
            const { sum, bound } = rowProduct(values.subarray(row * width, (row + 1) * width), input)
            return Math.abs(value - sum) <= bound
          })
        }
        expect(inBounds((same) => same)).toBe(true)
        expect(inBounds(shuffledScales)).toBe(false)
      },
    )
  }
})

/** In float64, and how far off it may be where the inputs are rounded to 8 bits with the scale of the largest. */
function rowProduct(weights: Float32Array, x: Float32Array): { sum: number; bound: number } {
  const step = Math.max(...x.map(Math.abs)) / 127
  let sum = 0
  let magnitude = 0
  for (let k = 0; k < x.length; k++) {
    sum += weights[k] * x[k]
    magnitude += Math.abs(weights[k])
  }
  return { sum, bound: (magnitude * step) / 2 + 1e-4 }
}

async function matMulNBits(
  x: Float32Array,
  { packed, scales }: Blocks,
  layer: { device: Device; width: number; rows: number; bits: number; blockSize: number },
): Promise<Float32Array> {
  const { device, width, rows, bits, blockSize } = layer
  const blocks = Math.ceil(width / blockSize)
  const graph = new Graph()
  const bytes = (values: Uint8Array | Float32Array) => ({
    bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  })
  const inputs = [
    graph.input('x', 'float32', ['T', width]),
    graph.initializer('packed', 'uint8', [rows, blocks, (blockSize * bits) / 8], bytes(packed)),
    graph.initializer('scales', 'float32', [rows * blocks], bytes(scales)),
  ]
  const attributes = { K: width, N: rows, bits, block_size: blockSize, accuracy_level: 4 }
  graph.node('com.microsoft::MatMulNBits', inputs, attributes, 'y')
  graph.output('y', 'float32', ['T', rows])
  const { y } = await runGraph(graph, { x: tensor(x, [x.length / width, width]) }, { device })
  return y as Float32Array
}
