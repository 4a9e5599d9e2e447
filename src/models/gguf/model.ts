import { UserError } from '../../errors.js'
import type { Fields } from '../config-reader.js'
import type { Family, GgufFamily } from '../families/family.js'
import { configReader, FAMILIES, layoutFromConfig } from '../families/index.js'
import type { StoredLayout } from '../layout.js'
import { EMBEDDING, HEAD } from '../parameters.js'
import { type Metadata, MetadataReader } from './metadata.js'
import { ropeFromGguf } from './rope.js'
import { hfTensorName, subtractOne } from './tensors.js'

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
  const ropeFields = await ropeFromGguf(store, metadata)
  const own = { ...fieldsOfKeys(gguf, metadata), ...gguf.config?.(metadata, hasBias, ropeFields) }
  const fields: Fields = {
    model_type: type,
    architectures: [architecture],
    ...sizes(metadata, gguf),
    vocab_size: store.tensors.get(EMBEDDING)?.shape[0],
    ...(!('rms_norm_eps' in own) && { rms_norm_eps: metadata.required('attention.layer_norm_rms_epsilon') }),
    hidden_act: 'silu',
    attention_bias: hasBias('self_attn.q_proj'),
    ...ropeFields,
    ...own,
    tie_word_embeddings: !store.tensors.has(HEAD),
    bos_token_id: tokenizer.number('bos_token_id'),
    eos_token_id: tokenizer.number('eos_token_id'),
    pad_token_id: tokenizer.number('padding_token_id'),
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

function fieldsOfKeys({ keys = {} }: GgufFamily, metadata: MetadataReader): Fields {
  const fields = Object.entries(keys).map(([key, own]) =>
    typeof own === 'string' ? [own, metadata.required(key)] : [own.field, own.read(metadata)],
  )
  return Object.fromEntries(fields)
}

/**
 * HF's tensors by a file's names; undefined for one that the architecture does not have.
 * @throws UserError for an architecture that is not supported, and for a tensor of one expert
 */
export function ggufTensors(metadata: Metadata) {
  const { gguf } = ggufFamily(metadata)
  return (tensor: string) => {
    const name = hfTensorName(gguf.modules, tensor)
    if (name === undefined && OF_ONE_EXPERT.test(tensor)) {
      throw new UserError(
        `The GGUF file has a tensor for each expert (${tensor}), as llama.cpp wrote them until April 2024: convert the model again, or use a newer file of it.`,
      )
    }
    if (name === undefined) return undefined
    const isOffset = gguf.offsetNorms && isNorm(name)
    return { name, restore: isOffset ? subtractOne : undefined, isRow: name.endsWith(SHARED_GATE) }
  }
}

/** llama.cpp has one tensor of all experts of a layer since (`ffn_gate_exps`). */
const OF_ONE_EXPERT = /^blk\.\d+\.ffn_(gate|up|down)\.\d+\.weight$/

/** The converter leaves out dimensions of 1. */
export const SHARED_GATE = '.shared_expert_gate.weight'

/** Whether HF's name is that of a norm's weight. */
export function isNorm(name: string): boolean {
  return name.endsWith('norm.weight')
}

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
