import type { ConfigReader, Fields } from '../config-reader.js'
import type { MetadataReader } from '../gguf/metadata.js'
import { BLOCK, QK_NORM } from '../gguf/tensors.js'
import { ropeFieldsOf, ropesOf } from '../rope.js'
import type { AttentionSpan, DecoderSpec } from '../spec.js'
import {
  EXPERT_MODULES,
  EXPERTS_LAYOUT,
  expertFields,
  expertsFrom,
  GGUF_EXPERTS,
  RENAMED_EXPERTS,
} from './experts.js'
import { type Family, layerKinds, llamaLike, POST_NORM_BLOCK, patternOf, refuseWindow } from './family.js'

/** Llama whose blocks norm what they give, and queries and keys of all heads at once. */
export const olmo2: Family = {
  type: 'olmo2',
  name: 'OLMo 2',
  architecture: 'Olmo2ForCausalLM',
  defaults: { max_position_embeddings: 2048, rms_norm_eps: 1e-5 },
  spec: (config) => llamaLike(config, NORMS_OF_OLMO),
  gguf: {
    architecture: 'olmo2',
    modules: { ...POST_NORM_BLOCK, ...QK_NORM },
    slides: true,
    config: ggufConfig,
    // llama.cpp rotates by one base.
    metadata: () => ({ 'rope.freq_base_swa': undefined }),
    granted: (spec) => ({
      tiedHead: false,
      bias: { qkv: false, output: false },
      headDim: spec.hiddenSize / spec.heads,
    }),
  },
}

/** OLMo 2 with sliding layers, three before each full one, and scaled rotary embeddings in full layers alone. */
export const olmo3: Family = {
  type: 'olmo3',
  name: 'OLMo 3',
  architecture: 'Olmo3ForCausalLM',
  defaults: { ...olmo2.defaults, sliding_window: 4096, rope_theta: 500_000 },
  spec: (config) =>
    llamaLike(
      config,
      { ...layerKinds(config, true, (layer) => (layer + 1) % PATTERN === 0), ...NORMS_OF_OLMO },
      (headDim) => ropesOf(config, headDim, ropes(config)),
    ),
  ropes,
  gguf: olmo2.gguf,
}

/** Experts in place of the MLP, and norms before attention and MLP, unlike the other OLMos. */
export const olmoe: Family = {
  type: 'olmoe',
  name: 'OLMoE',
  architecture: 'OlmoeForCausalLM',
  renamed: RENAMED_EXPERTS,
  defaults: {
    vocab_size: 50_304,
    hidden_size: 2048,
    intermediate_size: 2048,
    num_hidden_layers: 16,
    num_attention_heads: 16,
    max_position_embeddings: 4096,
    rms_norm_eps: 1e-5,
    num_experts: 64,
    num_experts_per_tok: 8,
  },
  spec(config) {
    refuseWindow(config, 'an OLMoE')
    const clip = config.values.clip_qkv ?? undefined
    if (clip !== undefined) throw config.error(`clip_qkv is ${JSON.stringify(clip)}, which is not supported`)
    const experts = expertsFrom(config, {
      normalised: config.boolean('norm_topk_prob', false),
      intermediateSize: config.integer('intermediate_size'),
    })
    return llamaLike(config, { qkNorm: 'all heads', experts })
  },
  layout: () => EXPERTS_LAYOUT,
  gguf: {
    architecture: 'olmoe',
    modules: { ...BLOCK, ...QK_NORM, ...EXPERT_MODULES },
    experts: true,
    granted: ({ heads }) => ({ tiedHead: false, bias: { output: false }, kvHeads: heads }),
    config: (metadata) => expertFields(metadata, false),
    layout: () => GGUF_EXPERTS,
  },
}

const PATTERN = 4

const NORMS_OF_OLMO: Partial<DecoderSpec> = { qkNorm: 'all heads', norms: 'post' }

function ropes(config: ConfigReader) {
  return { full: ropeOfKind(config, 'full'), sliding: ropeOfKind(config, 'sliding') }
}

/** A `rope_theta` beside the embeddings is the full layers' alone, as HF takes it from the configuration. */
function ropeOfKind(config: ConfigReader, kind: AttentionSpan): Fields {
  return ropeFieldsOf(config, kind, { full: config.values.rope_theta ?? 500_000, sliding: 500_000 })
}

/** Both are called olmo2 by llama.cpp, which rotates sliding layers without scaling. */
function ggufConfig(metadata: MetadataReader, _: unknown, rope: Fields): Fields {
  const window = metadata.number('attention.sliding_window') ?? 0
  if (window === 0) return {}
  const { rope_theta: theta, rope_scaling: scaling } = rope
  const sliding = metadata.number('rope.freq_base_swa') ?? theta
  return {
    model_type: 'olmo3',
    architectures: [olmo3.architecture],
    sliding_window: window,
    ...patternOf(metadata, PATTERN),
    rope_theta: undefined,
    rope_scaling: undefined,
    rope_parameters: {
      full_attention: { rope_type: 'default', ...(scaling as Fields | undefined), rope_theta: theta },
      sliding_attention: { rope_type: 'default', rope_theta: sliding },
    },
  }
}
