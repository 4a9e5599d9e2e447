import type { ConfigReader, Fields } from './config-reader.js'
import { type Frequencies, scaledFrequencies } from './rope-scaling.js'
import type { AttentionSpan, DecoderSpec } from './spec.js'

const round = Math.fround

/** What of a specification follows from its rotary embeddings. */
export type RopeSpec = Pick<DecoderSpec, 'rope' | 'ropeFactor' | 'maxPositions' | 'longContext'>

/** What a family's rotary embedding may be, beside the kinds that all have. */
export interface RopeKinds {
  /** The share of a head's dimensions that is rotated where files do not say; without it no file may. */
  readonly partial?: number
  /** Whether the type `dynamic` may have a constant `alpha`. */
  readonly alpha?: boolean
}

/**
 * One rotary embedding for all layers, as transformers 5.24 reads its fields (`convert_rope_params_to_dict`): `rope_scaling`, of
 * transformers 4, goes before `rope_parameters`, of 5, where it is not empty; a theta in the one that counts goes before
 * `rope_theta`. The length that scaling starts from HF looks for in three places.
 */
export function sharedRope(config: ConfigReader, headDim: number, kinds: RopeKinds = {}): RopeSpec {
  return ropesOf(config, headDim, sameRopes(config), kinds)
}

/** The fields of such an embedding, by kind of layer. */
export function sameRopes(config: ConfigReader): Readonly<Record<AttentionSpan, Fields>> {
  const fields = ropeFields(config)
  return { full: fields, sliding: fields }
}

/** How many of a head's dimensions such an embedding rotates, the first ones. */
export function sharedRotated(config: ConfigReader, headDim: number, kinds: RopeKinds): number {
  return rotatedDimensions(config, headDim, ropeFields(config), kinds)
}

/** The fields of such an embedding, whichever of the places they are in. */
export function ropeFields(config: ConfigReader): Fields {
  const { rope_theta, rope_freq_factors, original_max_position_embeddings: length } = config.values
  const scaling = config.object('rope_scaling')
  const values = scaling && Object.keys(scaling).length > 0 ? scaling : config.object('rope_parameters')
  for (const kind of ['full_attention', 'sliding_attention']) {
    if (values && kind in values)
      throw config.error(
        `rope_parameters has ${kind}, but the family has one rotary embedding for all layers`,
      )
  }
  return {
    ...values,
    rope_theta: values?.rope_theta ?? rope_theta ?? config.defaults.rope_theta ?? 10_000,
    original_max_position_embeddings:
      length ??
      config.defaults.original_max_position_embeddings ??
      values?.original_max_position_embeddings ??
      config.integer('max_position_embeddings'),
    rope_freq_factors,
  }
}

/**
 * Fields of the rotary embedding of a kind of layer, of `rope_parameters` by kind; transformers 4 had `rope_scaling` for full layers,
 * which HF lays over what is there for them.
 * @param bases that count where the fields have none
 * @throws UserError for fields beside those of the kinds
 */
export function ropeFieldsOf(
  config: ConfigReader,
  kind: AttentionSpan,
  bases: Readonly<Record<AttentionSpan, unknown>>,
): Fields {
  const parameters = config.object('rope_parameters')
  const other = Object.keys(parameters ?? {}).find((key) => !/^(full|sliding)_attention$/.test(key))
  if (other) {
    throw config.error(
      `rope_parameters has ${other} beside full_attention and sliding_attention: put it into one of them`,
    )
  }
  const isFull = kind === 'full'
  const fields: Fields = {
    original_max_position_embeddings: config.integer('max_position_embeddings'),
    ...(config.object(`${kind}_attention`, parameters) ?? { rope_type: 'default' }),
    ...(isFull && config.object('rope_scaling')),
  }
  const factors = isFull ? config.values.rope_freq_factors : undefined
  return { ...fields, rope_theta: fields.rope_theta ?? bases[kind], rope_freq_factors: factors }
}

/** Rotary embeddings by kind of layer. */
export function ropesOf(
  config: ConfigReader,
  headDim: number,
  fields: Readonly<Record<AttentionSpan, Fields>>,
  kinds: RopeKinds = {},
): RopeSpec {
  const isShared = fields.sliding === fields.full
  if (!isShared && [fields.full, fields.sliding].some(({ truncate }) => truncate === false)) {
    throw config.error('truncate is false, which transformers does not read by kind of layer: leave it out')
  }
  const full = inverseFrequencies(config, headDim, fields.full, kinds)
  const sliding = isShared ? full : inverseFrequencies(config, headDim, fields.sliding, kinds)
  const context = config.integer('max_position_embeddings')
  const maxPositions = Math.min(context, full.end, sliding.end)
  const isScaled = full.factor !== 1 || sliding.factor !== 1
  return {
    rope: { full: full.frequencies, sliding: sliding.frequencies },
    ropeFactor: isScaled ? { full: full.factor, sliding: sliding.factor } : undefined,
    maxPositions,
    longContext: context > maxPositions ? context : undefined,
  }
}

/**
 * Inverse frequencies of the rotary embedding, [headDim / 2], computed in float32 as HF's ROPE_INIT_FUNCTIONS do; those of dimensions
 * that are not rotated are 0. GGUF files hold Llama 3's scaling as divisors, `rope_freq_factors`.
 * @throws UserError for another type, by name, and fields that contradict each other
 */
function inverseFrequencies(
  config: ConfigReader,
  headDim: number,
  values: Fields,
  kinds: RopeKinds,
): Required<Frequencies> {
  const rotated = rotatedDimensions(config, headDim, values, kinds)
  const type = values.rope_type ?? values.type ?? 'default'
  // transformers would take rope_type, which for Gemma 3 may be its own default.
  if ((values.type ?? type) !== type) {
    const [chosen, old] = [type, values.type].map((each) => JSON.stringify(each))
    throw config.error(`rope scaling has the rope_type ${chosen} and the type ${old}: leave one`)
  }
  const { alpha } = values
  if ((alpha ?? 0) !== 0 && !(kinds.alpha && type === 'dynamic')) {
    throw config.error(
      `rope scaling of type ${type} has the alpha ${JSON.stringify(alpha)}, which is not supported`,
    )
  }
  const {
    frequencies,
    factor = 1,
    end = Number.POSITIVE_INFINITY,
  } = scaledFrequencies(config, rotated, type, values)
  const divided = dividedBy(config, frequencies, values.rope_freq_factors)
  const padding = Array<number>(headDim / 2 - divided.length).fill(0)
  return { frequencies: [...divided, ...padding], factor, end }
}

/** How many of a head's dimensions are rotated, the first ones. */
function rotatedDimensions(
  config: ConfigReader,
  headDim: number,
  values: Fields,
  { partial }: RopeKinds,
): number {
  const given = values.partial_rotary_factor ?? config.values.partial_rotary_factor ?? partial ?? 1
  if (given === 1) return headDim
  const rotated = partial !== undefined && typeof given === 'number' ? Math.floor(headDim * given) : 0
  if (rotated > 0 && rotated <= headDim && rotated % 2 === 0) return rotated
  throw config.error(`partial_rotary_factor is ${JSON.stringify(given)}, which is not supported`)
}

function dividedBy(
  config: ConfigReader,
  frequencies: readonly number[],
  factors: unknown,
): readonly number[] {
  if (factors === undefined) return frequencies
  const count = frequencies.length
  if (!Array.isArray(factors) || factors.length !== count || !factors.every((each) => each > 0)) {
    throw config.error(`the factors of the rotary frequencies are not ${count} numbers above 0`)
  }
  return frequencies.map((frequency, i) => round(frequency / factors[i]))
}

/** `rotaryTables` of a model's layers, which carry the square root of the attention scale where nothing undoes it. */
export function rotaryTablesOf(spec: DecoderSpec, span: AttentionSpan, positions: ArrayLike<number>) {
  const scale = spec.qkNorm === 'rotated' ? 1 : Math.sqrt(spec.attentionScale)
  return rotaryTables(spec.rope[span], positions, scale, spec.ropeFactor?.[span])
}

/**
 * Cosines and sines of position · frequency, [positions, headDim / 2] each, times `scale`. The angle is rounded to
 * float32 before, as HF does.
 * @param factor of dimensions that are rotated
 */
export function rotaryTables(
  frequencies: readonly number[],
  positions: ArrayLike<number>,
  scale: number,
  factor = 1,
): { cos: Float32Array; sin: Float32Array } {
  const width = frequencies.length
  const cos = new Float32Array(positions.length * width)
  const sin = new Float32Array(positions.length * width)
  for (let i = 0; i < cos.length; i++) {
    const frequency = frequencies[i % width]
    const angle = round(positions[Math.floor(i / width)] * frequency)
    const own = frequency === 0 ? scale : scale * factor
    cos[i] = Math.cos(angle) * own
    sin[i] = Math.sin(angle) * own
  }
  return { cos, sin }
}

/** Scales of queries by their positions (HF's `get_llama_4_attn_scale`). */
export function queryScales(
  { beta, length }: NonNullable<DecoderSpec['queryScale']>,
  positions: ArrayLike<number>,
): Float32Array {
  return Float32Array.from(positions, (position) => 1 + beta * Math.log(1 + Math.floor(position / length)))
}
