import { BLOCK, QK_NORM } from '../gguf/tensors.js'
import { sharedRope } from '../rope.js'
import { type Family, llamaLike } from './family.js'

export const hunyuanV1Dense: Family = {
  type: 'hunyuan_v1_dense',
  name: 'Hunyuan',
  architecture: 'HunYuanDenseV1ForCausalLM',
  defaults: {
    vocab_size: 290_943,
    hidden_size: 4096,
    intermediate_size: 11_008,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    max_position_embeddings: 2048,
    rms_norm_eps: 1e-5,
  },
  spec: (config) =>
    llamaLike(config, { qkNorm: 'rotated' }, (headDim) => sharedRope(config, headDim, { alpha: true })),
  layout: () => ({
    modules: {
      'self_attn.q_norm': 'self_attn.query_layernorm',
      'self_attn.k_norm': 'self_attn.key_layernorm',
    },
  }),
  gguf: { architecture: 'hunyuan-dense', modules: { ...BLOCK, ...QK_NORM }, layout: () => ({}) },
}
