import { UserError } from '../errors.js'
import { metadataFlags, metadataNumber, refuseUnserved } from './gguf-metadata.js'
import { type GgufArchitecture, ggufArchitecture, ROPE_FREQS } from './gguf-names.js'
import type { WeightStore } from './types.js'

const EMBEDDING = 'model.embed_tokens.weight'

const CLASS: Readonly<Record<GgufArchitecture, { model_type: string; architecture: string }>> = {
  llama: { model_type: 'llama', architecture: 'LlamaForCausalLM' },
  qwen2: { model_type: 'qwen2', architecture: 'Qwen2ForCausalLM' },
  qwen3: { model_type: 'qwen3', architecture: 'Qwen3ForCausalLM' },
  gemma3: { model_type: 'gemma3_text', architecture: 'Gemma3ForCausalLM' },
}

/** Looks up a metadata number of the architecture, e.g. `block_count` → `llama.block_count`. */
type Lookup = (key: string) => number | undefined

/**
 * The model's configuration in the fields of HF's config.json, from a GGUF store. Fields beyond HF's:
 * `rope_freq_factors` (head_dim / 2 numbers by which the inverse frequencies are divided), which is how GGUF
 * holds Llama 3's rope scaling; HF's parameters of it cannot be had back, and `rope_scaling` is absent then.
 * @throws UserError for an architecture that is not supported, or metadata that lacks or contradicts a field.
 */
export async function configFromGguf(
  store: Pick<WeightStore, 'metadata' | 'tensors' | 'read'>,
): Promise<Record<string, unknown>> {
  const architecture = ggufArchitecture(store.metadata)
  refuseUnserved(store.metadata, architecture)
  const lookup: Lookup = (key) => metadataNumber(store.metadata, `${architecture}.${key}`)
  const hasBias = (module: string) => store.tensors.has(`model.layers.0.${module}.bias`)
  const { model_type, architecture: className } = CLASS[architecture]
  return withoutUndefined({
    model_type,
    architectures: [className],
    ...sizes(architecture, lookup),
    vocab_size: store.tensors.get(EMBEDDING)?.shape[0],
    rms_norm_eps: required(architecture, lookup, 'attention.layer_norm_rms_epsilon'),
    hidden_act: architecture === 'gemma3' ? undefined : 'silu',
    attention_bias: architecture === 'qwen2' ? undefined : hasBias('self_attn.q_proj'),
    mlp_bias: architecture === 'llama' ? hasBias('mlp.gate_proj') : undefined,
    ...rope(architecture, lookup, store.metadata),
    rope_freq_factors: store.tensors.has(ROPE_FREQS) ? [...(await store.read(ROPE_FREQS))] : undefined,
    ...(architecture === 'gemma3' ? gemma3(lookup, store.metadata) : {}),
    tie_word_embeddings: !store.tensors.has('lm_head.weight'),
    ...specialTokens(store.metadata),
  })
}

function sizes(architecture: GgufArchitecture, lookup: Lookup): Record<string, number> {
  const hidden = required(architecture, lookup, 'embedding_length')
  const heads = required(architecture, lookup, 'attention.head_count')
  const headDim = lookup('attention.key_length') ?? hidden / heads
  const rotated = lookup('rope.dimension_count') ?? headDim
  const values = lookup('attention.value_length') ?? headDim
  if (values !== headDim) {
    throw new UserError(
      `The GGUF metadata gives keys of ${headDim} dimensions and values of ${values}: this is not supported.`,
    )
  }
  if (!Number.isInteger(headDim) || rotated !== headDim) {
    throw new UserError(
      `The GGUF metadata gives heads of ${headDim} dimensions of which ${rotated} are rotated: this is not supported.`,
    )
  }
  return {
    hidden_size: hidden,
    intermediate_size: required(architecture, lookup, 'feed_forward_length'),
    num_hidden_layers: required(architecture, lookup, 'block_count'),
    num_attention_heads: heads,
    num_key_value_heads: lookup('attention.head_count_kv') ?? heads,
    head_dim: headDim,
    max_position_embeddings: required(architecture, lookup, 'context_length'),
  }
}

/**
 * llama.cpp's defaults apply: a base of 10000 (Gemma 3's converter has always written it), and a factor without a type is
 * linear scaling, by its old key, too.
 */
function rope(
  architecture: GgufArchitecture,
  lookup: Lookup,
  metadata: ReadonlyMap<string, unknown>,
): Record<string, unknown> {
  const factor = lookup('rope.scaling.factor') ?? lookup('rope.scale_linear') ?? 0
  const isScaled = factor !== 0 && factor !== 1
  const type = metadata.get(`${architecture}.rope.scaling.type`) ?? (isScaled ? 'linear' : 'none')
  const scaling = withoutUndefined({
    rope_type: type,
    factor: isScaled ? factor : 1,
    original_max_position_embeddings: lookup('rope.scaling.original_context_length'),
  })
  return {
    rope_theta: lookup('rope.freq_base') ?? 10_000,
    rope_scaling: type === 'none' ? undefined : scaling,
  }
}

/**
 * Gemma 3 as llama.cpp builds it: five sliding layers for each full one, the local rope base of 10000, and
 * a query scale of head_dim, but for the 27B model (62 layers) of hidden_size / heads.
 */
function gemma3(lookup: Lookup, metadata: ReadonlyMap<string, unknown>): Record<string, unknown> {
  const layers = required('gemma3', lookup, 'block_count')
  const hidden = required('gemma3', lookup, 'embedding_length')
  const heads = required('gemma3', lookup, 'attention.head_count')
  const slides = metadataFlags(metadata, 'gemma3.attention.sliding_window_pattern')
  return {
    hidden_activation: 'gelu_pytorch_tanh',
    rope_local_base_freq: lookup('rope.freq_base_swa') ?? 10_000,
    sliding_window: required('gemma3', lookup, 'attention.sliding_window'),
    ...(slides
      ? { layer_types: slides.map((isSliding) => (isSliding ? 'sliding_attention' : 'full_attention')) }
      : { sliding_window_pattern: lookup('attention.sliding_window_pattern') ?? 6 }),
    query_pre_attn_scalar:
      layers === 62 ? hidden / heads : (lookup('attention.key_length') ?? hidden / heads),
    // `refuseUnserved` has seen that there are none.
    attn_logit_softcapping: null,
    final_logit_softcapping: null,
  }
}

function specialTokens(metadata: ReadonlyMap<string, unknown>): Record<string, unknown> {
  const id = (key: string) => metadataNumber(metadata, `tokenizer.ggml.${key}_token_id`)
  return {
    bos_token_id: id('bos'),
    eos_token_id: id('eos'),
    pad_token_id: id('padding'),
  }
}

function required(architecture: GgufArchitecture, lookup: Lookup, key: string): number {
  const value = lookup(key)
  if (value !== undefined && value > 0) return value
  throw new UserError(`The GGUF metadata has no usable ${architecture}.${key}: convert the model again.`)
}

function withoutUndefined(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
