import type { ConfigReader } from './spec.js'

const round = Math.fround

interface RopeParameters {
  readonly theta: number
  readonly type: string
  readonly values: Readonly<Record<string, unknown>>
}

/**
 * Inverse frequencies of the rotary embedding, [headDim / 2], computed in float32 as HF's ROPE_INIT_FUNCTIONS do:
 * types default, linear and llama3. GGUF files hold Llama 3's scaling as divisors, `rope_freq_factors`.
 * @throws UserError for another type, by name.
 */
export function inverseFrequencies(
  config: ConfigReader,
  kind: 'full' | 'sliding',
  headDim: number,
): number[] {
  const { theta, type, values } = ropeParameters(config, kind)
  const plain = Array.from({ length: headDim / 2 }, (_, i) =>
    round(1 / round(theta ** round((2 * i) / headDim))),
  )
  const factors = config.values.rope_freq_factors
  if (Array.isArray(factors)) return plain.map((frequency, i) => round(frequency / factors[i]))
  const number = (name: string) => {
    const value = values[name]
    if (typeof value === 'number' && value > 0) return value
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

/** transformers 5 has `rope_parameters` (Gemma: one by kind of layer), 4 has `rope_theta` and `rope_scaling`. */
function ropeParameters(config: ConfigReader, kind: 'full' | 'sliding'): RopeParameters {
  const usual = kind === 'full' && config.family() === 'gemma3_text' ? 1_000_000 : 10_000
  const { rope_parameters: unified, rope_scaling: scaling } = config.values
  if (isRecord(unified)) {
    const nested = unified[`${kind}_attention`]
    const values = isRecord(nested) ? nested : unified
    return { theta: theta(config, values.rope_theta ?? usual), type: ropeType(values), values }
  }
  if (kind === 'sliding') {
    return { theta: theta(config, config.values.rope_local_base_freq ?? usual), type: 'default', values: {} }
  }
  const values = isRecord(scaling) ? scaling : {}
  return { theta: theta(config, config.values.rope_theta ?? usual), type: ropeType(values), values }
}

function theta(config: ConfigReader, value: unknown): number {
  if (typeof value === 'number' && value > 0) return value
  throw config.error(`the base of the rotary embedding is ${JSON.stringify(value)}`)
}

/** Old files say `type`. */
function ropeType(values: Readonly<Record<string, unknown>>): string {
  return String(values.rope_type ?? values.type ?? 'default')
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
  if (wavelength < context / high) return frequency
  const stretched = round(frequency / factor)
  if (wavelength > context / low) return stretched
  const smooth = round(round(round(round(1 / wavelength) * context) - low) / (high - low))
  return round(round(round(round(1 - smooth) * frequency) / factor) + round(smooth * frequency))
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
