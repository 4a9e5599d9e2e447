import { UserError } from '../../errors.js'
import type { Fields } from '../config-reader.js'
import type { Family, GgufFamily } from '../families/family.js'
import { configReader, FAMILIES, layoutFromConfig } from '../families/index.js'
import type { StoredLayout } from '../layout.js'
import { EMBEDDING, HEAD } from '../parameters.js'
import { type Metadata, MetadataReader } from './metadata.js'
import { hfTensorName, type Restore, ROPE_FACTORS, ROPE_FREQS } from './tensors.js'

/** A GGUF file, its tensors by HF's names. */
interface GgufStore {
  readonly metadata: Metadata
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>
  read(name: string): Promise<Float32Array>
}

/**
 * The model's configuration in the fields of HF's config.json, from a GGUF store. Fields beyond HF's:
 * `rope_freq_factors` (head_dim / 2 numbers by which the inverse frequencies are divided), which is how GGUF
 * holds Llama 3's rope scaling; HF's parameters of it cannot be had back, and `rope_scaling` is absent then.
 * @throws UserError for an architecture that is not supported, or metadata that lacks or contradicts a field.
 */
export async function configFromGguf(store: GgufStore): Promise<Record<string, unknown>> {
  const { type, architecture, gguf } = ggufFamily(store.metadata)
  const metadata = new MetadataReader(store.metadata, gguf.architecture)
  metadata.refuseUnserved(gguf)
  const hasBias = (module: string) => store.tensors.has(`model.layers.0.${module}.bias`)
  const tokenizer = new MetadataReader(store.metadata, 'tokenizer.ggml')
  const ropeFields = rope(metadata)
  const own = gguf.config?.(metadata, hasBias, ropeFields) ?? {}
  const fields: Fields = {
    model_type: type,
    architectures: [architecture],
    ...sizes(metadata, gguf),
    vocab_size: store.tensors.get(EMBEDDING)?.shape[0],
    ...(!('rms_norm_eps' in own) && { rms_norm_eps: metadata.required('attention.layer_norm_rms_epsilon') }),
    hidden_act: 'silu',
    attention_bias: hasBias('self_attn.q_proj'),
    ...ropeFields,
    rope_freq_factors: store.tensors.has(ROPE_FREQS) ? [...(await store.read(ROPE_FREQS))] : undefined,
    ...(await longRope(store, metadata)),
    ...own,
    tie_word_embeddings: !store.tensors.has(HEAD),
    bos_token_id: tokenizer.number('bos_token_id'),
    eos_token_id: tokenizer.number('eos_token_id'),
    pad_token_id: tokenizer.number('padding_token_id'),
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

/**
 * HF's tensors by a file's names; undefined for one that the architecture does not have.
 * @throws UserError for an architecture that is not supported, and for a tensor of one expert
 */
export function ggufTensors(metadata: Metadata) {
  const { gguf } = ggufFamily(metadata)
  const reader = new MetadataReader(metadata, gguf.architecture)
  return (tensor: string): { name: string; restore?: Restore } | undefined => {
    const name = hfTensorName(gguf.modules, tensor)
    if (name === undefined && OF_ONE_EXPERT.test(tensor)) {
      throw new UserError(
        `The GGUF file has a tensor for each expert (${tensor}), as llama.cpp wrote them until April 2024: convert the model again, or use a newer file of it.`,
      )
    }
    return name === undefined ? undefined : { name, restore: gguf.restore?.(name, reader) }
  }
}

/** llama.cpp has one tensor of all experts of a layer since (`ffn_gate_exps`). */
const OF_ONE_EXPERT = /^blk\.\d+\.ffn_(gate|up|down)\.\d+\.weight$/

/** How a GGUF file holds the parameters, by the names of `ggufTensors`. */
export function ggufLayout(config: Fields, origin: string): StoredLayout | undefined {
  const { gguf } = FAMILIES.find(({ type }) => type === config.model_type)!
  return gguf?.layout ? gguf.layout(configReader(config, origin)) : layoutFromConfig(config, origin)
}

function ggufFamily(metadata: Metadata): Family & { readonly gguf: GgufFamily } {
  const name = metadata.get('general.architecture')
  const known = FAMILIES.flatMap((family) => (family.gguf ? [{ ...family, gguf: family.gguf }] : []))
  const named = known.filter(({ gguf }) => gguf.architecture === name)
  const hasExperts = new MetadataReader(metadata, String(name)).get('expert_count')
  const family = named.find(({ gguf }) => Boolean(gguf.experts) === Boolean(hasExperts)) ?? named[0]
  if (family) return family
  throw new UserError(
    `The GGUF architecture ${JSON.stringify(name ?? null)} is not supported: use a model of ${[...new Set(known.map(({ gguf }) => gguf.architecture))].join(', ')}.`,
  )
}

function sizes(metadata: MetadataReader, { partial: isPartial = false, headless }: GgufFamily): Fields {
  const hidden = metadata.required('embedding_length')
  const heads = metadata.required('attention.head_count')
  const headDim = metadata.number('attention.key_length') ?? hidden / heads
  const rotated = metadata.number('rope.dimension_count') ?? headDim
  const values = metadata.number('attention.value_length') ?? headDim
  if (values !== headDim) {
    throw new UserError(
      `The GGUF metadata gives keys of ${headDim} dimensions and values of ${values}: this is not supported.`,
    )
  }
  if (!Number.isInteger(headDim) || (rotated !== headDim && !isPartial)) {
    throw new UserError(
      `The GGUF metadata gives heads of ${headDim} dimensions of which ${rotated} are rotated: this is not supported.`,
    )
  }
  return {
    hidden_size: hidden,
    intermediate_size: metadata.required('feed_forward_length'),
    num_hidden_layers: metadata.required('block_count'),
    num_attention_heads: heads,
    num_key_value_heads: keyValueHeads(metadata, headless) ?? heads,
    head_dim: headDim,
    max_position_embeddings: metadata.required('context_length'),
    partial_rotary_factor: isPartial ? rotated / headDim : undefined,
  }
}

/** The same in all layers that have some. */
function keyValueHeads(metadata: MetadataReader, isHeadless = false): number | undefined {
  const key = 'attention.head_count_kv'
  const counts = new Set(isHeadless ? metadata.numbers(key)?.filter((count) => count !== 0) : undefined)
  return counts.size === 1 ? [...counts][0] : metadata.number(key)
}

/** LongRoPE's factors, where the file has some, with the one of cosines and sines that the converter has computed. */
async function longRope(store: GgufStore, metadata: MetadataReader): Promise<Fields> {
  const [own, missing] = [ROPE_FACTORS.short, ROPE_FACTORS.long].toSorted(
    (a, b) => Number(store.tensors.has(b)) - Number(store.tensors.has(a)),
  )
  if (!store.tensors.has(own)) return {}
  if (!store.tensors.has(missing)) {
    throw new UserError(`The GGUF file has ${own}, but no ${missing}: convert the model again.`)
  }
  const [short, long] = [await store.read(ROPE_FACTORS.short), await store.read(ROPE_FACTORS.long)]
  const length = metadata.required('rope.scaling.original_context_length')
  return {
    original_max_position_embeddings: length,
    rope_scaling: {
      rope_type: 'longrope',
      short_factor: [...short],
      long_factor: [...long],
      original_max_position_embeddings: length,
      attention_factor: metadata.number('rope.scaling.attn_factor') ?? 1,
    },
  }
}

/**
 * llama.cpp's defaults apply: a base of 10000 (Gemma 3's converter has always written it), and a factor without a type is
 * linear scaling, by its old key, too.
 */
function rope(metadata: MetadataReader): Fields {
  const factor = metadata.number('rope.scaling.factor') ?? metadata.number('rope.scale_linear') ?? 0
  const isScaled = factor !== 0 && factor !== 1
  const type = metadata.get('rope.scaling.type') ?? (isScaled ? 'linear' : 'none')
  const scaling = {
    rope_type: type,
    factor: isScaled ? factor : 1,
    original_max_position_embeddings: metadata.number('rope.scaling.original_context_length'),
    ...(type === 'yarn' && yarn(metadata)),
  }
  return {
    rope_theta: metadata.number('rope.freq_base') ?? 10_000,
    rope_scaling: type === 'none' ? undefined : scaling,
  }
}

/** The converter writes HF's `attention_factor` as it is. */
function yarn(metadata: MetadataReader): Fields {
  const fields = {
    attention_factor: metadata.number('rope.scaling.yarn_attn_factor'),
    beta_fast: metadata.number('rope.scaling.yarn_beta_fast'),
    beta_slow: metadata.number('rope.scaling.yarn_beta_slow'),
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
