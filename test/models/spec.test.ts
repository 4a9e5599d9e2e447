import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { UserError } from '../../src/errors.js'
import { parametersOf } from '../../src/models/parameters.js'
import { rotaryTables } from '../../src/models/rope.js'
import { type AttentionKind, specFromConfig } from '../../src/models/spec.js'
import { checkParameters } from '../../src/runtime/storage.js'
import type { TensorInfo, WeightStore } from '../../src/weights/index.js'
import { decodeFloats, fixturePath, largestDifference } from '../fixtures.js'

type Config = Readonly<Record<string, unknown>>

interface Golden {
  positions: number[]
  cases: {
    name: string
    v4: Config
    v5: Config
    kinds: Partial<Record<AttentionKind, { inverse_frequencies: string; cos: string; sin: string }>>
  }[]
}

const golden: Golden = JSON.parse(
  readFileSync(join(import.meta.dirname, '../golden/rope/golden.json'), 'utf8'),
)
const fixture = (name: string): Config =>
  JSON.parse(readFileSync(join(fixturePath(name), 'config.json'), 'utf8'))
const named = (name: string) => golden.cases.find((entry) => entry.name === name)!

describe.each(golden.cases)('$name', ({ v4, v5, kinds }) => {
  test('has the rotary frequencies of HF transformers', () => {
    const { rope } = specFromConfig(v5, 'config.json')
    for (const kind of Object.keys(kinds) as AttentionKind[]) {
      const expected = decodeFloats(kinds[kind]!.inverse_frequencies)
      expect(rope[kind]).toHaveLength(expected.length)
      for (const [i, frequency] of expected.entries()) {
        expect(Math.abs(rope[kind][i] / frequency - 1), `${kind} ${i}`).toBeLessThan(1e-7)
      }
    }
  })

  test('has the cosines and sines of HF transformers, up to the last position', () => {
    for (const kind of Object.keys(kinds) as AttentionKind[]) {
      const frequencies = decodeFloats(kinds[kind]!.inverse_frequencies)
      const { cos, sin } = rotaryTables([...frequencies], golden.positions, 1)
      expect(largestDifference(cos, decodeFloats(kinds[kind]!.cos))).toBeLessThan(2e-7)
      expect(largestDifference(sin, decodeFloats(kinds[kind]!.sin))).toBeLessThan(2e-7)
    }
  })

  test('is the same from the config.json of transformers 4 and 5', () => {
    expect(specFromConfig(v4, 'config.json')).toEqual(specFromConfig(v5, 'config.json'))
  })
})

describe('fields', () => {
  test('of Llama-3.2-1B', () => {
    const { rope: _, ...spec } = specFromConfig(named('Llama-3.2-1B').v4, 'config.json')
    expect(spec).toEqual({
      family: 'llama',
      vocabSize: 128_256,
      hiddenSize: 2048,
      intermediateSize: 8192,
      heads: 32,
      kvHeads: 8,
      headDim: 64,
      maxPositions: 131_072,
      normEpsilon: 1e-6,
      layers: Array(16).fill('full'),
      slidingWindow: undefined,
      attentionScale: 1 / 8,
      activation: 'silu',
      embeddingScale: 1,
      tiedHead: true,
      qkNorm: false,
      gemmaNorms: false,
      bias: { qkv: false, output: false, mlp: false },
    })
  })

  test('of Gemma 3 1B: each sixth layer is full, and the scale is of query_pre_attn_scalar', () => {
    const spec = specFromConfig(named('Gemma-3-1B').v4, 'config.json')
    expect(spec.layers.flatMap((kind, layer) => (kind === 'full' ? [layer] : []))).toEqual([5, 11, 17, 23])
    expect(spec).toMatchObject({ slidingWindow: 512, headDim: 256, attentionScale: 1 / 16, tiedHead: true })
    expect(spec.embeddingScale).toBe(Math.fround(Math.sqrt(1152)))
    expect(spec).toMatchObject({ activation: 'gelu_tanh', qkNorm: true, gemmaNorms: true })
  })

  test('of Qwen2: layers from max_window_layers on slide, where use_sliding_window says so', () => {
    const { v4 } = named('Qwen2, sliding')
    const spec = specFromConfig(v4, 'config.json')
    expect(spec.layers).toEqual([...Array(5).fill('full'), ...Array(3).fill('sliding')])
    expect(spec).toMatchObject({ slidingWindow: 4096, bias: { qkv: true, output: false, mlp: false } })
    expect(spec.rope.sliding).toEqual(spec.rope.full)
    const off = specFromConfig({ ...v4, use_sliding_window: false }, 'config.json')
    expect(off.layers).toEqual(Array(8).fill('full'))
    expect(off.slidingWindow).toBeUndefined()
  })

  test.each([
    { field: 'rope_theta', change: { rope_theta: undefined }, full: 1_000_000 },
    { field: 'rope_local_base_freq', change: { rope_local_base_freq: undefined }, full: 1_000_000 },
  ])('of Gemma 3 without $field are those of HF', ({ change, full }) => {
    const spec = specFromConfig({ ...named('Gemma-3-1B').v4, ...change }, 'config.json')
    expect(spec.rope.full[1]).toBeCloseTo(full ** (-2 / 256), 6)
    expect(spec.rope.sliding[1]).toBeCloseTo(10_000 ** (-2 / 256), 6)
  })

  test('attention_bias and mlp_bias of Llama ask for their parameters', () => {
    const config = { ...fixture('llama'), attention_bias: true, mlp_bias: true }
    const spec = specFromConfig(config, 'config.json')
    expect(spec.bias).toEqual({ qkv: true, output: true, mlp: true })
    const biases = parametersOf(spec).filter(({ name }) => name.endsWith('.bias'))
    expect(biases).toHaveLength(7 * spec.layers.length)
  })
})

describe('refused', () => {
  const families = 'which is not supported: use a model of Llama, Qwen2, Qwen3, Gemma 3.'
  test.each([
    [{ model_type: 'mistral', architectures: ['MistralForCausalLM'] }, '"mistral", "MistralForCausalLM"'],
    [{ model_type: 'gemma2' }, '"gemma2"'],
    [{ model_type: 'phi3' }, '"phi3"'],
    [{ model_type: 'gpt2', architectures: ['GPT2LMHeadModel'] }, '"gpt2", "GPT2LMHeadModel"'],
    [{ architectures: ['LlamaForCausalLM'] }, '"LlamaForCausalLM"'],
    [{ model_type: 'toString' }, '"toString"'],
    [{ model_type: 7 }, '7'],
    [{}, 'that it does not name'],
  ])('by the name of its architecture: %j', (config, name) => {
    expect(() => specFromConfig(config, 'dir')).toThrow(
      new UserError(`dir is of the architecture ${name}, ${families}`),
    )
  })

  const scaling = (values: object) => ({ rope_parameters: { rope_theta: 1e4, ...values } })
  const v4Scaling = (values: object) => ({ rope_parameters: undefined, rope_scaling: values })
  const llama3 = { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 }
  test.each<[string, Config, string]>([
    ['llama', scaling({ rope_type: 'yarn', factor: 4 }), 'rope scaling of type "yarn" is not supported'],
    ['llama', v4Scaling({ type: 'dynamic', factor: 2 }), 'rope scaling of type "dynamic" is not supported'],
    ['qwen2', v4Scaling({ rope_type: 'longrope' }), 'rope scaling of type "longrope" is not supported'],
    ['llama', scaling({ rope_type: 'linear' }), 'rope scaling of type linear has no usable factor'],
    ['llama', scaling(llama3), 'rope scaling of type llama3 has no usable original_max_position_embeddings'],
    ['llama', scaling({ rope_theta: -1 }), 'the base of the rotary embedding is -1'],
    ['llama', scaling({ rope_theta: '1e4' }), 'the base of the rotary embedding is "1e4"'],
    ['gemma3', { final_logit_softcapping: 30 }, 'final_logit_softcapping is 30, which is not supported'],
    ['gemma3', { attn_logit_softcapping: 50 }, 'attn_logit_softcapping is 50, which is not supported'],
    [
      'gemma3',
      { use_bidirectional_attention: true },
      'use_bidirectional_attention is true, which is not supported',
    ],
    ['gemma3', { hidden_activation: 'gelu' }, 'hidden_activation is "gelu", not gelu_pytorch_tanh'],
    ['llama', { hidden_act: 'gelu' }, 'hidden_act is "gelu", not silu'],
    ['llama', { partial_rotary_factor: 0.5 }, 'partial_rotary_factor is 0.5, which is not supported'],
    ['llama', { num_key_value_heads: 3 }, '4 attention heads cannot share 3 key-value heads'],
    ['llama', { head_dim: 15 }, 'head_dim is 15, but a rotary embedding needs it even'],
    ['qwen2', { num_attention_heads: 3 }, 'head_dim is 10.666666666666666, not a positive integer'],
    ['llama', { hidden_size: undefined }, 'hidden_size is missing'],
    ['llama', { hidden_size: '64' }, 'hidden_size is "64", not a number'],
    ['llama', { vocab_size: 0 }, 'vocab_size is 0, not a positive integer'],
    ['llama', { num_hidden_layers: 2.5 }, 'num_hidden_layers is 2.5, not a positive integer'],
    ['llama', { max_position_embeddings: undefined }, 'max_position_embeddings is missing'],
    ['llama', { rms_norm_eps: 'small' }, 'rms_norm_eps is "small", not a number'],
    ['llama', { tie_word_embeddings: 'yes' }, 'tie_word_embeddings is "yes", not true or false'],
    ['qwen3', { layer_types: ['full_attention'] }, 'layer_types has 1 entries for 3 layers'],
    [
      'qwen3',
      { layer_types: Array(3).fill('chunked_attention') },
      'layer_types names "chunked_attention", which is not supported',
    ],
    ['gemma3', { sliding_window: undefined }, 'sliding_window is missing'],
  ])('%s with %j', (name, change, fault) => {
    expect(() => specFromConfig(fixture(name), 'dir')).not.toThrow()
    expect(() => specFromConfig({ ...fixture(name), ...change }, 'dir')).toThrow(
      new UserError(`The model cannot be built from dir: ${fault}.`),
    )
  })
})

describe('parameters', () => {
  const spec = specFromConfig(fixture('llama'), 'dir')
  const tensors = new Map(
    parametersOf(spec).map(({ name, shape }): [string, TensorInfo] => [
      name,
      { name, dtype: 'F32', shape: [...shape], file: 'model.safetensors', offset: 0, byteLength: 0 },
    ]),
  )
  const check = (name: string, change: Partial<TensorInfo> | undefined) => {
    const changed = new Map(tensors)
    if (change) changed.set(name, { ...changed.get(name)!, ...change })
    else changed.delete(name)
    return () => checkParameters(spec, { tensors: changed } as unknown as WeightStore, 'dir')
  }
  const query = 'model.layers.1.self_attn.q_proj.weight'

  test('that are all there pass, also with tensors beside them', () => {
    expect(check('extra', { shape: [1] })).not.toThrow()
  })

  test.each([
    [undefined, `dir has no tensor ${query}, which its configuration asks for.`],
    [
      { shape: [32, 64] },
      `Tensor ${query} of dir has the shape [32,64], but its configuration asks for [64,64].`,
    ],
    [{ shape: [64] }, `Tensor ${query} of dir has the shape [64], but its configuration asks for [64,64].`],
    [
      { shape: [64, 64, 1] },
      `Tensor ${query} of dir has the shape [64,64,1], but its configuration asks for [64,64].`,
    ],
  ])('with one changed to %j are refused', (change, message) => {
    expect(check(query, change)).toThrow(new UserError(message))
  })

  test('of a vocabulary projection of its own are asked for only where it is not tied', () => {
    expect(check('lm_head.weight', undefined)).toThrow(/no tensor lm_head.weight/)
    const tied = specFromConfig({ ...fixture('llama'), tie_word_embeddings: true }, 'dir')
    expect(parametersOf(tied).some(({ name }) => name === 'lm_head.weight')).toBe(false)
  })
})
