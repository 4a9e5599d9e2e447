import type { ConfigReader, Fields } from '../config-reader.js'
import type { MetadataReader } from '../gguf/metadata.js'
import type { Restore } from '../gguf/tensors.js'
import { sharedRope } from '../rope.js'
import type { AttentionKind, DecoderSpec } from '../spec.js'

/** A family of models: how its config.json and its GGUF files become a specification. */
export interface Family {
  /** `model_type` of config.json. */
  readonly type: string
  /** For people. */
  readonly name: string
  /** HF's class, in `architectures` of config.json. */
  readonly architecture: string
  /** `model_type` of a model with images of which this one is the text model. */
  readonly withImages?: string
  /** What HF's configuration class takes for fields that a file leaves out, where files do. */
  readonly defaults: Readonly<Record<string, number>>
  spec(config: ConfigReader): Omit<DecoderSpec, 'family'>
  /** Absent where its GGUF files are another family's. */
  readonly gguf?: GgufFamily
}

/** What llama.cpp's converter makes of a family. */
export interface GgufFamily {
  /** `general.architecture`, with which the keys of its metadata begin. */
  readonly architecture: string
  /** HF's names of a block's modules, by GGUF's. */
  readonly modules: Readonly<Record<string, string>>
  /** Whether llama.cpp reads `attention.sliding_window` for it. */
  readonly slides?: boolean
  /** Fields of config.json beside those of all families, or in their place; undefined for one that it does not have. */
  config?(metadata: MetadataReader, hasBias: (module: string) => boolean): Fields
  /** What turns a tensor's stored values into HF's; undefined where they are the same. */
  restore?(name: string, metadata: MetadataReader): Restore | undefined
  /** What `restore` undoes, in place; undefined where values are stored as they are. */
  store?(name: string, spec: DecoderSpec): Restore | undefined
  /**
   * Metadata of its own, by keys without the architecture's name.
   * @throws UserError for what its GGUF files cannot say
   */
  metadata?(spec: DecoderSpec): Readonly<Record<string, number>>
}

/** The fields that say the same in all families. */
export function sizesOf(config: ConfigReader) {
  const hiddenSize = config.integer('hidden_size')
  const heads = config.integer('num_attention_heads')
  const kvHeads = config.integer('num_key_value_heads', heads)
  const headDim = config.integer('head_dim', hiddenSize / heads)
  if (heads % kvHeads !== 0) {
    throw config.error(`${heads} attention heads cannot share ${kvHeads} key-value heads`)
  }
  if (headDim % 2 !== 0) throw config.error(`head_dim is ${headDim}, but a rotary embedding needs it even`)
  const normEpsilon = config.number('rms_norm_eps', 1e-6)
  if (normEpsilon < 0) throw config.error(`rms_norm_eps is ${normEpsilon}, below 0`)
  return {
    vocabSize: config.integer('vocab_size'),
    hiddenSize,
    intermediateSize: config.integer('intermediate_size'),
    heads,
    kvHeads,
    headDim,
    maxPositions: config.integer('max_position_embeddings'),
    normEpsilon,
  }
}

/**
 * The attention of each layer, and its window: `layer_types` where the file has it, else what the family's older fields say.
 * @param slides whether layers may slide at all
 * @param isFull by number of the layer, from 0
 */
export function layerKinds(config: ConfigReader, slides: boolean, isFull: (layer: number) => boolean) {
  const count = config.integer('num_hidden_layers')
  const named = config.values.layer_types ?? undefined
  const layers =
    named === undefined
      ? Array.from({ length: count }, (_, i): AttentionKind => (isFull(i) ? 'full' : 'sliding'))
      : namedKinds(config, named, count, slides)
  return { layers, slidingWindow: layers.includes('sliding') ? config.integer('sliding_window') : undefined }
}

/** Layers of one kind, whatever `layer_types` says. */
export function uniformLayers(config: ConfigReader, kind: AttentionKind) {
  const layers = Array.from({ length: config.integer('num_hidden_layers') }, () => kind)
  return { layers, slidingWindow: kind === 'sliding' ? config.integer('sliding_window') : undefined }
}

function namedKinds(config: ConfigReader, named: unknown, count: number, slides: boolean): AttentionKind[] {
  if (!Array.isArray(named)) throw config.error(`layer_types is ${JSON.stringify(named)}, not a list`)
  if (named.length !== count) {
    throw config.error(`layer_types has ${named.length} entries for ${count} layers`)
  }
  return named.map((name) => {
    // `attention` is the old name.
    if (name === 'full_attention' || name === 'attention') return 'full'
    if (name !== 'sliding_attention') {
      throw config.error(`layer_types names ${JSON.stringify(name)}, which is not supported`)
    }
    if (!slides) throw config.error('layer_types names "sliding_attention", but use_sliding_window is off')
    return 'sliding'
  })
}

/** Biases of the attention's projections, where a file asks for them. */
export function attentionBias(config: ConfigReader): DecoderSpec['bias'] {
  const hasBias = config.boolean('attention_bias', false)
  return { qkv: hasBias, output: hasBias, mlp: false }
}

/** A decoder like Llama: norms before attention and a gated MLP with SiLU, one rotary embedding, full attention. */
export function llamaLike(config: ConfigReader, own: Partial<DecoderSpec>): Omit<DecoderSpec, 'family'> {
  config.requireOneOf('hidden_act', ['silu', 'swish'])
  const sizes = sizesOf(config)
  return {
    ...sizes,
    ...uniformLayers(config, 'full'),
    rope: sharedRope(config, sizes.headDim),
    attentionScale: 1 / Math.sqrt(sizes.headDim),
    activation: 'silu',
    embeddingScale: 1,
    tiedHead: config.boolean('tie_word_embeddings', false),
    qkNorm: false,
    norms: 'pre',
    normOffset: 0,
    residual: 'as weights',
    bias: attentionBias(config),
    ...own,
  }
}
