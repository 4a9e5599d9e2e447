import { usageError } from '../errors.js'
import { specFromConfig } from '../models/families/index.js'
import type { DecoderSpec } from '../models/spec.js'
import type { Weights } from '../weights/index.js'
import { initialWeights } from './initialise.js'
import { requireTrainable } from './pretrained.js'

type Config = Readonly<Record<string, unknown>>

/** The sizes of a Llama, and what it takes from its tokenizer. */
export interface LlamaSizes {
  readonly vocabSize: number
  readonly hiddenSize: number
  readonly layers: number
  readonly heads: number
  /** By default as many as there are heads. */
  readonly kvHeads?: number
  /** By default Llama's ratio of 8/3 to the hidden size, up to a multiple of 32. */
  readonly intermediateSize?: number
  readonly maxPositions: number
  readonly bosTokenId: unknown
  readonly eosTokenId: unknown
}

/** HF's LlamaConfig. */
export function llamaConfig(sizes: LlamaSizes): Config {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: sizes.vocabSize,
    hidden_size: sizes.hiddenSize,
    intermediate_size: sizes.intermediateSize ?? Math.ceil((8 * sizes.hiddenSize) / 3 / 32) * 32,
    num_hidden_layers: sizes.layers,
    num_attention_heads: sizes.heads,
    num_key_value_heads: sizes.kvHeads ?? sizes.heads,
    max_position_embeddings: sizes.maxPositions,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    hidden_act: 'silu',
    attention_bias: false,
    mlp_bias: false,
    tie_word_embeddings: true,
    bos_token_id: sizes.bosTokenId,
    eos_token_id: sizes.eosTokenId,
  }
}

/** A model before it is trained. */
export interface NewModel {
  readonly spec: DecoderSpec
  readonly config: Config
  readonly weights: Weights
}

/**
 * A model of random weights.
 * @param config HF's config.json
 * @param origin where it comes from, for messages
 * @param tokens how many the tokenizer has
 * @throws UserError for sizes that make no model, and fewer tokens than the tokenizer has
 */
export function newModel(config: Config, origin: string, tokens: number, seed: number): NewModel {
  const spec = specFromConfig(config, origin)
  requireTrainable(config, origin)
  if (spec.vocabSize < tokens) {
    throw usageError(
      `The tokenizer has ${tokens} tokens, and the model of ${origin} is for ${spec.vocabSize}: raise its vocab_size.`,
    )
  }
  return { spec, config, weights: initialWeights(spec, seed) }
}
