import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { loadModel } from '../../src/language-model/load.js'
import { openModel } from '../../src/language-model/open.js'
import { allExperts, routedExperts, stackedExperts } from '../../src/models/decoder/experts.js'
import type { CacheLayout } from '../../src/models/decoder/layers.js'
import { specFromConfig } from '../../src/models/families/index.js'
import { isOfExpert, parameterCount, parametersOf } from '../../src/models/parameters.js'
import type { DecoderSpec } from '../../src/models/spec.js'
import { Graph, type Value } from '../../src/onnx/graph.js'
import { serialize } from '../../src/onnx/serialize.js'
import { createRandom } from '../../src/random.js'
import { buildGraph } from '../../src/runtime/build.js'
import { loadOnnxModel } from '../../src/runtime/load.js'
import * as ort from '../../src/runtime/ort.js'
import { createSession } from '../../src/runtime/session.js'
import { bytesReadPerToken, type RunType, storagePlan, weightBytes } from '../../src/runtime/storage.js'
import { Lora } from '../../src/train/graphs/lora.js'
import { newModel } from '../../src/train/new-model.js'
import { fixturePath, largestDifference } from '../fixtures.js'
import { temporaryDirectory } from '../weights/files.js'

vi.stubEnv('XDG_CACHE_HOME', temporaryDirectory())

const configOf = (name: string) => JSON.parse(readFileSync(join(fixturePath(name), 'config.json'), 'utf8'))
const specOf = (name: string, changes: object = {}) => specFromConfig({ ...configOf(name), ...changes }, name)

describe('which layers have experts', () => {
  test.each([
    [{ decoder_sparse_step: 1, mlp_only_layers: [] }, [0, 1, 2, 3, 4, 5]],
    [{ decoder_sparse_step: 2, mlp_only_layers: null }, [1, 3, 5]],
    [{ decoder_sparse_step: 1, mlp_only_layers: [0, 5, 9] }, [1, 2, 3, 4]],
    [{ decoder_sparse_step: 3, mlp_only_layers: [2] }, [5]],
  ])('%j', (fields, layers) => {
    expect(specOf('qwen3_moe-sparse', fields).experts?.layers).toEqual(layers)
  })

  test('none is a dense model', () => {
    expect(specOf('qwen3_moe-sparse', { decoder_sparse_step: 7 }).experts).toBeUndefined()
  })
})

describe('fields', () => {
  test('both names of the number of experts are read, and HF defaults where there is none', () => {
    const { num_local_experts: count, ...others } = configOf('mixtral')
    expect(specFromConfig({ ...others, num_experts: count }, 'dir').experts?.count).toBe(5)
    expect(specFromConfig(others, 'dir').experts?.count).toBe(8)
    expect(() => specOf('mixtral', { num_experts: 7 })).toThrow('num_local_experts and num_experts')
  })

  test.each([
    ['mixtral', { num_experts_per_tok: 6 }, 'num_experts_per_tok is 6, of 5 experts'],
    ['mixtral', { num_local_experts: 1e6 }, 'num_experts is 1000000 in each of 2 layers, and at most 65,536'],
    ['mixtral', { num_local_experts: 0 }, 'num_experts is 0, not a positive integer'],
    ['mixtral', { layer_types: ['sliding_attention', 'full_attention'] }, 'layer_types is'],
    ['qwen3_moe', { mlp_only_layers: 'none' }, 'mlp_only_layers is "none", not a list of layers'],
    ['qwen3_moe', { decoder_sparse_step: 0.5 }, 'decoder_sparse_step is 0.5, not a positive integer'],
    ['qwen3_moe', { norm_topk_prob: 1 }, 'norm_topk_prob is 1, not true or false'],
    ['qwen3_moe', { hidden_act: 'relu' }, 'hidden_act is "relu"'],
    ['olmoe', { clip_qkv: 8 }, 'clip_qkv is 8, which is not supported'],
    ['olmoe', { sliding_window: 8 }, 'sliding_window is 8, which an OLMoE has not'],
    ['qwen2_moe', { moe_intermediate_size: null }, 'moe_intermediate_size'],
  ])('%s with %j is refused by name', (name, changes, message) => {
    expect(() => specOf(name, changes)).toThrow(message)
  })

  test('windows are where transformers has them', () => {
    expect(specOf('mixtral-window').layers).toEqual(['sliding', 'sliding'])
    const sliding = { use_sliding_window: true, sliding_window: 8, num_hidden_layers: 5 }
    expect(specOf('qwen3_moe', sliding).layers).toEqual(Array(5).fill('sliding'))
    const some = { ...sliding, layer_types: undefined, max_window_layers: 3 }
    expect(specOf('qwen2_moe', some).layers).toEqual(['sliding', 'full', 'sliding', 'full', 'full'])
  })
})

describe('storage', () => {
  const spec = specOf('qwen2_moe')

  test('a router keeps its floats, and gate and up of each expert are one product', () => {
    const plan = storagePlan(spec, 'int4')
    const routers = plan.filter(({ name }) => /mlp\.(shared_expert_)?gate\.weight$/.test(name))
    expect(routers.map(({ bits }) => bits)).toEqual([32, 32, 32, 32])
    const [first] = plan.filter(({ name }) => name.endsWith('experts.0.gate_up_proj.weight'))
    expect(first).toMatchObject({ shape: [32, 32], bits: 4 })
  })

  test('in float32 on the CPU those of a layer are two matrices, in others each has its own', () => {
    const shapes = (type: RunType, layout?: CacheLayout) =>
      storagePlan(spec, type, layout)
        .filter(({ name }) => name.startsWith('model.layers.0.mlp.experts.'))
        .map(({ shape, parts }) => [...shape, parts.length])
    expect(shapes('fp32', 'paged')).toEqual([
      [6 * 32, 32, 12],
      [6 * 32, 16, 6],
    ])
    expect(shapes('fp32', 'appended')).toHaveLength(6 * 3)
    expect(shapes('fp16')).toHaveLength(6 * 3)
    expect(weightBytes(spec, 'fp32')).toBe(4 * parameterCount(spec))
  })

  test('a token reads the experts that it takes', () => {
    const ofExperts = parametersOf(spec).filter(({ name }) => isOfExpert(name))
    expect(ofExperts).toHaveLength(2 * 6 * 3)
    const bytes = 4 * ofExperts.reduce((sum, { shape }) => sum + shape[0] * shape[1], 0)
    const embedding = 4 * spec.vocabSize * spec.hiddenSize
    expect(bytesReadPerToken(spec, 'fp32', 0)).toBeCloseTo(
      weightBytes(spec, 'fp32') - embedding - bytes / 2,
      6,
    )
  })
})

describe('the operator of ONNX Runtime', () => {
  test.each<
    [fixture: string, layers: number, type: RunType, layout: CacheLayout, change?: Partial<DecoderSpec>]
  >([
    ['mixtral', 2, 'fp32', 'in-place'],
    ['olmoe', 2, 'fp32', 'paged'],
    ['qwen3_moe-sparse', 2, 'fp32', 'in-place'],
    ['mixtral', 0, 'fp32', 'appended'],
    ['mixtral', 0, 'fp32', 'device'],
    ['mixtral', 0, 'fp16', 'in-place'],
    ['mixtral', 0, 'int8', 'in-place'],
    ['mixtral', 0, 'fp32', 'in-place', { activation: 'gelu' }],
  ])('of %s is in %i layers in %s, %s %j', async (fixture, layers, type, layout, change = {}) => {
    const { spec, store } = await openModel(fixturePath(fixture))
    const { graph } = await buildGraph({ ...spec, ...change }, store, type, { layout })
    await store.close()
    const nodes = Buffer.from(graph)
      .toString('latin1')
      .match(/MoE_\d+/g)
    expect(new Set(nodes).size).toBe(layers)
  })

  /**
   * A mixture of random weights as its decoder's graph has it: x is what a node gives, whose memory results may take.
   * @param fault a router's score of the first token
   */
  async function mixed(
    form: 'stacked' | 'routed' | 'all',
    normalised: boolean,
    length: number,
    fault?: number,
  ) {
    const [count, hidden, width] = [7, 24, 12]
    const random = createRandom(5)
    const floats = (size: number) => Float32Array.from({ length: size }, () => 2 * random() - 1)
    const weights = Array.from({ length: count }, () => [1, 2, 3].map(() => floats(width * hidden)))
    const feeds = {
      x: new ort.Tensor('float32', floats(length * hidden), [1, length, hidden]),
      logits: new ort.Tensor('float32', floats(length * count), [1, length, count]),
    }
    if (fault !== undefined) feeds.logits.data[1] = fault
    const graph = new Graph()
    const matrix = (name: string, shape: number[], values: readonly Float32Array[]) => {
      const data = {
        bytes: new Uint8Array(Buffer.concat(values.map(({ buffer }) => new Uint8Array(buffer)))),
      }
      return graph.initializer(name, 'float32', shape, data)
    }
    const sum = graph.node('Add', [graph.input('x', 'float32', [1, 'T', hidden]), 'x'])
    const logits = graph.input('logits', 'float32', [1, 'T', count])
    const experts = { count, perToken: 3, intermediateSize: width, normalised, layers: [0] }
    const rows = (values: Float32Array) =>
      Array.from({ length: width }, (_, row) => values.slice(row * hidden, (row + 1) * hidden))
    const product = (x: Value, name: string, shape: number[], values: Float32Array) =>
      graph.node('com.microsoft::FusedMatMul', [x, matrix(name, shape, [values])], { transB: 1 })
    const expert = (x: Value, index: number) => {
      const [gate, up, down] = weights[index]
      const gated = product(x, `gate.${index}`, [width, hidden], gate)
      const silu = graph.node('Mul', [gated, graph.node('Sigmoid', [gated])])
      const inner = graph.node('Mul', [silu, product(x, `up.${index}`, [width, hidden], up)])
      return product(inner, `down.${index}`, [hidden, width], down)
    }
    const stacked = () => ({
      gateUp: matrix(
        'gate_up',
        [count, 2 * width, hidden],
        weights.flatMap(([gate, up]) => rows(gate).flatMap((row, i) => [row, rows(up)[i]])),
      ),
      down: matrix(
        'down',
        [count, hidden, width],
        weights.map(([, , down]) => down),
      ),
    })
    const mixture = { graph, experts, type: 'float32', hiddenSize: hidden, expert } as const
    const y = {
      stacked: () => stackedExperts(graph, experts, stacked(), sum, logits),
      routed: () => routedExperts(mixture, sum, logits),
      all: () => allExperts(mixture, sum, logits),
    }[form]()
    graph.output('y', 'float32', [1, 'T', hidden])
    graph.node('Neg', [y], {}, 'y')
    const session = await createSession(serialize(graph), '', { device: 'cpu', threads: 2 })
    const { y: result } = await session.run(feeds)
    await session.release()
    return result.data as Float32Array
  }

  // From 1024 tokens on several threads choose experts.
  test.each([
    [true, 1],
    [false, 1],
    [true, 5],
    [false, 5],
    [true, 1100],
    [false, 1100],
  ])('gives what products give (normalised: %s, %i tokens)', async (normalised, length) => {
    const operator = await mixed('stacked', normalised, length)
    expect(Math.max(...operator)).toBeGreaterThan(1)
    for (const form of ['routed', 'all'] as const) {
      expect(largestDifference(operator, await mixed(form, normalised, length)), form).toBeLessThan(1e-4)
    }
  })

  test.each([true, false])('gives no number where a router does (normalised: %s)', async (normalised) => {
    for (const form of ['stacked', 'routed', 'all'] as const) {
      const results = await mixed(form, normalised, 2, Number.NaN)
      expect([...results.slice(0, 24)].every(Number.isNaN), form).toBe(true)
      expect([...results.slice(24)].some(Number.isNaN), form).toBe(false)
    }
  })
})

describe('quantised', { timeout: 60_000 }, () => {
  const tokens = Array.from({ length: 12 }, (_, i) => 3 + ((11 * i) % 120))
  const parents = tokens.map((_, i) => i - 1)
  const logitsOf = async (dtype: 'fp32' | 'int8' | 'int4') => {
    const { spec, store } = await openModel(fixturePath('qwen3_moe'))
    const { model } = await loadOnnxModel(spec, store, 'qwen3_moe', { device: 'cpu', dtype })
    const { logits } = await model.forward(model.newCache(), tokens, parents, [11])
    const row = logits(11).slice()
    await model.dispose()
    await store.close()
    return row
  }

  test('experts give what they give in float32, but for rounding', async () => {
    const [exact, int8, int4] = [await logitsOf('fp32'), await logitsOf('int8'), await logitsOf('int4')]
    const spread = Math.max(...exact) - Math.min(...exact)
    expect(largestDifference(int8, exact)).toBeLessThan(0.05 * spread)
    expect(largestDifference(int4, exact)).toBeLessThan(0.5 * spread)
  })
})

test('exact is refused, whose passes have one shape', async () => {
  await expect(
    loadModel(fixturePath('qwen3_moe'), { device: 'cpu', dtype: 'int8', exact: true }),
  ).rejects.toThrow('each expert of')
})

describe('training', () => {
  test('what transformers trains otherwise by is refused by name', () => {
    const config = configOf('mixtral')
    expect(() => newModel({ ...config, output_router_logits: true }, 'c.json', 128, 1)).toThrow(
      'output_router_logits is true',
    )
    expect(() => newModel({ ...config, router_jitter_noise: 0.1 }, 'c.json', 128, 1)).toThrow(
      'router_jitter_noise is 0.1',
    )
    expect(newModel(config, 'c.json', 128, 1).weights.size).toBe(parametersOf(specOf('mixtral')).length)
  })

  test('adapters are of attention and shared experts, as with PEFT', () => {
    const lora = (targetModules: readonly string[] | 'all-linear') =>
      new Lora(specOf('qwen2_moe'), { rank: 2, alpha: 4, targetModules } as never)
    const modules = [...lora('all-linear').layers.keys()]
    expect(modules.some((name) => isOfExpert(name))).toBe(false)
    expect(modules.filter((name) => name.includes('shared_expert.'))).toHaveLength(6)
    expect(
      () => new Lora(specOf('mixtral'), { rank: 2, alpha: 4, targetModules: ['up_proj'] } as never),
    ).toThrow('no module "up_proj" to adapt')
  })
})
