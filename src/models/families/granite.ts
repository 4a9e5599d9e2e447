import { UserError } from '../../errors.js'
import type { ConfigReader, Fields } from '../config-reader.js'
import type { MetadataReader } from '../gguf/metadata.js'
import { attentionBias, type Family, llamaLike } from './family.js'
import { llama } from './llama.js'

/** Llama whose embeddings, scores, residual stream and logits have scales of their own. */
export const granite: Family = {
  type: 'granite',
  name: 'Granite',
  architecture: 'GraniteForCausalLM',
  defaults: { max_position_embeddings: 2048 },
  spec: (config) =>
    llamaLike(config, {
      ...graniteScales(config),
      bias: { ...attentionBias(config), mlp: config.boolean('mlp_bias', false) },
    }),
  gguf: {
    ...llama.gguf!,
    architecture: 'granite',
    serves: ['attention.scale', 'embedding_scale', 'logit_scale', 'residual_scale'],
    config: (metadata, hasBias, rope) => ({
      ...llama.gguf!.config!(metadata, hasBias, rope),
      ...ggufScales(metadata),
    }),
  },
}

export function graniteScales(config: ConfigReader) {
  const scale = (name: string) => {
    const value = config.number(name, 1)
    if (value > 0) return value
    throw config.error(`${name} is ${value}, not above 0`)
  }
  return {
    attentionScale: scale('attention_multiplier'),
    embeddingScale: Math.fround(scale('embedding_multiplier')),
    residualMultiplier: scale('residual_multiplier'),
    logitDivisor: scale('logits_scaling'),
  }
}

/** As llama.cpp builds it: a scale of 0 or none is the usual one. */
function ggufScales(metadata: MetadataReader): Fields {
  if (metadata.get('rope.scaling.finetuned') === false) {
    throw new UserError(
      'The GGUF metadata of a Granite has rope.scaling.finetuned false, by which it has no positions: this is not supported.',
    )
  }
  const scale = (key: string, usual: number) => metadata.number(key) || usual
  const heads = metadata.required('attention.head_count')
  const headDim = metadata.number('attention.key_length') ?? metadata.required('embedding_length') / heads
  return {
    attention_multiplier: scale('attention.scale', 1 / Math.sqrt(headDim)),
    embedding_multiplier: scale('embedding_scale', 1),
    residual_multiplier: scale('residual_scale', 1),
    logits_scaling: metadata.required('logit_scale'),
  }
}
