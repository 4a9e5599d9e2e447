import { UserError } from '../errors.js'

export const GGUF_ARCHITECTURES = ['llama', 'qwen2', 'qwen3', 'gemma3'] as const

export type GgufArchitecture = (typeof GGUF_ARCHITECTURES)[number]

/**
 * Llama 3's rope scaling: divisors of the inverse frequencies, which HF computes from its configuration. No
 * HF parameter corresponds, and the name stays as it is.
 */
export const ROPE_FREQS = 'rope_freqs.weight'

const GLOBAL: Readonly<Record<string, string>> = {
  token_embd: 'model.embed_tokens',
  output_norm: 'model.norm',
  output: 'lm_head',
}

const BLOCK: Readonly<Record<string, string>> = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  ffn_norm: 'post_attention_layernorm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
}

const QK_NORM: Readonly<Record<string, string>> = {
  attn_q_norm: 'self_attn.q_norm',
  attn_k_norm: 'self_attn.k_norm',
}

const BLOCK_OF: Readonly<Record<GgufArchitecture, Readonly<Record<string, string>>>> = {
  llama: BLOCK,
  qwen2: BLOCK,
  qwen3: { ...BLOCK, ...QK_NORM },
  // Gemma 3 norms around both the attention and the MLP; what others call ffn_norm comes before the MLP here too.
  gemma3: {
    ...BLOCK,
    ...QK_NORM,
    post_attention_norm: 'post_attention_layernorm',
    ffn_norm: 'pre_feedforward_layernorm',
    post_ffw_norm: 'post_feedforward_layernorm',
  },
}

/**
 * The architecture that a GGUF file's metadata names.
 * @throws UserError for one whose tensors and configuration are not known here.
 */
export function ggufArchitecture(metadata: ReadonlyMap<string, unknown>): GgufArchitecture {
  const name = metadata.get('general.architecture')
  const architecture = GGUF_ARCHITECTURES.find((known) => known === name)
  if (architecture) return architecture
  throw new UserError(
    `The GGUF architecture ${JSON.stringify(name ?? null)} is not supported: use a model of ${GGUF_ARCHITECTURES.join(', ')}.`,
  )
}

/**
 * HF's name of a GGUF tensor, e.g. `blk.0.attn_q.weight` → `model.layers.0.self_attn.q_proj.weight`, as the
 * inverse of `gguf.get_tensor_name_map`; undefined for a tensor that the architecture does not have.
 */
export function hfTensorName(architecture: GgufArchitecture, name: string): string | undefined {
  if (name === ROPE_FREQS) return name
  const [, block, module, suffix] = /^(?:blk\.(\d+)\.)?([a-z_]+)\.(weight|bias)$/.exec(name) ?? []
  if (module === undefined) return undefined
  const names = block === undefined ? GLOBAL : BLOCK_OF[architecture]
  if (!Object.hasOwn(names, module)) return undefined
  const layer = block === undefined ? '' : `model.layers.${Number(block)}.`
  return `${layer}${names[module]}.${suffix}`
}
