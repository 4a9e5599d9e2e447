import { type GenerationMode, MODES } from '../config/mode.js'
import { familyName } from '../models/families/index.js'
import { parameterCount } from '../models/parameters.js'
import { cacheBytesPerToken, RUN_TYPES, type RunType, weightBytes } from '../runtime/storage.js'
import type { Tokenizer } from '../tokenizer/tokenizer.js'
import type { OpenModel } from './open.js'

export { parameterCount }

/** What is known of a model without running it. */
export interface ModelDescription {
  readonly path: string
  /** Directory of the adapter that is applied. */
  readonly adapter?: string
  /** A graph of our own runs it, and why: a clause. */
  readonly road: 'graph'
  readonly why: string
  readonly architecture: string
  readonly parameters: number
  /** Bytes by storage type of the file. */
  readonly dtypes: Readonly<Record<string, number>>
  readonly context_length: number
  /** That of the files, where the context ends before it. */
  readonly long_context?: number
  readonly vocab_size: number
  readonly layers: number
  /** Of these, the ones that are short convolutions and not attention. */
  readonly convolution_layers?: number
  readonly hidden_size: number
  readonly attention_heads: number
  readonly key_value_heads: number
  readonly special_tokens: Readonly<Record<string, string>>
  readonly chat_template: boolean
  /** Whether the vocabulary projection is the embedding. */
  readonly tied_embeddings: boolean
  /** Tensors of the weights that belong to no parameter. */
  readonly unused_tensors: readonly string[]
  /** Generation modes that it can be decoded with; assisted generation is prompt lookup, a draft model, or an early exit. */
  readonly strategies: readonly GenerationMode[]
  /** The last layer that it can draft for itself after (`assistant_early_exit`); 0 where there is none before its end. */
  readonly last_early_exit: number
  /** What fp16 and int4f16 need, and go without. */
  readonly half_precision: string
  /** Bytes. */
  readonly memory: {
    readonly weights: Readonly<Record<RunType, number>>
    /** In float32, as below; fp16 and int4f16 have half of it. */
    readonly cache_per_token: number
    readonly cache_full_context: number
  }
}

export function describeModel(
  { path, adapter, spec, store, unused }: OpenModel,
  tokenizer: Tokenizer,
  why: string,
): ModelDescription {
  const perToken = cacheBytesPerToken(spec, 'fp32')
  const convolutions = spec.layers.filter((kind) => kind === 'conv').length
  const weights = RUN_TYPES.map((type) => [type, weightBytes(spec, type)])
  return {
    path,
    ...(adapter !== undefined && { adapter }),
    road: 'graph',
    why,
    architecture: familyName(spec),
    parameters: parameterCount(spec),
    dtypes: bytesByType(store),
    context_length: spec.maxPositions,
    ...(spec.longContext !== undefined && { long_context: spec.longContext }),
    vocab_size: spec.vocabSize,
    layers: spec.layers.length,
    ...(convolutions > 0 && { convolution_layers: convolutions }),
    hidden_size: spec.hiddenSize,
    attention_heads: spec.heads,
    key_value_heads: spec.kvHeads,
    special_tokens: spelledSpecialTokens(tokenizer),
    chat_template: tokenizer.hasChatTemplate,
    tied_embeddings: spec.tiedHead,
    unused_tensors: unused,
    strategies: MODES,
    last_early_exit: spec.layers.length - 1,
    half_precision: spec.residual === 'float32' ? 'needs a GPU, and goes without DoLa' : 'needs a GPU',
    memory: {
      weights: Object.fromEntries(weights),
      cache_per_token: perToken,
      cache_full_context: perToken * spec.maxPositions,
    },
  }
}

/** The first names, and how many more there are. */
export function namedTensors(names: readonly string[]): string {
  const some = names.slice(0, 3).join(', ')
  return names.length > 3 ? `${some} and ${names.length - 3} more` : some
}

function bytesByType(store: OpenModel['store']): Record<string, number> {
  const sizes: Record<string, number> = {}
  for (const { dtype, byteLength } of store.tensors.values()) sizes[dtype] = (sizes[dtype] ?? 0) + byteLength
  return sizes
}

export function spelledSpecialTokens({
  bosToken,
  eosToken,
  padToken,
  unkToken,
}: Tokenizer): Record<string, string> {
  const named = { bos: bosToken, eos: eosToken, pad: padToken, unk: unkToken }
  return Object.fromEntries(
    Object.entries(named).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}
