import { UserError } from '../errors.js'
import { isJsonObject } from '../json.js'
import type { Fields } from './config-reader.js'
import { modulePattern } from './module-pattern.js'

/** PEFT's LoraConfig, as far as an adapter that is applied depends on it. */
export interface AdapterConfig {
  /** `base_model_name_or_path`, a hub id with its `revision`; undefined where there is none. */
  readonly base: string | undefined
  /** α / r, or α / √r with `use_rslora`, of a module by its HF name. */
  scaleOf(module: string): number
  rankOf(module: string): number
  /** Whether the configuration has the module adapted; where `target_modules` is a regular expression, tensors alone say so. */
  isTarget(module: string): boolean
  /** Whether the module was trained whole, so that what it shares with others stays theirs. */
  isSaved(module: string): boolean
  /** `use_dora`. */
  readonly hasMagnitudes: boolean
  /** `lora_bias`. */
  readonly hasBiases: boolean
  /** `ensure_weight_tying`. */
  readonly keepsTies: boolean
}

/** Fields that are read. */
const READ = [
  ...['peft_type', 'base_model_name_or_path', 'revision', 'r', 'lora_alpha', 'rank_pattern', 'alpha_pattern'],
  ...['use_rslora', 'use_dora', 'lora_bias', 'bias', 'target_modules', 'exclude_modules', 'modules_to_save'],
  ...['layers_to_transform', 'layers_pattern', 'init_lora_weights', 'ensure_weight_tying'],
]

/**
 * Fields that change no result once an adapter is trained. PEFT sets `fan_in_fan_out` itself: to true for `Conv1D`, whose weights
 * are [in, out], and to false for nn.Linear.
 */
const WITHOUT_EFFECT = [
  ...['task_type', 'auto_mapping', 'peft_version', 'inference_mode', 'lora_dropout', 'fan_in_fan_out'],
  ...['megatron_core', 'qalora_group_size', 'runtime_config', 'loftq_config', 'eva_config', 'corda_config'],
  ...['lora_ga_config', 'velora_config'],
]

/** Values of `init_lora_weights` that leave the base model as it is; the others take something from its weights. */
const INITS: readonly unknown[] = [true, false, 'gaussian', 'orthogonal', 'eva']

const MOST_RANK = 65_536

/**
 * Reads an adapter_config.json of PEFT (0.21).
 * @param origin its path, for messages
 * @throws UserError for another kind of adapter, and for a field that changes the result and is not served, by its name
 */
export function adapterConfig(fields: Fields, origin: string): AdapterConfig {
  const reader = new AdapterReader(fields, origin)
  reader.refuseUnserved()
  const rank = reader.number('r', 8)
  const alpha = reader.number('lora_alpha', 8)
  if (!isRank(rank)) throw reader.error(`r is ${rank}, not an integer from 1 to ${MOST_RANK}`)
  const ranks = reader.patterns('rank_pattern')
  const alphas = reader.patterns('alpha_pattern')
  const wrong = [...ranks.values()].find((value) => !isRank(value))
  if (wrong !== undefined) throw reader.error(`rank_pattern has the rank ${wrong}`)
  const isRootScaled = reader.flag('use_rslora')
  const saved = reader.names('modules_to_save') ?? []
  const isIn = reader.targets()
  const rankOf = (module: string) => matching(ranks, module) ?? rank
  return {
    base: reader.base(),
    rankOf,
    scaleOf: (module) => {
      const divisor = isRootScaled ? Math.sqrt(rankOf(module)) : rankOf(module)
      return (matching(alphas, module) ?? alpha) / divisor
    },
    isTarget: isIn,
    isSaved: (module) => saved.some((name) => module.endsWith(name)),
    hasMagnitudes: reader.flag('use_dora'),
    hasBiases: reader.flag('lora_bias'),
    keepsTies: reader.flag('ensure_weight_tying'),
  }
}

function isRank(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= MOST_RANK
}

/** The value of the first pattern that is a module's name, or an end of it after a dot, as PEFT's `get_pattern_key`. */
function matching(patterns: ReadonlyMap<RegExp, number>, module: string): number | undefined {
  return [...patterns].find(([pattern]) => pattern.test(module))?.[1]
}

/** Typed access to the fields, with messages that name field and file. */
class AdapterReader {
  constructor(
    private readonly fields: Fields,
    private readonly origin: string,
  ) {}

  error(fault: string, remedy = "merge it into its base model (PEFT's merge_and_unload)"): UserError {
    return new UserError(`The adapter of ${this.origin} cannot be applied: ${fault}; ${remedy}.`)
  }

  refuseUnserved(): void {
    const { peft_type: type, init_lora_weights: init = true, bias = 'none' } = this.fields
    if (typeof type !== 'string') throw this.error('it names no peft_type', "save it as PEFT's LoRA")
    if (type !== 'LORA')
      throw this.error(`its peft_type is ${JSON.stringify(type)}, and LORA alone is served`)
    for (const [name, value] of Object.entries(this.fields)) {
      if (READ.includes(name) || WITHOUT_EFFECT.includes(name) || isNeutral(value)) continue
      throw this.error(`${name} is ${JSON.stringify(value)}, which is not supported`)
    }
    if (!INITS.includes(init ?? true)) {
      throw this.error(
        `init_lora_weights is ${JSON.stringify(init)}, which changes the base model as well`,
        "save it with PEFT's path_initial_model_for_weight_conversion",
      )
    }
    if (!['none', 'all', 'lora_only'].includes(String(bias))) {
      throw this.error(`bias is ${JSON.stringify(bias)}, not none, all or lora_only`)
    }
  }

  base(): string | undefined {
    const { base_model_name_or_path: base, revision } = this.fields
    if (typeof base !== 'string' || base === '') return undefined
    return typeof revision === 'string' && revision !== '' && !base.includes('@')
      ? `${base}@${revision}`
      : base
  }

  number(name: string, fallback: number): number {
    const value = this.fields[name] ?? fallback
    if (typeof value === 'number' && Number.isFinite(value)) return value
    throw this.error(`${name} is ${JSON.stringify(value)}, not a number`)
  }

  flag(name: string): boolean {
    const value = this.fields[name] ?? false
    if (typeof value === 'boolean') return value
    throw this.error(`${name} is ${JSON.stringify(value)}, not true or false`)
  }

  /** A list of names; one alone may stand for its list, and nothing is undefined. */
  names(name: string): string[] | undefined {
    const value = this.fields[name] ?? undefined
    if (value === undefined) return undefined
    const list: unknown[] = Array.isArray(value) ? value : [value]
    if (list.every((each) => typeof each === 'string')) return list
    throw this.error(`${name} is ${JSON.stringify(value)}, not a list of names`)
  }

  patterns(name: string): Map<RegExp, number> {
    const value = this.fields[name] ?? {}
    if (!isJsonObject(value)) throw this.error(`${name} is ${JSON.stringify(value)}, not an object`)
    return new Map(
      Object.entries(value).map(([pattern, number]) => {
        if (typeof number !== 'number' || !Number.isFinite(number)) {
          throw this.error(`${name} has ${JSON.stringify(number)} for ${pattern}, not a number`)
        }
        const readable = modulePattern(pattern)
        if (readable) return [readable, number]
        throw this.error(`${name} has the pattern ${JSON.stringify(pattern)}, which is not supported`)
      }),
    )
  }

  /** PEFT's `check_target_module_exists`. */
  targets(): (module: string) => boolean {
    const { target_modules: targets, exclude_modules: excluded } = this.fields
    if (typeof excluded === 'string') {
      throw this.error(`exclude_modules is the regular expression ${JSON.stringify(excluded)}`)
    }
    const outside = this.names('exclude_modules') ?? []
    const isNamed = (module: string, names: readonly string[]) =>
      names.some((name) => `.${module}`.endsWith(`.${name}`))
    if (typeof targets === 'string') return (module) => !isNamed(module, outside)
    const inside = this.names('target_modules')
    const isLayer = this.layers()
    return (module) =>
      (inside === undefined || isNamed(module, inside)) && !isNamed(module, outside) && isLayer(module)
  }

  /** Which layers are adapted: `layers_to_transform`, of the lists that `layers_pattern` names. */
  private layers(): (module: string) => boolean {
    const value = this.fields.layers_to_transform ?? []
    const layers: unknown[] = Array.isArray(value) ? value : [value]
    if (!layers.every(Number.isInteger)) {
      throw this.error(`layers_to_transform is ${JSON.stringify(value)}, not a list of layers`)
    }
    if (layers.length === 0) return () => true
    const lists = (this.names('layers_pattern') ?? []).filter(Boolean)
    const other = lists.find((name) => !/^\w+$/.test(name))
    if (other !== undefined) throw this.error(`layers_pattern has ${JSON.stringify(other)}, no plain name`)
    return (module) => {
      const [, list, index] = /\.(\w+)\.(\d+)\./.exec(`.${module}`) ?? []
      return (lists.length === 0 || lists.includes(list)) && layers.includes(Number(index))
    }
  }
}

function isNeutral(value: unknown): boolean {
  if (value === null || value === false) return true
  return typeof value === 'object' && Object.keys(value).length === 0
}
