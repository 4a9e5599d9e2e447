import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { UserError } from '../../src/errors.js'
import { FAMILIES, specFromConfig } from '../../src/models/families/index.js'
import { parametersOf } from '../../src/models/parameters.js'
import { rotaryTables } from '../../src/models/rope.js'
import type { AttentionSpan } from '../../src/models/spec.js'
import { checkParameters } from '../../src/runtime/storage.js'
import type { TensorInfo } from '../../src/weights/index.js'
import { decodeFloats, fixturePath, largestDifference } from '../fixtures.js'

type Config = Readonly<Record<string, unknown>>

interface Golden {
  positions: number[]
  cases: {
    name: string
    v4: Config
    v5: Config
    kinds: Partial<Record<AttentionSpan, { inverse_frequencies: string; cos: string; sin: string }>>
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
    for (const kind of Object.keys(kinds) as AttentionSpan[]) {
      const expected = decodeFloats(kinds[kind]!.inverse_frequencies)
      expect(rope[kind]).toHaveLength(expected.length)
      for (const [i, frequency] of expected.entries()) {
        expect(Math.abs(rope[kind][i] / frequency - 1), `${kind} ${i}`).toBeLessThan(1e-7)
      }
    }
  })

  test('has the cosines and sines of HF transformers, up to the last position', () => {
    for (const kind of Object.keys(kinds) as AttentionSpan[]) {
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

test.each([{ rope_type: 'su' }, { rope_type: 'yarn' }, { rope_type: 'longrope', type: 'su' }])(
  'a Phi-3 has LongRoPE by its old names: %j',
  (names) => {
    const config = fixture('phi3-longrope')
    const { rope_type: _, ...fields } = config.rope_parameters as Config
    const old = { ...config, rope_parameters: undefined, rope_scaling: { ...fields, ...names } }
    expect(specFromConfig(old, 'config.json')).toEqual(specFromConfig(config, 'config.json'))
  },
)

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
      norms: 'pre',
      normOffset: 0,
      residual: 'as weights',
      bias: { qkv: false, output: false, mlp: false },
    })
  })

  test('of Gemma 3 1B: each sixth layer is full, and the scale is of query_pre_attn_scalar', () => {
    const spec = specFromConfig(named('Gemma-3-1B').v4, 'config.json')
    expect(spec.layers.flatMap((kind, layer) => (kind === 'full' ? [layer] : []))).toEqual([5, 11, 17, 23])
    expect(spec).toMatchObject({ slidingWindow: 512, headDim: 256, attentionScale: 1 / 16, tiedHead: true })
    expect(spec.embeddingScale).toBe(Math.fround(Math.sqrt(1152)))
    expect(spec).toMatchObject({
      activation: 'gelu_tanh',
      qkNorm: true,
      norms: 'both',
      normOffset: 1,
      residual: 'float32',
    })
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

  test('of LFM2-1.2B: attention by number, two thirds of the width, and its own names before others', () => {
    const config = {
      model_type: 'lfm2',
      hidden_size: 2048,
      num_hidden_layers: 16,
      block_ff_dim: 12_288,
      intermediate_size: 100,
      full_attn_idxs: [2, 5, 8, 10, 12, 14],
      tie_word_embeddings: false,
      tie_embedding: true,
    }
    const { layers, ...spec } = specFromConfig(config, 'dir')
    expect(layers.flatMap((kind, layer) => (kind === 'full' ? [layer] : []))).toEqual(config.full_attn_idxs)
    expect(layers.filter((kind) => kind === 'conv')).toHaveLength(10)
    expect(spec).toMatchObject({
      intermediateSize: 8192,
      kvHeads: 8,
      tiedHead: true,
      qkNorm: true,
      convolution: { kernel: 3, bias: false },
      maxPositions: 128_000,
    })
    expect(spec.rope.full[1]).toBeCloseTo(1_000_000 ** (-1 / 32), 6)
    const images = (fields: Config) =>
      specFromConfig({ model_type: 'lfm2_vl', text_config: { ...config, ...fields } }, 'dir').tiedHead
    expect(images({ tie_embedding: false })).toBe(true)
    const untied = { model_type: 'lfm2_vl', text_config: config, tie_embedding: false }
    expect(specFromConfig(untied, 'dir').tiedHead).toBe(false)
  })

  test('attention_bias and mlp_bias of Llama ask for their parameters', () => {
    const config = { ...fixture('llama'), attention_bias: true, mlp_bias: true }
    const spec = specFromConfig(config, 'config.json')
    expect(spec.bias).toEqual({ qkv: true, output: true, mlp: true })
    const biases = parametersOf(spec).filter(({ name }) => name.endsWith('.bias'))
    expect(biases).toHaveLength(7 * spec.layers.length)
  })
})

describe('rope fields, in all places and spellings, as transformers 5.24 reads them', () => {
  const llama: Config = {
    model_type: 'llama',
    hidden_size: 64,
    intermediate_size: 96,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 4,
    vocab_size: 32,
    max_position_embeddings: 512,
  }
  const base = (rope: readonly number[]) => Math.round(rope[1] ** -8)
  const linear = { rope_type: 'linear', factor: 2 }
  const llama3 = { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 }
  const ropeOf = (change: Config) => specFromConfig({ ...llama, ...change }, 'dir').rope

  test.each<[Config, number, number]>([
    [{}, 10_000, 1],
    [{ rope_theta: 1000 }, 1000, 1],
    [{ rope_theta: 1000, rope_parameters: { rope_type: 'default' } }, 1000, 1],
    [{ rope_theta: 1000, rope_parameters: {} }, 1000, 1],
    [{ rope_theta: 1000, rope_parameters: null, rope_scaling: null }, 1000, 1],
    [{ rope_theta: 1000, rope_parameters: { rope_theta: 500 } }, 500, 1],
    [{ rope_theta: 1000, rope_parameters: linear }, 1000, 2],
    [{ rope_scaling: { rope_type: 'default', rope_theta: 1000 } }, 1000, 1],
    [{ rope_parameters: { rope_theta: 500 }, rope_scaling: { type: 'linear', factor: 2 } }, 10_000, 2],
    [{ rope_parameters: { rope_theta: 500 }, rope_scaling: linear, rope_theta: 1000 }, 1000, 2],
    [{ rope_parameters: { rope_theta: 500 }, rope_scaling: {} }, 500, 1],
    [{ rope_scaling: { type: 'linear', rope_type: 'linear', factor: 2 } }, 10_000, 2],
    [{ model_type: 'qwen2', rope_theta: 1000, rope_parameters: { rope_type: 'default' } }, 1000, 1],
    [{ model_type: 'qwen3', head_dim: 16, rope_scaling: linear, rope_parameters: {} }, 10_000, 2],
  ])('%j', (change, theta, factor) => {
    const { full } = ropeOf(change)
    expect(full[0]).toBe(1 / factor)
    expect(base(full.map((frequency) => frequency * factor))).toBe(theta)
  })

  test("Llama 3's scaling stretches what is long by its low factor, also where that is above the high one", () => {
    const change = { low_freq_factor: 4, high_freq_factor: 1, original_max_position_embeddings: 64 }
    const { full } = ropeOf({ rope_scaling: { ...llama3, ...change } })
    // transformers 5.24: wavelengths of 6.28, 19.9, 62.8 and more, of which those above 16 are stretched.
    const plain = ropeOf({}).full
    expect(full.map((frequency, i) => Math.round(plain[i] / frequency))).toEqual([1, ...Array(7).fill(8)])
  })

  test("Llama 3's scaling counts from the configuration's own length, its scaling's, or the context", () => {
    const last = (change: Config) => ropeOf({ max_position_embeddings: 8192, ...change }).full
    const own = { ...llama3, original_max_position_embeddings: 64 }
    const of64 = last({ rope_scaling: own })
    expect(of64).not.toEqual(last({ rope_scaling: llama3 }))
    expect(last({ rope_scaling: llama3, original_max_position_embeddings: 64 })).toEqual(of64)
    const other = { ...llama3, original_max_position_embeddings: 4096 }
    expect(last({ rope_scaling: other, original_max_position_embeddings: 64 })).toEqual(of64)
    expect(last({ rope_scaling: llama3, max_position_embeddings: 64 })).toEqual(of64)
  })

  test('Gemma 3: by kind of layer, and rope_scaling for full layers alone', () => {
    const gemma = { model_type: 'gemma3_text', head_dim: 16, num_key_value_heads: 4, sliding_window: 8 }
    const of = (change: Config) => ropeOf({ ...gemma, ...change })
    const both = of({ rope_scaling: linear, rope_theta: 500, rope_local_base_freq: 50 })
    expect([both.full[0], base(both.full.map((each) => 2 * each)), base(both.sliding)]).toEqual([
      0.5, 500, 50,
    ])
    const beside = of({
      rope_theta: 500,
      rope_local_base_freq: 50,
      rope_parameters: { full_attention: { rope_type: 'linear', factor: 4, rope_theta: 700 } },
      rope_scaling: linear,
    })
    expect([beside.full[0], base(beside.full.map((each) => 2 * each))]).toEqual([0.5, 700])
    expect([beside.sliding[0], base(beside.sliding)]).toEqual([1, 50])
    const usual = of({ rope_parameters: { sliding_attention: null, full_attention: {} } })
    expect([base(usual.full), base(usual.sliding)]).toEqual([1_000_000, 10_000])
  })
})

describe('what HF takes where a file leaves a field out', () => {
  test.each<[string, Config, Config]>([
    ['llama', { max_position_embeddings: undefined }, { maxPositions: 2048 }],
    ['qwen2', { max_position_embeddings: undefined }, { maxPositions: 32_768 }],
    ['qwen3', { head_dim: undefined }, { headDim: 128 }],
    ['qwen3', { num_attention_heads: 64, num_key_value_heads: undefined }, { kvHeads: 32 }],
    ['llama', { num_key_value_heads: undefined }, { kvHeads: 4 }],
    ['qwen2', { num_attention_heads: 2, num_key_value_heads: null }, { kvHeads: 2 }],
    ['gemma3', { sliding_window: undefined }, { slidingWindow: 4096 }],
    ['gemma3', { vocab_size: undefined }, { vocabSize: 262_208 }],
    ['llama', { hidden_act: 'swish' }, { activation: 'silu' }],
    ['qwen2', { attention_bias: false }, { bias: { qkv: true, output: false, mlp: false } }],
    ['qwen3', { mlp_bias: true }, { bias: { qkv: false, output: false, mlp: false } }],
    [
      'llama',
      { sliding_window: 2, layer_types: Array(3).fill('full_attention') },
      { slidingWindow: undefined },
    ],
    ['qwen2', { use_sliding_window: true, sliding_window: 4, max_window_layers: 0 }, { slidingWindow: 4 }],
    ['qwen2', { layer_types: Array(3).fill('attention') }, { layers: ['full', 'full', 'full'] }],
  ])('%s with %j', (name, change, spec) => {
    const { layer_types: _, ...config } = fixture(name)
    expect(specFromConfig({ ...config, ...change }, 'dir')).toMatchObject(spec)
  })
})

describe('refused', () => {
  test('without a model_type, with the one that its class has', () => {
    expect(() => specFromConfig({ architectures: ['LlamaForCausalLM'] }, 'dir')).toThrow(
      new UserError(
        'dir has no model_type, which names the architecture: add it, "llama", for its LlamaForCausalLM.',
      ),
    )
    expect(() => specFromConfig({ architectures: ['toString'] }, 'dir')).toThrow(
      /no model_type, .* as transformers writes it\.$/,
    )
  })

  test('with images, without the text model', () => {
    expect(() => specFromConfig({ model_type: 'gemma3' }, 'dir')).toThrow(
      new UserError('dir has no text_config, which describes the text model: add it.'),
    )
  })

  const families = `which is not supported: use a model of ${FAMILIES.map(({ name }) => name).join(', ')}, or its export to ONNX (of onnx-community, for one).`
  test.each([
    [{ model_type: 'mamba', architectures: ['MambaForCausalLM'] }, '"mamba", "MambaForCausalLM"'],
    [{ model_type: 'gemma' }, '"gemma"'],
    [{ model_type: 'falcon' }, '"falcon"'],
    [{ model_type: 'lfm2_moe', architectures: ['Lfm2MoeForCausalLM'] }, '"lfm2_moe", "Lfm2MoeForCausalLM"'],
    [{ model_type: 'bloom', architectures: ['BloomForCausalLM'] }, '"bloom", "BloomForCausalLM"'],
    [{ model_type: 'toString' }, '"toString"'],
    [{ model_type: 7 }, '7'],
  ])('by the name of its architecture: %j', (config, name) => {
    expect(() => specFromConfig(config, 'dir')).toThrow(
      new UserError(`dir is of the architecture ${name}, ${families}`),
    )
  })

  const scaling = (values: object) => ({ rope_parameters: { rope_theta: 1e4, ...values } })
  const v4Scaling = (values: object) => ({ rope_parameters: undefined, rope_scaling: values })
  const llama3 = { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 }
  test.each<[string, Config, string]>([
    ['llama', scaling({ rope_type: 'axial', factor: 4 }), 'rope scaling of type "axial" is not supported'],
    ['llama', v4Scaling({ type: 'mrope', factor: 2 }), 'rope scaling of type "mrope" is not supported'],
    ['qwen2', v4Scaling({ rope_type: 'su' }), 'rope scaling of type "su" is not supported'],
    ['llama', scaling({ rope_type: 'yarn', factor: 0 }), 'rope scaling of type yarn has no usable factor'],
    [
      'llama',
      scaling({ rope_type: 'yarn', factor: 4, truncate: 'no' }),
      'rope scaling of type yarn has no usable truncate',
    ],
    [
      'llama',
      scaling({ rope_type: 'yarn', factor: 4, attention_factor: -1 }),
      'rope scaling of type yarn has no usable attention_factor',
    ],
    ['llama', v4Scaling({ type: 'dynamic' }), 'rope scaling of type dynamic has no usable factor'],
    [
      'llama',
      v4Scaling({ type: 'dynamic', factor: 2, alpha: 1000 }),
      'rope scaling of type dynamic has the alpha 1000, which is not supported',
    ],
    [
      'qwen2',
      v4Scaling({ rope_type: 'longrope' }),
      'rope scaling of type longrope has no usable short_factor: it needs 8 numbers above 0',
    ],
    [
      'qwen2',
      v4Scaling({ rope_type: 'longrope', short_factor: Array(8).fill(1), long_factor: [1] }),
      'rope scaling of type longrope has no usable long_factor: it needs 8 numbers above 0',
    ],
    ['llama', scaling({ rope_type: 'linear' }), 'rope scaling of type linear has no usable factor'],
    [
      'llama',
      scaling({ ...llama3, low_freq_factor: 0 }),
      'rope scaling of type llama3 has no usable low_freq_factor',
    ],
    ['llama', { rope_scaling: 'linear' }, 'rope_scaling is "linear", not an object'],
    ...['sliding_window', 'attention_chunk_size'].map((name): [string, Config, string] => [
      'llama',
      { layer_types: undefined, [name]: 2 },
      `${name} is 2, which a Llama has not: remove it, or name another model_type`,
    ]),
    [
      'llama',
      { rope_scaling: { type: 'linear', rope_type: 'default', factor: 2 } },
      'rope scaling has the rope_type "default" and the type "linear": leave one',
    ],
    [
      'gemma3',
      { rope_parameters: undefined, rope_scaling: { type: 'linear', factor: 8 } },
      'rope scaling has the rope_type "default" and the type "linear": leave one',
    ],
    [
      'gemma3',
      { rope_parameters: { rope_type: 'linear', factor: 8 } },
      'rope_parameters has rope_type beside full_attention and sliding_attention: put it into one of them',
    ],
    [
      'qwen3',
      { rope_parameters: { full_attention: { rope_theta: 5 } } },
      'rope_parameters has full_attention, but the family has one rotary embedding for all layers',
    ],
    [
      'llama',
      scaling({ partial_rotary_factor: 0.5 }),
      'partial_rotary_factor is 0.5, which is not supported',
    ],
    ['llama', { rope_freq_factors: [1] }, 'the factors of the rotary frequencies are not 8 numbers above 0'],
    ['llama', scaling({ rope_theta: 1e-300 }), 'the base of the rotary embedding is 1e-300'],
    ['llama', { num_hidden_layers: 1e9 }, 'num_hidden_layers is 1000000000, and at most 10,000 is read'],
    ['llama', { head_dim: 1e9 }, 'head_dim is 1000000000, and at most 65,536 is read'],
    ['llama', { vocab_size: 1e15 }, 'vocab_size is 1000000000000000, and at most 2,147,483,647 is read'],
    ...[
      ['llama', 'rms_norm_eps'],
      ['gpt2', 'layer_norm_epsilon'],
      ['gpt_neox', 'layer_norm_eps'],
      ['cohere', 'layer_norm_eps'],
      ['cohere2', 'layer_norm_eps'],
      ['starcoder2', 'norm_epsilon'],
    ].map(([family, name]): [string, Config, string] => [family, { [name]: -1 }, `${name} is -1, below 0`]),
    ['gemma3', { query_pre_attn_scalar: 0 }, 'query_pre_attn_scalar is 0, not above 0'],
    [
      'llama',
      { quantization_config: { quant_method: 'gptq' } },
      'its weights are quantised by GPTQ (quantization_config), which is not supported: use the original checkpoint with --dtype int8 or int4, or a GGUF file',
    ],
    [
      'llama',
      { quantization_config: { quant_method: 'awq', bits: 4 } },
      'its weights are quantised by AWQ (quantization_config), which is not supported: use the original checkpoint with --dtype int8 or int4, or a GGUF file',
    ],
    [
      'llama',
      { quantization_config: { quant_method: 'bitsandbytes', load_in_4bit: true } },
      'its weights are quantised by bitsandbytes in 4 bits (quantization_config), which is not supported: use the original checkpoint with --dtype int8 or int4, or a GGUF file',
    ],
    [
      'llama',
      { quantization_config: { load_in_8bit: true } },
      'its weights are quantised by bitsandbytes in 8 bits (quantization_config), which is not supported: use the original checkpoint with --dtype int8 or int4, or a GGUF file',
    ],
    [
      'llama',
      { quantization_config: { quant_method: 'fp8' } },
      'its weights are quantised by FP8 (quantization_config), which is not supported: use the original checkpoint with --dtype int8 or int4, or a GGUF file',
    ],
    [
      'llama',
      { quantization_config: { quant_method: 'compressed-tensors' } },
      'its weights are quantised by compressed-tensors (quantization_config), which is not supported: use the original checkpoint with --dtype int8 or int4, or a GGUF file',
    ],
    [
      'llama',
      { compression_config: { quant_method: 'compressed-tensors' } },
      'its weights are quantised by compressed-tensors (compression_config), which is not supported: use the original checkpoint with --dtype int8 or int4, or a GGUF file',
    ],
    [
      'llama',
      { quantization_config: { quant_method: 'hqq' } },
      'its weights are quantised by HQQ (quantization_config), which is not supported: use the original checkpoint with --dtype int8 or int4, or a GGUF file',
    ],
    [
      'llama',
      { quantization_config: { quant_method: 'vptq' } },
      'its weights are quantised by "vptq" (quantization_config), which is not supported: use the original checkpoint with --dtype int8 or int4, or a GGUF file',
    ],
    [
      'llama',
      { quantization_config: {} },
      'its weights are quantised by a method without a name (quantization_config), which is not supported: use the original checkpoint with --dtype int8 or int4, or a GGUF file',
    ],
    ['llama', { transformers_weights: 'x' }, 'transformers_weights is "x", which is not supported'],
    ['qwen3', { layer_types: 'full' }, 'layer_types is "full", not a list'],
    [
      'qwen3',
      { layer_types: Array(3).fill('sliding_attention'), use_sliding_window: false },
      'layer_types names "sliding_attention", but use_sliding_window is off',
    ],
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
    ['qwen2', { num_attention_heads: 3 }, 'a hidden size of 32 cannot be shared by 3 attention heads'],
    ['gpt2', { n_head: 3 }, 'a hidden size of 32 cannot be shared by 3 attention heads'],
    ['llama', { hidden_size: undefined }, 'hidden_size is missing'],
    ['llama', { hidden_size: '64' }, 'hidden_size is "64", not a number'],
    ['llama', { vocab_size: 0 }, 'vocab_size is 0, not a positive integer'],
    ['llama', { num_hidden_layers: 2.5 }, 'num_hidden_layers is 2.5, not a positive integer'],
    ['llama', { rms_norm_eps: 'small' }, 'rms_norm_eps is "small", not a number'],
    ['llama', { tie_word_embeddings: 'yes' }, 'tie_word_embeddings is "yes", not true or false'],
    ['qwen3', { layer_types: ['full_attention'] }, 'layer_types has 1 entries for 3 layers'],
    [
      'qwen3',
      { layer_types: Array(3).fill('chunked_attention') },
      'layer_types names "chunked_attention", which is not supported',
    ],
    ['gemma3', { sliding_window: null }, 'sliding_window is missing'],
    ['granitemoehybrid', { num_local_experts: 4 }, 'num_local_experts is 4, and experts are not supported'],
    [
      'granitemoehybrid',
      { num_local_experts: undefined },
      'num_local_experts is 8, and experts are not supported',
    ],
    ...['mamba', 'linear_attention', 'chunked_attention'].flatMap((kind): [string, Config, string][] => {
      const fault = `layer_types names ${JSON.stringify(kind)}, which is not supported`
      return ['layer_types', 'layers_block_type'].map((name) => [
        'granitemoehybrid',
        { layer_types: undefined, [name]: ['attention', kind] },
        fault,
      ])
    }),
    [
      'granitemoehybrid',
      { layer_types: null },
      'layer_types is missing, by which all layers are recurrent: this is not supported',
    ],
    [
      'ministral3',
      scaling({ rope_type: 'yarn', factor: 4 }),
      'llama_4_scaling_beta is null, not a number of 0 or more',
    ],
    [
      'ministral3',
      v4Scaling({ rope_type: 'yarn', factor: 4, llama_4_scaling_beta: '0.1' }),
      'llama_4_scaling_beta is "0.1", not a number of 0 or more',
    ],
    ['lfm2', { layer_types: ['conv', 'full_attention'] }, 'layer_types has 2 entries for 5 layers'],
    ['lfm2', { layer_types: 'conv' }, 'layer_types is "conv", not a list'],
    [
      'lfm2',
      { layer_types: Array(5).fill('sliding_attention') },
      'layer_types names "sliding_attention", which is not supported',
    ],
    ['lfm2', { layer_types: null, full_attn_idxs: ['1'] }, 'full_attn_idxs is ["1"], not a list of layers'],
    ['lfm2', { layer_types: null, full_attn_idxs: 2 }, 'full_attn_idxs is 2, not a list of layers'],
    ['lfm2', { conv_L_cache: 0 }, 'conv_L_cache is 0, not a positive integer'],
    [
      'lfm2',
      { block_ffn_dim_multiplier: 0 },
      'its MLPs have a width of 0 by block_ffn_dim_multiplier and block_multiple_of',
    ],
    [
      'ministral3',
      { layer_types: ['sliding_attention', 'full_attention'] },
      'layer_types is ["sliding_attention","full_attention"], but its layers are all full_attention by its sliding_window: name the model_type "ministral"',
    ],
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
    return () => checkParameters(spec, { tensors: changed, unreadable: new Map() }, 'dir')
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
