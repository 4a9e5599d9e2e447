import { UserError } from '../errors.js'

/** The families that there is a graph for, by HF's `model_type`. */
export const FAMILIES = { llama: 'Llama', qwen2: 'Qwen2', qwen3: 'Qwen3', gemma3_text: 'Gemma 3' } as const
export type Family = keyof typeof FAMILIES

/** Sizes above these are no model's: nothing is made of them before the weights have been looked at. */
const MOST: Readonly<Record<string, number>> = { num_hidden_layers: 10_000, head_dim: 65_536 }
const MOST_OF_OTHERS = 2 ** 31 - 1

/** What HF's configuration classes take for fields that a file leaves out, where files do. */
const DEFAULTS: Readonly<Record<Family, Readonly<Record<string, number>>>> = {
  llama: { max_position_embeddings: 2048 },
  qwen2: { num_key_value_heads: 32, max_position_embeddings: 32_768, sliding_window: 4096 },
  qwen3: {
    head_dim: 128,
    num_key_value_heads: 32,
    max_position_embeddings: 32_768,
    sliding_window: 4096,
  },
  gemma3_text: {
    vocab_size: 262_208,
    num_attention_heads: 8,
    num_key_value_heads: 4,
    head_dim: 256,
    max_position_embeddings: 131_072,
    sliding_window: 4096,
  },
}

/** Typed access to the fields of a config.json, with messages that name field and file. */
export class ConfigReader {
  readonly family: Family

  /** @throws UserError for another architecture than those that there is a graph for */
  constructor(
    readonly values: Readonly<Record<string, unknown>>,
    private readonly origin: string,
  ) {
    const { model_type: type } = values
    if (!isFamily(type)) throw notSupported(values, origin)
    this.family = type
  }

  /**
   * A positive integer; a field that the file does not have is what HF's configuration class takes.
   * @param fallback where it is null, or there is no such default
   */
  integer(name: string, fallback?: number): number {
    const absent = this.values[name] === undefined ? DEFAULTS[this.family][name] : undefined
    const value = this.number(name, absent ?? fallback)
    const most = MOST[name] ?? MOST_OF_OTHERS
    if (Number.isSafeInteger(value) && value > 0 && value <= most) return value
    const wanted =
      value > most ? `and at most ${most.toLocaleString('en')} is read` : 'not a positive integer'
    throw this.error(`${name} is ${JSON.stringify(value)}, ${wanted}`)
  }

  number(name: string, fallback?: number): number {
    const value = this.values[name] ?? fallback
    if (typeof value === 'number' && Number.isFinite(value)) return value
    if (value === undefined) throw this.error(`${name} is missing`)
    throw this.error(`${name} is ${JSON.stringify(value)}, not a number`)
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.values[name] ?? fallback
    if (typeof value === 'boolean') return value
    throw this.error(`${name} is ${JSON.stringify(value)}, not true or false`)
  }

  error(fault: string): UserError {
    return new UserError(`The model cannot be built from ${this.origin}: ${fault}.`)
  }
}

function isFamily(type: unknown): type is Family {
  return typeof type === 'string' && Object.hasOwn(FAMILIES, type)
}

/** Classes of transformers, by what a config.json's `architectures` says. */
const CLASSES: Readonly<Record<string, Family>> = {
  LlamaForCausalLM: 'llama',
  Qwen2ForCausalLM: 'qwen2',
  Qwen3ForCausalLM: 'qwen3',
  Gemma3ForCausalLM: 'gemma3_text',
}

function notSupported(values: Readonly<Record<string, unknown>>, origin: string): UserError {
  const { model_type: type, architectures } = values
  const name: unknown = Array.isArray(architectures) ? architectures[0] : undefined
  if (type === undefined || type === null) {
    const ofName = typeof name === 'string' && Object.hasOwn(CLASSES, name) ? CLASSES[name] : undefined
    const advice = ofName ? `${JSON.stringify(ofName)}, for its ${name}` : 'as transformers writes it'
    return new UserError(`${origin} has no model_type, which names the architecture: add it, ${advice}.`)
  }
  if (type === 'gemma3') {
    return new UserError(
      `${origin} is of a Gemma 3 with images ("gemma3"), which is not supported: use its text model alone, of the model_type "gemma3_text", or as a GGUF file.`,
    )
  }
  const named = [type, name].filter((part) => part !== undefined).map((part) => JSON.stringify(part))
  return new UserError(
    `${origin} is of the architecture ${named.join(', ')}, which is not supported: ` +
      `use a model of ${Object.values(FAMILIES).join(', ')}.`,
  )
}
