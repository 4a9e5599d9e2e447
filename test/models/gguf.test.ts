import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { UserError } from '../../src/errors.js'
import { specFromConfig } from '../../src/models/families/index.js'
import { configFromGguf, ggufTensors } from '../../src/models/gguf/model.js'
import { openGguf } from '../../src/weights/gguf.js'
import type { TensorInfo, WeightStore } from '../../src/weights/types.js'
import { GOLDEN, goldenJson } from '../weights/files.js'

const models = goldenJson<Record<string, { config: Record<string, unknown> }>>('models.json')

function store(metadata: Record<string, unknown>): Pick<WeightStore, 'metadata' | 'tensors' | 'read'> {
  return {
    metadata: new Map(Object.entries(metadata)),
    tensors: new Map<string, TensorInfo>(),
    read: async () => new Float32Array(0),
  }
}

const LLAMA = {
  'general.architecture': 'llama',
  'llama.embedding_length': 64,
  'llama.attention.head_count': 8,
  'llama.feed_forward_length': 172,
  'llama.block_count': 5,
  'llama.context_length': 512,
  'llama.attention.layer_norm_rms_epsilon': 1e-5,
}

const GEMMA = JSON.parse(JSON.stringify(LLAMA).replaceAll('llama', 'gemma3')) as Record<string, unknown>

describe('configFromGguf', () => {
  it.each(Object.keys(models))('gives the fields of the HF configuration of %s', async (architecture) => {
    const weights = await openGguf(join(GOLDEN, `${architecture}.gguf`), ggufTensors)
    const config = await configFromGguf(weights)
    const { layer_types: layers, ...fields } = models[architecture].config
    expect(config).toMatchObject(fields)
    const kinds = specFromConfig(config, architecture).layers.map((kind) => `${kind}_attention`)
    if (layers) expect(kinds).toEqual(layers)
    await weights.close()
  })

  it("exposes Llama 3's rope scaling as factors, and only where the file has them", async () => {
    const llama = await openGguf(join(GOLDEN, 'llama.gguf'), ggufTensors)
    const config = await configFromGguf(llama)
    expect(config).toMatchObject({ rope_freq_factors: [1, 2.5, 32], attention_bias: true })
    expect(config).not.toHaveProperty('rope_scaling')
    const qwen = await openGguf(join(GOLDEN, 'qwen2.gguf'), ggufTensors)
    expect(await configFromGguf(qwen)).not.toHaveProperty('rope_freq_factors')
    await Promise.all([llama.close(), qwen.close()])
  })

  it("uses llama.cpp's defaults", async () => {
    expect(await configFromGguf(store(LLAMA))).toMatchObject({
      architectures: ['LlamaForCausalLM'],
      num_key_value_heads: 8,
      head_dim: 8,
      rope_theta: 10_000,
      attention_bias: false,
      tie_word_embeddings: true,
    })
  })

  it('translates rope scaling', async () => {
    const scaled = {
      'llama.rope.scaling.type': 'linear',
      'llama.rope.scaling.factor': 4,
      'llama.rope.scaling.original_context_length': 128,
    }
    const config = await configFromGguf(store({ ...LLAMA, ...scaled }))
    expect(config.rope_scaling).toEqual({
      rope_type: 'linear',
      factor: 4,
      original_max_position_embeddings: 128,
    })
    const layers = { 'llama.attention.head_count': Uint32Array.of(8, 8, 8, 8, 8) }
    expect(await configFromGguf(store({ ...LLAMA, ...layers }))).toMatchObject({ num_attention_heads: 8 })
    const neutral = { 'llama.attention.sliding_window': 512, 'llama.logit_scale': 1, 'llama.expert_count': 0 }
    expect(await configFromGguf(store({ ...LLAMA, ...neutral }))).toMatchObject({ head_dim: 8 })
    for (const key of ['rope.scaling.factor', 'rope.scale_linear']) {
      const old = await configFromGguf(store({ ...LLAMA, [`llama.${key}`]: 4 }))
      expect(old.rope_scaling).toEqual({ rope_type: 'linear', factor: 4 })
    }
    const none = await configFromGguf(store({ ...LLAMA, 'llama.rope.scaling.type': 'none' }))
    expect(none).not.toHaveProperty('rope_scaling')
  })

  it('takes layers of an LFM2 without heads of keys and values for convolutions, and no others', async () => {
    const lfm2 = JSON.parse(JSON.stringify(LLAMA).replaceAll('llama', 'lfm2')) as Record<string, unknown>
    const heads = (counts: unknown) => ({
      ...lfm2,
      'lfm2.attention.head_count_kv': counts,
      'lfm2.shortconv.l_cache': 4,
    })
    const config = await configFromGguf(store(heads(Uint32Array.of(0, 2, 0, 0, 2))))
    expect(config).toMatchObject({ num_key_value_heads: 2, conv_L_cache: 4, norm_eps: 1e-5 })
    expect(config).not.toHaveProperty('rms_norm_eps')
    expect(specFromConfig({ ...config, vocab_size: 10 }, 'dir')).toMatchObject({
      layers: ['conv', 'full', 'conv', 'conv', 'full'],
      intermediateSize: 172,
      convolution: { kernel: 4, bias: false },
    })
    const full = await configFromGguf(store(heads(4)))
    expect(specFromConfig({ ...full, vocab_size: 10 }, 'dir').layers).toEqual(Array(5).fill('full'))
    await expect(configFromGguf(store(heads(Uint32Array.of(0, 2, 4, 2, 2))))).rejects.toThrow(
      'lfm2.attention.head_count_kv differs from layer to layer',
    )
    const short = await configFromGguf(store(heads(Uint32Array.of(0, 2))))
    expect(() => specFromConfig({ ...short, vocab_size: 10 }, 'dir')).toThrow('2 entries for 5 layers')
    const counts = { 'llama.attention.head_count_kv': Uint32Array.of(0, 2, 0, 0, 2) }
    await expect(configFromGguf(store({ ...LLAMA, ...counts }))).rejects.toThrow(
      'differs from layer to layer',
    )
    await expect(configFromGguf(store(lfm2))).rejects.toThrow('no usable lfm2.shortconv.l_cache')
  })

  it('takes a Ministral 3, and other Mistrals of the same architecture, as llama.cpp does', async () => {
    const mistral3 = Object.fromEntries(
      Object.entries({ ...LLAMA, 'general.architecture': 'mistral3' }).map(([key, value]) => [
        key.replace(/^llama\./, 'mistral3.'),
        value,
      ]),
    )
    const yarn = {
      'mistral3.rope.scaling.type': 'yarn',
      'mistral3.rope.scaling.factor': 16,
      'mistral3.rope.scaling.original_context_length': 64,
    }
    const scaled = { ...mistral3, ...yarn, 'mistral3.attention.temperature_scale': 0.25 }
    const log = { 'mistral3.rope.scaling.yarn_log_multiplier': 0.5 }
    expect(await configFromGguf(store({ ...scaled, ...log }))).toMatchObject({
      model_type: 'ministral3',
      rope_scaling: {
        rope_type: 'yarn',
        original_max_position_embeddings: 64,
        llama_4_scaling_beta: 0.25,
        mscale: 1,
        mscale_all_dim: 0.5,
      },
    })
    expect((await configFromGguf(store(scaled))).rope_scaling).not.toHaveProperty('mscale')
    const plain = await configFromGguf(store({ ...mistral3, 'mistral3.attention.temperature_scale': 0 }))
    expect(plain).toMatchObject({ model_type: 'mistral', sliding_window: null })
    const length = (value: number) => ({ 'mistral3.attention.temperature_length': value })
    await expect(configFromGguf(store({ ...scaled, ...length(64) }))).resolves.toBeDefined()
    await expect(configFromGguf(store({ ...scaled, ...length(32) }))).rejects.toThrow(
      'mistral3.attention.temperature_length is 32, and not rope.scaling.original_context_length',
    )
    await expect(configFromGguf(store({ ...mistral3, ...log }))).rejects.toThrow(
      'mistral3.rope.scaling.yarn_log_multiplier is 0.5, but rope.scaling.type is not "yarn"',
    )
  })

  it("gives Gemma 3's sliding layers, and the 27B model its own query scale", async () => {
    const window = { 'gemma3.attention.sliding_window': 512, 'gemma3.attention.key_length': 16 }
    const gemma = await configFromGguf(store({ ...GEMMA, ...window, 'gemma3.block_count': 7 }))
    expect(gemma).toMatchObject({
      query_pre_attn_scalar: 16,
      rope_local_base_freq: 10_000,
      sliding_window: 512,
    })
    expect(gemma).toMatchObject({ sliding_window_pattern: 6 })
    const flags = { 'gemma3.attention.sliding_window_pattern': [true, false, true, true, true, true, true] }
    const named = await configFromGguf(store({ ...GEMMA, ...window, ...flags, 'gemma3.block_count': 7 }))
    expect(named.layer_types).toEqual([
      'sliding_attention',
      'full_attention',
      ...Array(5).fill('sliding_attention'),
    ])
    const large = await configFromGguf(store({ ...GEMMA, ...window, 'gemma3.block_count': 62 }))
    expect(large.query_pre_attn_scalar).toBe(8)
  })

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['an unknown architecture', { 'general.architecture': 'falcon' }, /"falcon" is not supported/],
    ['a missing field', { ...LLAMA, 'llama.block_count': undefined }, /no usable llama.block_count/],
    [
      "another norm's epsilon",
      {
        ...LLAMA,
        'llama.attention.layer_norm_rms_epsilon': undefined,
        'llama.attention.layer_norm_epsilon': 1e-5,
      },
      /no usable llama.attention.layer_norm_rms_epsilon/,
    ],
    ['a zero', { ...LLAMA, 'llama.attention.head_count': 0 }, /no usable llama.attention.head_count/],
    [
      'a size per layer',
      { ...LLAMA, 'llama.feed_forward_length': [1, 2] },
      /feed_forward_length differs from layer to layer/,
    ],
    ['a text', { ...LLAMA, 'llama.feed_forward_length': 'long' }, /feed_forward_length is not a number/],
    ['values of another size', { ...LLAMA, 'llama.attention.value_length': 4 }, /keys of 8 .* values of 4/],
    ...(
      [
        ['attention.scale', 0.5],
        ['logit_scale', 0.25],
        ['embedding_scale', 12],
        ['residual_scale', 0.22],
        ['attention.clamp_kqv', 8],
        ['attention.max_alibi_bias', 8],
        ['attention.causal', false],
        ['attn_logit_softcapping', 50],
        ['final_logit_softcapping', 30],
        ['rope.scaling.attn_factor', 1.2],
        ['rope.scaling.yarn_log_multiplier', 0.5],
        ['attention.temperature_scale', 0.1],
        ['attention.sliding_window', 256],
        ['expert_used_count', 2n ** 60n],
      ] as const
    ).map(
      ([name, value]) =>
        [name, { ...LLAMA, [`llama.${name}`]: value }, new RegExp(`llama.${name} is ${value}`)] as [
          string,
          Record<string, unknown>,
          RegExp,
        ],
    ),
    ['experts', { ...GEMMA, 'gemma3.expert_count': 8 }, /gemma3.expert_count is 8/],
    [
      'experts of which nothing says how many a token takes',
      { ...LLAMA, 'llama.expert_count': 8 },
      /no usable llama.expert_used_count/,
    ],
    [
      'experts that are chosen by a sigmoid',
      { ...LLAMA, 'llama.expert_count': 8, 'llama.expert_used_count': 2, 'llama.expert_gating_func': 2 },
      /llama.expert_gating_func is 2/,
    ],
    [
      'a Mixtral that is not normalised',
      { ...LLAMA, 'llama.expert_count': 8, 'llama.expert_used_count': 2, 'llama.expert_weights_norm': false },
      /llama.expert_weights_norm is false/,
    ],
    [
      'partial rotation',
      { ...LLAMA, 'llama.rope.dimension_count': 4 },
      /8 dimensions of which 4 are rotated/,
    ],
    ['broken heads', { ...LLAMA, 'llama.attention.head_count': 7 }, /heads of 9\.14\d* dimensions/],
  ])('refuses %s', async (_, metadata, message) => {
    const error = await configFromGguf(store(metadata)).catch((error) => error)
    expect(error).toBeInstanceOf(UserError)
    expect(error.message).toMatch(message)
  })
})
