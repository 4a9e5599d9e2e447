/**
 * Llama 3's rope scaling: divisors of the inverse frequencies, which HF computes from its configuration. No
 * HF parameter corresponds, and the name stays as it is.
 */
export const ROPE_FREQS = 'rope_freqs.weight'

/** LongRoPE's divisors of the inverse frequencies, up to the original context and beyond it. */
export const ROPE_FACTORS = { short: 'rope_factors_short.weight', long: 'rope_factors_long.weight' } as const

const ROPE_TENSORS: readonly string[] = [ROPE_FREQS, ...Object.values(ROPE_FACTORS)]

type Names = Readonly<Record<string, string>>

const GLOBAL: Names = {
  token_embd: 'model.embed_tokens',
  position_embd: 'model.embed_positions',
  output_norm: 'model.norm',
  // LFM2's, by the name that HF has for it.
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

/** The same with one matrix of queries, keys and values, and an MLP without a gate. */
export const FUSED_PLAIN_BLOCK: Names = {
  attn_norm: 'input_layernorm',
  attn_qkv: 'self_attn.qkv_proj',
  attn_output: 'self_attn.o_proj',
  ffn_norm: 'post_attention_layernorm',
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
 * @param modules HF's names of a block's modules by GGUF's, and of those outside of blocks that the architecture has other names for
 */
export function hfTensorName(modules: Names, name: string): string | undefined {
  if (ROPE_TENSORS.includes(name)) return name
  const [, block, module, suffix] = /^(?:blk\.(\d+)\.)?([a-z_.]+)\.(weight|bias)$/.exec(name) ?? []
  if (module === undefined) return undefined
  const names = block === undefined ? globalNames(modules) : modules
  if (!Object.hasOwn(names, module)) return undefined
  const layer = block === undefined ? '' : `model.layers.${Number(block)}.`
  return `${layer}${names[module]}.${suffix}`
}

/** Modules outside of blocks; a family's own names of them win. */
function globalNames(modules: Names): Names {
  const own = Object.entries(modules).filter(([, name]) => name.startsWith('model.'))
  return { ...Object.fromEntries(own), ...GLOBAL }
}

/**
 * Gemma multiplies by 1 + w, and the converter stores fp32(1 + w). The difference is exact in fp32, so what
 * is lost is what the sum rounded off: at most 2⁻²⁴ for |w| < 1, and nothing for a w of bf16 down to 2⁻¹⁶.
 */
export function subtractOne(values: Float32Array): void {
  for (let i = 0; i < values.length; i++) values[i] -= 1
}

/** What `subtractOne` undoes. */
export function addOne(values: Float32Array): void {
  for (let i = 0; i < values.length; i++) values[i] += 1
}

/** GGUF's name of an HF tensor, the inverse of `hfTensorName`; undefined for one that the architecture does not have. */
export function ggufTensorName(modules: Names, name: string): string | undefined {
  const [, layer, module, suffix] = /^(?:model\.layers\.(\d+)\.)?(.+)\.(weight|bias)$/.exec(name) ?? []
  const names = layer === undefined ? globalNames(modules) : modules
  const own = Object.keys(names).find((key) => names[key] === module)
  if (own === undefined) return undefined
  return layer === undefined ? `${own}.${suffix}` : `blk.${layer}.${own}.${suffix}`
}
