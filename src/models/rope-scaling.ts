import type { ConfigReader, Fields } from './config-reader.js'

const round = Math.fround

/** Inverse frequencies of the dimensions that are rotated, one a pair. */
export interface Frequencies {
  readonly frequencies: readonly number[]
  /** Of cosines and sines; 1 where absent. */
  readonly factor?: number
  /** The position at which others would count, if any. */
  readonly end?: number
}

/** The fields of one rotary embedding. */
class Scaling {
  constructor(
    private readonly config: ConfigReader,
    readonly type: unknown,
    private readonly values: Fields,
  ) {}

  /** A number above 0. */
  number(name: string, fallback?: number): number {
    const value = this.values[name] ?? fallback
    if (typeof value === 'number' && value > 0 && Number.isFinite(value)) return value
    throw this.config.error(`rope scaling of type ${this.type} has no usable ${name}`)
  }

  /** The same where it is there and not 0, which HF takes for absent. */
  optional(name: string): number | undefined {
    return (this.values[name] ?? 0) === 0 ? undefined : this.number(name)
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.values[name] ?? fallback
    if (typeof value === 'boolean') return value
    throw this.config.error(`rope scaling of type ${this.type} has no usable ${name}`)
  }

  numbers(name: string, count: number): readonly number[] {
    const value = this.values[name]
    if (Array.isArray(value) && value.length === count && value.every((each) => each > 0)) return value
    throw this.config.error(
      `rope scaling of type ${this.type} has no usable ${name}: it needs ${count} numbers above 0`,
    )
  }

  /** How much longer a context is than the one that was trained first. */
  get factor(): number {
    return this.number('factor', this.config.integer('max_position_embeddings') / this.originalLength)
  }

  get originalLength(): number {
    return this.number('original_max_position_embeddings')
  }
}

/**
 * Inverse frequencies of a rotary embedding of `rotated` dimensions, in float32 as torch rounds them.
 * @throws UserError for a type that is not supported, and for fields that it lacks
 */
export function scaledFrequencies(
  config: ConfigReader,
  rotated: number,
  type: unknown,
  values: Fields,
): Frequencies {
  const { rope_theta: theta } = values
  const base = typeof theta === 'number' && theta > 0 ? theta : Number.NaN
  const plain = powers(base, rotated).map((power) => round(1 / power))
  if (!plain.every(Number.isFinite)) {
    throw config.error(`the base of the rotary embedding is ${JSON.stringify(theta)}`)
  }
  const scaling = new Scaling(config, type, values)
  if (type === 'default') return { frequencies: plain }
  if (type === 'linear') {
    return { frequencies: plain.map((frequency) => round(frequency / scaling.number('factor'))) }
  }
  if (type === 'llama3') return { frequencies: plain.map((frequency) => llama3(frequency, scaling)) }
  if (type === 'dynamic') return dynamic(plain, base, rotated, scaling)
  if (type === 'yarn') return yarn(base, rotated, scaling)
  if (type === 'longrope') return longrope(base, rotated, scaling)
  throw config.error(`rope scaling of type ${JSON.stringify(type)} is not supported`)
}

/** base^(2i / rotated). */
function powers(base: number, rotated: number): number[] {
  return Array.from({ length: rotated / 2 }, (_, i) => round(base ** round((2 * i) / rotated)))
}

/**
 * HF's `_compute_dynamic_ntk_parameters`, which leaves frequencies alone up to the context's length, where a text ends here; with an
 * `alpha` those of Hunyuan, base · alpha^(d / (d - 2)) (`compute_ntk_alpha_rope_parameters`).
 */
function dynamic(plain: readonly number[], base: number, rotated: number, scaling: Scaling): Frequencies {
  const alpha = scaling.optional('alpha')
  if (alpha === undefined) {
    scaling.number('factor')
    return { frequencies: plain }
  }
  const stretched = round(base * alpha ** (rotated / (rotated - 2)))
  return { frequencies: powers(stretched, rotated).map((power) => round(1 / power)) }
}

/**
 * YaRN (Peng et al. 2023, section 3.2; HF `_compute_yarn_parameters`): dimensions that turn often within the original length stay as
 * they are, those that turn seldom are stretched by the factor, and between them lies a ramp.
 */
function yarn(base: number, rotated: number, scaling: Scaling): Frequencies {
  const { factor, originalLength } = scaling
  /** The dimension that turns so often. */
  const dimension = (turns: number) =>
    (rotated * Math.log(originalLength / (turns * 2 * Math.PI))) / (2 * Math.log(base))
  const truncates = scaling.boolean('truncate', true)
  const first = dimension(scaling.optional('beta_fast') ?? 32)
  const last = dimension(scaling.optional('beta_slow') ?? 1)
  const low = Math.max(truncates ? Math.floor(first) : first, 0)
  const high = Math.min(truncates ? Math.ceil(last) : last, rotated - 1)
  const width = low === high ? 0.001 : high - low
  const frequencies = powers(base, rotated).map((power, i) => {
    const ramp = Math.min(Math.max(round(round(i - low) / width), 0), 1)
    const kept = round(1 - ramp)
    const stretched = round(round(1 / round(factor * power)) * round(1 - kept))
    return round(stretched + round(round(1 / power) * kept))
  })
  return { frequencies, factor: yarnAttentionFactor(factor, scaling) }
}

function yarnAttentionFactor(factor: number, scaling: Scaling): number {
  const given = scaling.optional('attention_factor')
  if (given !== undefined) return given
  const scale = (weight: number) => (factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1)
  const [mscale, ofAll] = [scaling.optional('mscale'), scaling.optional('mscale_all_dim')]
  return mscale !== undefined && ofAll !== undefined ? scale(mscale) / scale(ofAll) : scale(1)
}

/**
 * LongRoPE (Ding et al. 2024; HF `_compute_longrope_parameters`): a divisor for each frequency. Beyond the original length HF computes
 * everything anew with other divisors, keys that it has cached excepted: a text ends there.
 */
function longrope(base: number, rotated: number, scaling: Scaling): Frequencies {
  const { factor, originalLength } = scaling
  const divisors = scaling.numbers('short_factor', rotated / 2)
  scaling.numbers('long_factor', rotated / 2)
  return {
    frequencies: powers(base, rotated).map((power, i) => round(1 / round(round(divisors[i]) * power))),
    factor:
      scaling.optional('attention_factor') ??
      (factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(originalLength))),
    end: originalLength,
  }
}

/**
 * Llama 3.1's scaling: long wavelengths are stretched by `factor`, short ones are left alone, and those between
 * are interpolated (HF `_compute_llama3_parameters`, rounded where torch does: it divides a number by a tensor as
 * the number times the reciprocal).
 */
function llama3(frequency: number, scaling: Scaling): number {
  const factor = scaling.number('factor')
  const [low, high] = [scaling.number('low_freq_factor'), scaling.number('high_freq_factor')]
  const context = scaling.originalLength
  const wavelength = round(round(1 / frequency) * round(2 * Math.PI))
  if (wavelength > context / low) return round(frequency / factor)
  if (wavelength < context / high) return frequency
  const smooth = round(round(round(round(1 / wavelength) * context) - low) / (high - low))
  return round(round(round(round(1 - smooth) * frequency) / factor) + round(smooth * frequency))
}
