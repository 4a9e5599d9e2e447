/**
 * Llama 3's rope scaling: divisors of the inverse frequencies, which HF computes from its configuration. No
 * HF parameter corresponds, and the name stays as it is.
 */
export const ROPE_FREQS = 'rope_freqs.weight'

type Names = Readonly<Record<string, string>>

const GLOBAL: Names = {
  token_embd: 'model.embed_tokens',
  output_norm: 'model.norm',
  output: 'lm_head',
}

/** Modules of a block, of which families have these and more. */
export const BLOCK: Names = {
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

export const QK_NORM: Names = {
  attn_q_norm: 'self_attn.q_norm',
  attn_k_norm: 'self_attn.k_norm',
}

/**
 * HF's name of a GGUF tensor, e.g. `blk.0.attn_q.weight` → `model.layers.0.self_attn.q_proj.weight`, as the
 * inverse of `gguf.get_tensor_name_map`; undefined for a tensor that the architecture does not have.
 * @param modules HF's names of a block's modules, by GGUF's
 */
export function hfTensorName(modules: Names, name: string): string | undefined {
  if (name === ROPE_FREQS) return name
  const [, block, module, suffix] = /^(?:blk\.(\d+)\.)?([a-z_]+)\.(weight|bias)$/.exec(name) ?? []
  if (module === undefined) return undefined
  const names = block === undefined ? GLOBAL : modules
  if (!Object.hasOwn(names, module)) return undefined
  const layer = block === undefined ? '' : `model.layers.${Number(block)}.`
  return `${layer}${names[module]}.${suffix}`
}
