import { type Command, Flags } from '@oclif/core'
import {
  type FieldKind,
  fieldMeta,
  type GenerationField,
  generationConfigSchema,
  isServed,
  parseValue,
} from '../../config/index.js'

type FlagInput = Command.Class['flags']

const fields = Object.keys(generationConfigSchema.shape) as GenerationField[]

/** Flags whose name is not the field's own, beside it. */
const aliases: Partial<Record<GenerationField, string[]>> = {
  stop_strings: ['stop'],
  // llama.cpp's.
  dry_sequence_breakers: ['dry-sequence-breaker'],
  top_n_sigma: ['top-nsigma'],
  mirostat_tau: ['mirostat-ent'],
  mirostat_eta: ['mirostat-lr'],
  dynatemp_exponent: ['dynatemp-exp'],
  suppress_words: ['suppress'],
  begin_suppress_words: ['begin-suppress'],
  eos_token: ['eos'],
  enable_thinking: ['thinking'],
}

/**
 * A flag for every field of the GenerationConfig, its name in kebab case. Those of modes that are not served are
 * hidden: they are parsed so that the answer can say why.
 * @param excluded fields that the command sets itself
 */
export function configFlags(excluded: readonly GenerationField[] = []): FlagInput {
  const shown = fields.filter((field) => !excluded.includes(field))
  return Object.fromEntries(shown.map((field) => [flagName(field), configFlag(field)]))
}

/** The fields that were set by flags. */
export function configFromFlags(flags: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const set = fields.filter((field) => flags[flagName(field)] !== undefined)
  return Object.fromEntries(set.map((field) => [field, flags[flagName(field)]]))
}

function flagName(field: GenerationField): string {
  return field.replaceAll('_', '-')
}

function configFlag(field: GenerationField) {
  const { kind, description, group } = fieldMeta(field)
  const short = aliases[field] ?? []
  const common = {
    description: [description, ...short.map((alias) => `--${alias} for short`)].join('; '),
    helpGroup: group.toUpperCase(),
    hidden: !isServed(field),
    aliases: short,
  }
  if (kind === 'boolean') return Flags.boolean({ ...common, allowNo: true })
  if (kind === 'strings') {
    return Flags.string({ ...common, helpValue: helpValues.strings, multiple: true, multipleNonGreedy: true })
  }
  return Flags.custom<unknown>({
    ...common,
    helpValue: ownHelpValues[field] ?? helpValues[kind],
    parse: async (text) => parseValue(kind, text, `--${flagName(field)}`),
  })()
}

const helpValues: Readonly<Record<FieldKind, string>> = {
  boolean: '',
  integer: 'N',
  number: 'X',
  string: 'NAME',
  integers: 'N,N',
  strings: 'TEXT',
  json: 'JSON',
}

const ownHelpValues: Partial<Record<GenerationField, string>> = {
  schema: 'FILE|JSON|FIELDS',
  regex: 'REGEX',
  grammar: 'FILE|TEXT',
}
