import type { ConfigReader, Fields } from '../config-reader.js'
import type { MetadataReader } from '../gguf/metadata.js'
import { BLOCK } from '../gguf/tensors.js'
import { sharedRope } from '../rope.js'
import { type Family, type GgufKey, patternOf } from './family.js'
import { GEMMA_NORMS, gemmaLike } from './gemma3.js'

/** Every other layer slides. */
const PATTERN = 2

/** The layers of the 27B model, whose query scale llama.cpp knows by them. */
const LARGEST = 46

/** Gemma whose scores and logits are capped. */
export const gemma2: Family = {
  type: 'gemma2',
  name: 'Gemma 2',
  architecture: 'Gemma2ForCausalLM',
  defaults: {
    vocab_size: 256_000,
    num_attention_heads: 8,
    num_key_value_heads: 4,
    head_dim: 256,
    max_position_embeddings: 8192,
    sliding_window: 4096,
  },
  serves: ['attn_logit_softcapping', 'final_logit_softcapping'],
  spec: (config) => ({
    ...gemmaLike(
      config,
      (layer) => (layer + 1) % PATTERN === 0,
      (headDim) => sharedRope(config, headDim),
    ),
    qkNorm: false,
    attentionSoftcap: cap(config, 'attn_logit_softcapping', 50),
    logitSoftcap: cap(config, 'final_logit_softcapping', 30),
  }),
  gguf: {
    architecture: 'gemma2',
    modules: { ...BLOCK, ...GEMMA_NORMS },
    slides: true,
    serves: ['attn_logit_softcapping', 'final_logit_softcapping'],
    offsetNorms: true,
    granted: () => ({ tiedHead: true, bias: { output: false } }),
    keys: {
      attn_logit_softcapping: capKey('attn_logit_softcapping', 50),
      final_logit_softcapping: capKey('final_logit_softcapping', 30),
    },
    config: ggufConfig,
  },
}

/** None where it is null. */
function cap(config: ConfigReader, name: string, usual: number): number | undefined {
  if (config.values[name] === null) return undefined
  const value = config.number(name, usual)
  if (value > 0) return value
  throw config.error(`${name} is ${value}, not above 0`)
}

function capKey(field: string, usual: number): GgufKey {
  return { field, read: (metadata) => metadata.number(field) ?? usual }
}

/** As llama.cpp builds it. */
function ggufConfig(metadata: MetadataReader): Fields {
  const perHead = Math.floor(
    metadata.required('embedding_length') / metadata.required('attention.head_count'),
  )
  const isLargest = metadata.required('block_count') === LARGEST
  return {
    hidden_act: undefined,
    hidden_activation: 'gelu_pytorch_tanh',
    sliding_window: metadata.number('attention.sliding_window') ?? 4096,
    ...patternOf(metadata, PATTERN),
    query_pre_attn_scalar: isLargest ? perHead : (metadata.number('attention.key_length') ?? perHead),
  }
}
