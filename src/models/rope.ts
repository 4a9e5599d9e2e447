import type { ConfigReader, Fields } from './config-reader.js'
import type { DecoderSpec } from './spec.js'

const round = Math.fround

/**
 * One rotary embedding for all layers, as transformers 5.24 reads its fields (`convert_rope_params_to_dict`): `rope_scaling`, of
 * transformers 4, goes before `rope_parameters`, of 5, where it is not empty; a theta in the one that counts goes before
 * `rope_theta`. Llama 3's scaling starts from the context's length, which HF looks for in three places.
 */
export function sharedRope(config: ConfigReader, headDim: number): DecoderSpec['rope'] {
  const { rope_theta, rope_freq_factors, original_max_position_embeddings: length } = config.values
  const scaling = config.object('rope_scaling')
  const values = scaling && Object.keys(scaling).length > 0 ? scaling : config.object('rope_parameters')
  for (const kind of ['full_attention', 'sliding_attention']) {
    if (values && kind in values)
      throw config.error(`rope_parameters has ${kind}, which is read for Gemma 3 only`)
  }
  const frequencies = inverseFrequencies(config, headDim, {
    ...values,
    rope_theta: values?.rope_theta ?? rope_theta ?? 10_000,
    original_max_position_embeddings:
      length ?? values?.original_max_position_embeddings ?? config.integer('max_position_embeddings'),
    rope_freq_factors,
  })
  return { full: frequencies, sliding: frequencies }
}

/**
 * Inverse frequencies of the rotary embedding, [headDim / 2], computed in float32 as HF's ROPE_INIT_FUNCTIONS do:
 * types default, linear and llama3. GGUF files hold Llama 3's scaling as divisors, `rope_freq_factors`.
 * @throws UserError for another type, by name, and fields that contradict each other
 */
export function inverseFrequencies(config: ConfigReader, headDim: number, values: Fields): number[] {
  for (const partial of [values.partial_rotary_factor, config.values.partial_rotary_factor]) {
    if ((partial ?? 1) !== 1) {
      throw config.error(`partial_rotary_factor is ${JSON.stringify(partial)}, which is not supported`)
    }
  }
  const type = values.rope_type ?? values.type ?? 'default'
  // transformers would take rope_type, which for Gemma 3 may be its own default.
  if ((values.type ?? type) !== type) {
    const [chosen, old] = [type, values.type].map((each) => JSON.stringify(each))
    throw config.error(`rope scaling has the rope_type ${chosen} and the type ${old}: leave one`)
  }
  const { rope_theta: theta, rope_freq_factors: factors } = values
  const base = typeof theta === 'number' && theta > 0 ? theta : Number.NaN
  const plain = Array.from({ length: headDim / 2 }, (_, i) =>
    round(1 / round(base ** round((2 * i) / headDim))),
  )
  if (!plain.every(Number.isFinite)) {
    throw config.error(`the base of the rotary embedding is ${JSON.stringify(theta)}`)
  }
  const scaled = scaledFrequencies(config, plain, type, values)
  if (factors === undefined) return scaled
  if (!Array.isArray(factors) || factors.length !== plain.length || !factors.every((each) => each > 0)) {
    throw config.error(`the factors of the rotary frequencies are not ${plain.length} numbers above 0`)
  }
  return scaled.map((frequency, i) => round(frequency / factors[i]))
}

function scaledFrequencies(config: ConfigReader, plain: number[], type: unknown, values: Fields): number[] {
  const number = (name: string) => {
    const value = values[name]
    if (typeof value === 'number' && value > 0 && Number.isFinite(value)) return value
    throw config.error(`rope scaling of type ${type} has no usable ${name}`)
  }
  if (type === 'default') return plain
  if (type === 'linear') return plain.map((frequency) => round(frequency / number('factor')))
  if (type === 'llama3') return plain.map((frequency) => llama3(frequency, number))
  throw config.error(`rope scaling of type ${JSON.stringify(type)} is not supported`)
}

/**
 * Cosines and sines of position · frequency, [positions, headDim / 2] each, times `scale`. The angle is rounded to
 * float32 before, as HF does.
 */
export function rotaryTables(
  frequencies: readonly number[],
  positions: ArrayLike<number>,
  scale: number,
): { cos: Float32Array; sin: Float32Array } {
  const width = frequencies.length
  const cos = new Float32Array(positions.length * width)
  const sin = new Float32Array(positions.length * width)
  for (let i = 0; i < cos.length; i++) {
    const angle = round(positions[Math.floor(i / width)] * frequencies[i % width])
    cos[i] = Math.cos(angle) * scale
    sin[i] = Math.sin(angle) * scale
  }
  return { cos, sin }
}

/**
 * Llama 3.1's scaling: long wavelengths are stretched by `factor`, short ones are left alone, and those between
 * are interpolated (HF `_compute_llama3_parameters`, rounded where torch does: it divides a number by a tensor as
 * the number times the reciprocal).
 */
function llama3(frequency: number, number: (name: string) => number): number {
  const [factor, low, high] = [number('factor'), number('low_freq_factor'), number('high_freq_factor')]
  const context = number('original_max_position_embeddings')
  const wavelength = round(round(1 / frequency) * round(2 * Math.PI))
  if (wavelength > context / low) return round(frequency / factor)
  if (wavelength < context / high) return frequency
  const smooth = round(round(round(round(1 / wavelength) * context) - low) / (high - low))
  return round(round(round(round(1 - smooth) * frequency) / factor) + round(smooth * frequency))
}

/**
 * The base of inverse frequencies whose first two are not scaled, or alike: 1 / base^(2 / headDim) lies between them. They are
 * rounded to float32, so that a base that is nearly a whole number is that.
 */
export function ropeBase(frequencies: readonly number[]): number {
  if (frequencies.length < 2) return 10_000
  const base = (frequencies[0] / frequencies[1]) ** frequencies.length
  const whole = Math.round(base)
  return Math.abs(base / whole - 1) < 1e-4 ? whole : base
}
