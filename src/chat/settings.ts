import {
  type ConfigLayer,
  checkLayers,
  fieldMeta,
  fieldsOf,
  type GenerationField,
  generationConfigSchema,
  parseValue,
  type ResolvedConfig,
  resolveGenerationConfig,
} from '../config/index.js'
import { withLanguageFiles } from '../config/language-files.js'
import { generationMode } from '../config/mode.js'
import { usageError } from '../errors.js'
import type { ChatStrategy } from './strategies.js'

/** Fields of GenerationConfig that the user has set. */
export type Settings = Readonly<Record<string, unknown>>

/** Fields that a chat has no place for: it shows one text. */
export const EXCLUDED_FIELDS: readonly GenerationField[] = ['num_return_sequences', ...fieldsOf('output')]

const SETTINGS = 'the settings of the chat'
const STRATEGY = 'the strategy'

/** Most tokens of an answer where neither the user nor the model's author says so: HF's 20 are no answer. */
const ANSWER_LENGTH = 512

/** The model author's settings, with an answer's length. */
export function withAnswerLength(own: ConfigLayer): ConfigLayer {
  const isSet = (own.values.max_new_tokens ?? own.values.max_length ?? undefined) !== undefined
  return isSet ? own : { ...own, values: { ...own.values, max_new_tokens: ANSWER_LENGTH } }
}

/** What stands over the model author's settings: the user's, around them what the strategy stands for. */
function layersOf(settings: Settings, { defaults, fixed, idle }: ChatStrategy): ConfigLayer[] {
  const isEffective = ([name]: [string, unknown]) => !(idle as readonly string[]).includes(name)
  const effective = Object.fromEntries(Object.entries(settings).filter(isEffective))
  return [
    { values: defaults, origin: STRATEGY, isShared: true },
    { values: effective, origin: SETTINGS },
    { values: fixed, origin: STRATEGY, isShared: true },
  ]
}

export interface CheckedSettings {
  readonly resolved: ResolvedConfig
  /** Sentences about settings that have no effect. */
  readonly notes: readonly string[]
}

/**
 * Checks settings under a strategy.
 * @throws UserError, exit code 2, for what is no setting or out of its range, for contradictions, and for what asks for another
 *   strategy
 */
export function checkChatSettings(
  own: ConfigLayer,
  settings: Settings,
  strategy: ChatStrategy,
): CheckedSettings {
  const excluded = EXCLUDED_FIELDS.find((name) => (settings[name] ?? false) !== false)
  if (excluded) throw usageError(`${excluded} has no place in a chat, which shows one text: leave it out.`)
  const layers = layersOf(settings, strategy)
  const resolved = resolveGenerationConfig(own, ...layers)
  const { config, warnings, notices } = resolved
  const { name, isAssisted, idle } = strategy
  const mode = generationMode(config, isAssisted)
  const { modes = [mode] } = strategy
  if (!modes.includes(mode)) {
    throw usageError(`The settings ask for ${mode}, but the strategy ${name} is for ${modes.join(', ')}.`)
  }
  const laidAside = idle
    .filter((field) => settings[field] !== undefined)
    .map((field) => `${field} has no effect under the strategy ${name}.`)
  return { resolved, notes: [...warnings, ...laidAside, ...notices] }
}

/** @throws UserError, exit code 2, for what is no field of GenerationConfig */
export function requireField(name: string): void {
  if (Object.hasOwn(generationConfigSchema.shape, name)) return
  checkLayers({ values: { [name]: true }, origin: '/set' })
}

/** Words that end a schema; none of them is a schema that one would want. */
const NO_SCHEMA = ['off', 'none', 'null']

/**
 * The value of a field from text, or from the file that it names; undefined for `default`, and for a schema that ends.
 * @throws UserError as `withLanguageFiles`, and exit code 2 for an unknown field and for text that is no value of it
 */
export async function settingFromText(field: string, text: string): Promise<unknown> {
  requireField(field)
  if (text === 'default' || (field === 'schema' && NO_SCHEMA.includes(text))) return undefined
  const { kind } = fieldMeta(field as GenerationField)
  const { [field]: value } = await withLanguageFiles({ [field]: parseValue(kind, text, field) }, String)
  checkLayers({ values: { [field]: value }, origin: '/set' })
  return value
}
