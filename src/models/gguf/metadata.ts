import { UserError } from '../../errors.js'

/** The key of the epsilon of a model that has LayerNorm and not RMSNorm. */
export const LAYER_NORM_EPSILON = 'attention.layer_norm_epsilon'

export type Metadata = ReadonlyMap<string, unknown>

/** Typed access to metadata whose keys begin with one name, mostly that of an architecture. */
export class MetadataReader {
  constructor(
    private readonly metadata: Metadata,
    private readonly prefix: string,
  ) {}

  get(key: string): unknown {
    return this.metadata.get(`${this.prefix}.${key}`)
  }

  /**
   * Files that have a number for each layer are read where all are the same.
   * @throws UserError for what is no number, and for layers that differ
   */
  number(key: string): number | undefined {
    const value = this.get(key)
    if (value === undefined || typeof value === 'number') return value
    const numbers = listOf(value)
    if (typeof numbers?.[0] === 'number' && numbers.every((each) => each === numbers[0])) return numbers[0]
    const fault = typeof numbers?.[0] === 'number' ? 'differs from layer to layer' : 'is not a number'
    throw new UserError(
      `The GGUF metadata's ${this.prefix}.${key} ${fault}: the model is of an unsupported kind.`,
    )
  }

  /** A number for each layer; undefined where the file has none, or one for all. */
  numbers(key: string): number[] | undefined {
    const numbers = listOf(this.get(key))
    return numbers?.every((each) => typeof each === 'number') ? (numbers as number[]) : undefined
  }

  /** @throws UserError for what is missing, or not above 0 */
  required(key: string): number {
    const value = this.number(key)
    if (value !== undefined && value > 0) return value
    throw new UserError(`The GGUF metadata has no usable ${this.prefix}.${key}: convert the model again.`)
  }

  /** A flag for each layer; undefined where the file has none, or a number instead. */
  flags(key: string): boolean[] | undefined {
    const flags = listOf(this.get(key))
    return flags?.every((flag) => typeof flag === 'boolean') ? (flags as boolean[]) : undefined
  }

  /**
   * @param serves keys that are served where others' are not; `slides` and `experts`, whether a sliding window and experts are
   * @throws UserError, by the key's name, for a model that computes more than its architecture's usual ones
   */
  refuseUnserved({
    slides,
    experts,
    serves = [],
  }: {
    slides?: boolean
    experts?: boolean
    serves?: readonly string[]
  }): void {
    for (const key of Object.keys(UNSERVED)) {
      const value = this.get(key)
      if (value !== undefined && !isServedKey(key, value, { experts, serves }))
        throw this.notSupported(key, value)
    }
    const window = this.get('attention.sliding_window')
    const context = this.get('context_length')
    if (slides || typeof window !== 'number' || window === 0) return
    if (typeof context === 'number' && window >= context) return
    throw this.notSupported('attention.sliding_window', window, ` for ${this.prefix}`)
  }

  notSupported(key: string, value: unknown, where = ''): UserError {
    const printed = typeof value === 'bigint' ? String(value) : JSON.stringify(listOf(value) ?? value)
    return new UserError(
      `The GGUF metadata's ${this.prefix}.${key} is ${printed}, which is not supported${where}: use another model.`,
    )
  }
}

function listOf(value: unknown): unknown[] | undefined {
  if (Array.isArray(value)) return value
  return ArrayBuffer.isView(value) ? Array.from(value as Float64Array) : undefined
}

/** Whether a key means what it says in an architecture, or its value changes nothing. */
export function isServedKey(
  key: string,
  value: unknown,
  { experts, serves = [] }: { experts?: boolean; serves?: readonly string[] },
): boolean {
  if (!Object.hasOwn(UNSERVED, key) || UNSERVED[key].includes(value) || serves.includes(key)) return true
  return experts === true && EXPERT_KEYS.includes(key)
}

/** Keys that an architecture with experts serves. */
const EXPERT_KEYS = ['expert_count', 'expert_used_count', 'expert_weights_norm']

/** Keys of an architecture that change what a model computes and are not served, with the values that change nothing. */
const UNSERVED: Readonly<Record<string, readonly unknown[]>> = {
  'attention.causal': [true],
  'attention.clamp_kqv': [0],
  'attention.kv_lora_rank': [0],
  'attention.max_alibi_bias': [0],
  'attention.output_scale': [0, 1],
  'attention.q_lora_rank': [0],
  'attention.scale': [0],
  'attention.shared_kv_layers': [0],
  'attention.temperature_scale': [0],
  attn_logit_softcapping: [0],
  embedding_scale: [0, 1],
  expert_count: [0],
  expert_gating_func: [0, 1],
  expert_group_count: [0, 1],
  expert_shared_count: [0],
  expert_used_count: [0],
  expert_weights_norm: [],
  expert_weights_scale: [0, 1],
  final_logit_softcapping: [0],
  leading_dense_block_count: [0],
  logit_scale: [0, 1],
  nextn_predict_layers: [0],
  residual_scale: [0, 1],
  'rope.dimension_sections': [],
  'rope.scaling.alpha': [0, 1],
  'rope.scaling.yarn_ext_factor': [-1, 1],
  'rope.scaling.yarn_log_multiplier': [0],
  use_parallel_residual: [false],
}
