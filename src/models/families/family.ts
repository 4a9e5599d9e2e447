import type { ConfigReader, Fields } from '../config-reader.js'
import type { MetadataReader } from '../gguf/metadata.js'
import type { GgufFields } from '../gguf/rope.js'
import { BLOCK } from '../gguf/tensors.js'
import type { RotaryPairs, StoredLayout } from '../layout.js'
import { type RopeSpec, sharedRope, sharedRotated } from '../rope.js'
import type { AttentionKind, AttentionSpan, DecoderSpec } from '../spec.js'

/** A family of models: how its config.json and its GGUF files become a specification. */
export interface Family {
  /** `model_type` of config.json. */
  readonly type: string
  /** For people. */
  readonly name: string
  /** HF's class, in `architectures` of config.json. */
  readonly architecture: string
  /** Its own names of fields of config.json that others have too, by which HF's class reads them as well (`attribute_map`). */
  readonly renamed?: Readonly<Record<string, string>>
  /** What HF's configuration class takes for fields that a file leaves out, where files do. */
  readonly defaults: Readonly<Record<string, number>>
  /** Of the fields that are refused in other families, those that this one has. */
  readonly serves?: readonly string[]
  spec(config: ConfigReader): Omit<DecoderSpec, 'family'>
  /** How a checkpoint in HF layout holds the parameters; absent where it has a tensor for each, by its name. */
  layout?(config: ConfigReader): StoredLayout
  /** HF's fields of its rotary embeddings by kind of layer; absent where it has one for all, in the common places. */
  ropes?(config: ConfigReader): Readonly<Record<AttentionSpan, Fields>>
  /** Absent where it has none. Of several families with one architecture, a file is the first one's that it fits. */
  readonly gguf?: GgufFamily
}

/** What llama.cpp's converter makes of a family, which is read and written by this. */
export interface GgufFamily {
  /** `general.architecture`, with which the keys of its metadata begin. */
  readonly architecture: string
  /** HF's names of a block's modules, by GGUF's. */
  readonly modules: Readonly<Record<string, string>>
  /** Numbers of config.json by the keys that say them, beside those of all families. */
  readonly keys?: Readonly<Record<string, GgufKey>>
  /** Whether it is the family of its architecture whose files have experts. */
  readonly experts?: true
  /** Whether llama.cpp reads `attention.sliding_window` for it. */
  readonly slides?: boolean
  /** Of the keys that are refused in other architectures, those that this one has. */
  readonly serves?: readonly string[]
  /** Whether a part of a head's dimensions may be rotated. */
  readonly partial?: boolean
  /** Whether there are layers without attention, which have no heads of keys and values. */
  readonly headless?: boolean
  /** Norms are stored as 1 + w. */
  readonly offsetNorms?: true
  /** Tensors of rotary frequencies that llama.cpp loads for it. */
  readonly ropeTensors?: readonly string[]
  /** What llama.cpp takes for granted of it beyond what files say; by default biases of queries, keys and values alone. */
  granted?(spec: DecoderSpec): Granted
  /**
   * Fields of config.json beside those of all families, or in their place; undefined for one that it does not have.
   * @param rope `rope_theta` and `rope_scaling` of all families
   */
  config?(metadata: MetadataReader, hasBias: (module: string) => boolean, rope: Fields): Fields
  /** The inverse of `config`: keys beside those of all families and `keys`; undefined for one that it does not have. */
  metadata?(spec: DecoderSpec, rope: Fields): Partial<GgufFields>
  /** How a file holds the parameters, by HF's names of `modules`; absent where it is as checkpoints do. */
  layout?(config: ConfigReader): StoredLayout
}

/** A part of a specification. */
export interface Granted extends Partial<Pick<DecoderSpec, 'headDim' | 'kvHeads' | 'tiedHead'>> {
  readonly bias?: Partial<DecoderSpec['bias']>
}

/** The field that a key says; without `read` a file must have it, above 0. */
export type GgufKey = string | { readonly field: string; read(metadata: MetadataReader): number }

const { attn_norm: _, ffn_norm: __, ...UNNORMED } = BLOCK

/** GGUF's modules of a block whose norms come after attention and MLP. */
export const POST_NORM_BLOCK = {
  ...UNNORMED,
  post_attention_norm: 'post_attention_layernorm',
  post_ffw_norm: 'post_feedforward_layernorm',
}

/**
 * The fields that say the same in all families.
 * @param intermediateSize where the file has another name for it
 */
export function sizesOf(config: ConfigReader, intermediateSize?: number) {
  const hiddenSize = config.integer('hidden_size')
  const heads = config.integer('num_attention_heads')
  const kvHeads = config.integer('num_key_value_heads', heads)
  const headDim = headDimOf(config, hiddenSize, heads)
  if (heads % kvHeads !== 0) {
    throw config.error(`${heads} attention heads cannot share ${kvHeads} key-value heads`)
  }
  if (headDim % 2 !== 0) throw config.error(`head_dim is ${headDim}, but a rotary embedding needs it even`)
  return {
    vocabSize: config.integer('vocab_size'),
    hiddenSize,
    intermediateSize: intermediateSize ?? config.integer('intermediate_size'),
    heads,
    kvHeads,
    headDim,
    maxPositions: config.integer('max_position_embeddings'),
    normEpsilon: epsilonOf(config, 'rms_norm_eps', 1e-6),
  }
}

/** Dimensions of a head: the file's, else an equal share of the hidden size. */
function headDimOf(config: ConfigReader, hiddenSize: number, heads: number): number {
  const isGiven = (config.values.head_dim ?? config.defaults.head_dim) !== undefined
  if (isGiven || hiddenSize % heads === 0) return config.integer('head_dim', hiddenSize / heads)
  throw config.error(`a hidden size of ${hiddenSize} cannot be shared by ${heads} attention heads`)
}

/**
 * What a norm adds to a variance.
 * @param field the family's name of it
 * @param fallback where the file has none
 */
export function epsilonOf(config: ConfigReader, field: string, fallback?: number): number {
  const epsilon = config.number(field, fallback)
  if (epsilon >= 0) return epsilon
  throw config.error(`${field} is ${epsilon}, below 0`)
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

/** HF has one mask for all layers, but a cache by `layer_types`: what it computes would depend on how a text is run. */
export function refuseOtherLayers(config: ConfigReader, kind: AttentionSpan, advice = 'remove it'): void {
  const { layer_types: named } = config.values
  if (!Array.isArray(named) || named.every((each) => each === `${kind}_attention`)) return
  throw config.error(
    `layer_types is ${JSON.stringify(named)}, but its layers are all ${kind}_attention by its sliding_window: ${advice}`,
  )
}

/**
 * HF attends to all tokens, but its cache drops those outside of the window that a file has, so that a text would depend on how much of
 * it is the prompt.
 * @param whose the family, for the message
 */
export function refuseWindow(config: ConfigReader, whose: string): void {
  const { layer_types: named } = config.values
  if (Array.isArray(named) && named.every((kind) => kind === 'full_attention')) return
  for (const name of ['sliding_window', 'attention_chunk_size']) {
    const window = config.values[name] ?? undefined
    if (typeof window !== 'number' || window >= config.integer('max_position_embeddings')) continue
    throw config.error(`${name} is ${window}, which ${whose} has not: remove it, or name another model_type`)
  }
}

/** Layers that all slide where the file has a window, and else attend to all. */
export function windowedLayers(config: ConfigReader) {
  return uniformLayers(config, (config.values.sliding_window ?? null) === null ? 'full' : 'sliding')
}

/**
 * Pairs of a rotary embedding that is the same in all layers.
 * @param partial the share of a head's dimensions that is rotated where files do not say
 */
export function rotaryPairs(config: ConfigReader, interleaved: boolean, partial?: number): RotaryPairs {
  return { interleaved, rotated: sharedRotated(config, sizesOf(config).headDim, { partial }) }
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
    if (!slides) {
      const why =
        'use_sliding_window' in config.values ? 'use_sliding_window is off' : 'sliding_window is null'
      throw config.error(`layer_types names "sliding_attention", but ${why}`)
    }
    return 'sliding'
  })
}

/** A kind of layer without positions. */
export function unrotated(span: AttentionSpan): AttentionKind {
  return `${span}_nope`
}

/** The kinds of layers of a GGUF file, as config.json says them: a flag for each that slides, or how often a full one comes. */
export function patternOf(metadata: MetadataReader, usual: number): Fields {
  const count = metadata.required('block_count')
  const every = () => metadata.number('attention.sliding_window_pattern') ?? usual
  const slides =
    metadata.flags('attention.sliding_window_pattern') ??
    Array.from({ length: count }, (_, layer) => (layer + 1) % every() !== 0)
  return { layer_types: slides.map((isSliding) => (isSliding ? 'sliding_attention' : 'full_attention')) }
}

/** Biases of the attention's projections, where a file asks for them. */
export function attentionBias(config: ConfigReader): DecoderSpec['bias'] {
  const hasBias = config.boolean('attention_bias', false)
  return { qkv: hasBias, output: hasBias, mlp: false }
}

/** HF's names of the activations that there are, of which several are one function (`ACT2FN`). */
const ACTIVATIONS: Readonly<Record<string, DecoderSpec['activation']>> = {
  silu: 'silu',
  swish: 'silu',
  gelu: 'gelu',
  gelu_python: 'gelu',
  gelu_new: 'gelu_tanh',
  gelu_fast: 'gelu_tanh',
  gelu_pytorch_tanh: 'gelu_tanh',
  gelu_python_tanh: 'gelu_tanh',
  relu2: 'relu2',
}

/** @param fallback what HF's configuration class takes */
export function activationOf(config: ConfigReader, fallback: string, field = 'hidden_act') {
  const name = config.values[field] ?? fallback
  if (typeof name === 'string' && Object.hasOwn(ACTIVATIONS, name)) return ACTIVATIONS[name]
  const known = Object.keys(ACTIVATIONS).join(', ')
  throw config.error(`${field} is ${JSON.stringify(name)}, none of those that are supported (${known})`)
}

function silu(config: ConfigReader): DecoderSpec['activation'] {
  config.requireOneOf('hidden_act', ['silu', 'swish'])
  return 'silu'
}

/**
 * A decoder like Llama: norms before attention and a gated MLP with SiLU, one rotary embedding, full attention.
 * @param own what is otherwise
 */
export function llamaLike(
  config: ConfigReader,
  own: Partial<DecoderSpec>,
  ropeOf: (headDim: number) => RopeSpec = (headDim) => sharedRope(config, headDim),
): Omit<DecoderSpec, 'family'> {
  const sizes = sizesOf(config, own.intermediateSize)
  return {
    ...sizes,
    ...uniformLayers(config, 'full'),
    ...ropeOf(sizes.headDim),
    attentionScale: 1 / Math.sqrt(sizes.headDim),
    activation: own.activation ?? silu(config),
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
