import { UserError } from '../../errors.js'
import type { ConfigReader, Fields } from '../config-reader.js'
import { scaledFrequencies } from '../rope-scaling.js'
import type { AttentionSpan, DecoderSpec } from '../spec.js'
import type { MetadataReader } from './metadata.js'
import { ROPE_FACTORS, ROPE_FREQS } from './tensors.js'

/** Values of keys without the architecture's name. */
export type GgufFields = Readonly<Record<string, number | boolean | string | Int32Array>>

/** Tensors that hold divisors of rotary frequencies, by their names in a file. */
export type RopeTensors = ReadonlyMap<string, Float32Array>

interface TensorSource {
  readonly tensors: { has(name: string): boolean }
  read(name: string): Promise<Float32Array>
}

const BETAS = {
  'rope.scaling.yarn_beta_fast': 'beta_fast',
  'rope.scaling.yarn_beta_slow': 'beta_slow',
} as const

const YARN = { 'rope.scaling.yarn_attn_factor': 'attention_factor', ...BETAS } as const

/**
 * HF's fields of a file's rotary embedding. llama.cpp's defaults apply: a base of 10000 (Gemma 3's converter has always written it), and
 * a factor without a type is linear scaling, by its old key, too. Tensors of divisors stand for LongRoPE, whose factor of cosines and
 * sines the converter has computed, or for `rope_freq_factors` (Llama 3).
 * @throws UserError for a factor of cosines and sines of other types, and one of LongRoPE's tensors without the other
 */
export async function ropeFromGguf(store: TensorSource, metadata: MetadataReader): Promise<Fields> {
  const factor = metadata.number('rope.scaling.factor') ?? metadata.number('rope.scale_linear') ?? 0
  const isScaled = factor !== 0 && factor !== 1
  const length = metadata.number('rope.scaling.original_context_length')
  const long = await longRope(store, metadata)
  const type = long ? 'longrope' : (metadata.get('rope.scaling.type') ?? (isScaled ? 'linear' : 'none'))
  const attention = metadata.number('rope.scaling.attn_factor') || 1
  if (attention !== 1 && type !== 'yarn' && type !== 'longrope') {
    throw metadata.notSupported('rope.scaling.attn_factor', attention)
  }
  const scaling = {
    rope_type: type,
    factor: isScaled ? factor : 1,
    original_max_position_embeddings: length,
    ...(type === 'yarn' && yarnFields(metadata, factor, attention)),
  }
  return {
    rope_theta: metadata.number('rope.freq_base') ?? 10_000,
    ...(long
      ? { original_max_position_embeddings: length, rope_scaling: { ...long, attention_factor: attention } }
      : { rope_scaling: type === 'none' ? undefined : scaling }),
    rope_freq_factors: store.tensors.has(ROPE_FREQS) ? [...(await store.read(ROPE_FREQS))] : undefined,
  }
}

/** The converter writes HF's `attention_factor` as it is; llama.cpp reads one that the usual factor is multiplied by. */
function yarnFields(metadata: MetadataReader, factor: number, attention: number): Fields {
  const fields = Object.entries(YARN).map(([key, field]) => [field, metadata.number(key)] as const)
  const own = attention === 1 ? {} : { attention_factor: attention * usualAttention(factor) }
  return { ...own, ...Object.fromEntries(fields.filter(([, value]) => value !== undefined)) }
}

/** YaRN's factor of cosines and sines. */
function usualAttention(factor: number): number {
  return factor <= 1 ? 1 : 0.1 * Math.log(factor) + 1
}

async function longRope(store: TensorSource, metadata: MetadataReader): Promise<Fields | undefined> {
  const [own, missing] = [ROPE_FACTORS.short, ROPE_FACTORS.long].toSorted(
    (a, b) => Number(store.tensors.has(b)) - Number(store.tensors.has(a)),
  )
  if (!store.tensors.has(own)) return undefined
  if (!store.tensors.has(missing)) {
    throw new UserError(`The GGUF file has ${own}, but no ${missing}: convert the model again.`)
  }
  const [short, long] = [await store.read(ROPE_FACTORS.short), await store.read(ROPE_FACTORS.long)]
  return {
    rope_type: 'longrope',
    short_factor: [...short],
    long_factor: [...long],
    original_max_position_embeddings: metadata.required('rope.scaling.original_context_length'),
  }
}

/**
 * The inverse: what a file says of rotary embeddings. A type that it has no words for is left out.
 * @param fields HF's, by kind of layer, of a specification that has been made of them
 * @param served tensors that the architecture has
 */
export function ropeToGguf(
  config: ConfigReader,
  spec: DecoderSpec,
  fields: Readonly<Record<AttentionSpan, Fields>>,
  served: readonly string[],
): { keys: GgufFields; tensors: RopeTensors } {
  const rotated = 2 * spec.rope.full.filter((frequency) => frequency !== 0).length
  if (rotated === 0) return { keys: {}, tensors: new Map() }
  const base = baseOf(fields.full, rotated)
  const sliding = baseOf(fields.sliding, rotated)
  const all = ropeTensors(config, spec, fields.full, rotated)
  const tensors = new Map([...all].filter(([name]) => served.includes(name)))
  const keys = {
    'rope.dimension_count': rotated,
    'rope.freq_base': base,
    ...(fields.sliding !== fields.full && { 'rope.freq_base_swa': sliding }),
    ...(tensors.size === all.size && scalingToGguf(config, spec, fields.full)),
  }
  return { keys, tensors }
}

const typeOf = ({ rope_type: type, type: old }: Fields) => type ?? old ?? 'default'

/** Hunyuan's `alpha` is in the base, as its converter has it. */
function baseOf(fields: Fields, rotated: number): number {
  const { rope_theta: theta, alpha } = fields as { rope_theta: number; alpha?: number }
  return typeOf(fields) === 'dynamic' && alpha ? theta * alpha ** (rotated / (rotated - 2)) : theta
}

function scalingToGguf(config: ConfigReader, { ropeFactor }: DecoderSpec, fields: Fields): GgufFields {
  const type = typeOf(fields)
  const length = fields.original_max_position_embeddings as number
  const factor = (fields.factor ?? config.integer('max_position_embeddings') / length) as number
  if (type === 'linear') return { 'rope.scaling.type': type, 'rope.scaling.factor': factor }
  const start = { 'rope.scaling.type': String(type), 'rope.scaling.original_context_length': length }
  if (type === 'longrope') return { ...start, 'rope.scaling.attn_factor': ropeFactor?.full ?? 1 }
  if (type !== 'yarn') return {}
  const attention = (ropeFactor?.full ?? 1) / usualAttention(factor)
  const betas = Object.entries(BETAS).flatMap(([key, field]) => (fields[field] ? [[key, fields[field]]] : []))
  return {
    ...start,
    'rope.scaling.factor': factor,
    ...(Math.abs(attention - 1) > 1e-6 && { 'rope.scaling.attn_factor': attention }),
    ...Object.fromEntries(betas),
  }
}

function ropeTensors(
  config: ConfigReader,
  { rope }: DecoderSpec,
  fields: Fields,
  rotated: number,
): RopeTensors {
  const { rope_freq_factors: divisors, short_factor: short, long_factor: long } = fields
  if (divisors) return new Map([[ROPE_FREQS, Float32Array.from(divisors as number[])]])
  if (typeOf(fields) === 'llama3') {
    const { frequencies } = scaledFrequencies(config, rotated, 'default', fields)
    return new Map([[ROPE_FREQS, Float32Array.from(frequencies, (each, i) => each / rope.full[i])]])
  }
  if (typeOf(fields) !== 'longrope') return new Map()
  return new Map([
    [ROPE_FACTORS.short, Float32Array.from(short as number[])],
    [ROPE_FACTORS.long, Float32Array.from(long as number[])],
  ])
}
