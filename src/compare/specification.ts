import {
  checkLayers,
  fieldMeta,
  type GenerationField,
  generationConfigSchema,
  parseValue,
} from '../config/index.js'
import { withLanguageFiles } from '../config/language-files.js'
import type { OwnField } from '../drafting/table.js'
import { usageError } from '../errors.js'
import { KINDS, type KindName } from './kinds.js'

type Values = Readonly<Record<string, unknown>>

/** Fields that are every kind's own. */
const COMMON: Readonly<Record<string, OwnField>> = {
  amateur_model: { kind: 'string' },
}

/** A strategy to be compared. */
export interface Specification {
  /** What tells it from the others; by default its text. */
  readonly name: string
  /** As it would be written on the command line: `beam:num_beams=4`. */
  readonly text: string
  readonly kind: KindName
  /** GenerationConfig fields. */
  readonly settings: Values
  /** Fields of the kind's own: where its files are, and how much it drafts. */
  readonly own: Values
}

/** A kind, for some a file, and fields; a comma belongs to a value unless a field's name follows it. */
const TEXT = /^([\w-]+)(?:=(.+?))?(?::(\w+=.*))?$/s
const BETWEEN_FIELDS = /,(?=\w+=)/

/**
 * Reads `kind[:field=value,field=value…]`, and `custom=FILE`; the field `name` gives it another name than its text.
 * @throws UserError, exit code 2, for text of another form, and as `specificationOf`
 */
export function parseSpecification(text: string): Specification {
  const [, kind, file, rest] = TEXT.exec(text) ?? []
  if (kind === undefined) {
    throw usageError(
      `${JSON.stringify(text)} is no strategy: write kind:field=value, such as beam:num_beams=4.`,
    )
  }
  if (file !== undefined && kind !== 'custom') {
    throw usageError(
      `${JSON.stringify(text)} is no strategy: write ${kind}:field=value, as only custom has =FILE.`,
    )
  }
  const texts = (rest?.split(BETWEEN_FIELDS) ?? []).map((item): [string, string] => {
    const at = item.indexOf('=')
    return [item.slice(0, at), item.slice(at + 1)]
  })
  if (file !== undefined) texts.push(['file', file])
  const known = kindOf(kind, text)
  const { name, ...values } = valuesOf(texts, known, text)
  return checked({ name: name as string | undefined, text, kind: known, values })
}

/** @throws UserError, exit code 2, for an unknown field, for a value of another kind, and for two of a field that has one */
function valuesOf(texts: readonly (readonly [string, string])[], kind: KindName, origin: string): Values {
  const values = new Map<string, unknown>()
  for (const [field, text] of texts) {
    const known = field === 'name' ? ({ kind: 'string' } as const) : requireField(field, kind, origin)
    const value = parseValue(known.kind, text, `${field} in ${origin}`)
    if (values.has(field) && known.kind !== 'strings') {
      throw usageError(`${field} is there twice in ${origin}: leave one of them out.`)
    }
    values.set(field, values.has(field) ? [values.get(field), value].flat() : value)
  }
  return Object.fromEntries(values)
}

/**
 * A specification from a file: `kind`, perhaps `name`, and fields.
 * @param origin of the entry, for messages
 * @throws UserError, exit code 2, for an unknown kind or field, and for values that a field cannot have
 */
export function specificationOf(entry: Values, origin: string): Specification {
  const { kind, name, ...values } = entry
  if (typeof kind !== 'string') {
    throw usageError(`${origin} has no kind: give one of ${Object.keys(KINDS).join(', ')}.`)
  }
  if (name !== undefined && (typeof name !== 'string' || name === '')) {
    throw usageError(`The name in ${origin} is ${JSON.stringify(name)}: give a text.`)
  }
  const known = kindOf(kind, origin)
  for (const field of Object.keys(values)) requireField(field, known, origin)
  return checked({ name, text: textOf(known, values), kind: known, values })
}

/** A specification with the text of the files that its settings name. @throws UserError as `withLanguageFiles` */
export async function withFilesRead(specification: Specification): Promise<Specification> {
  const { settings, text } = specification
  return { ...specification, settings: await withLanguageFiles(settings, (field) => `${field} in ${text}`) }
}

/** @throws UserError, exit code 2, for two strategies of a name */
export function requireDistinctNames(specifications: readonly Specification[]): void {
  const names = specifications.map(({ name }) => name)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice === undefined) return
  throw usageError(
    `There are two strategies with the name ${twice}: name one of them, as in greedy:name=other.`,
  )
}

interface Parts {
  readonly name?: string
  readonly text: string
  readonly kind: KindName
  readonly values: Values
}

function checked({ name, text, kind, values }: Parts): Specification {
  const own = ownFields(kind)
  const isOwn = (field: string) => Object.hasOwn(own, field)
  const settings = pick(values, (field) => !isOwn(field))
  checkLayers({ values: settings, origin: text })
  const ownValues = pick(values, isOwn)
  for (const [field, value] of Object.entries(ownValues))
    requireValue(own[field], value, `${field} in ${text}`)
  requireWhole(kind, ownValues, settings, text)
  return { name: name ?? text, text, kind, settings, own: ownValues }
}

function kindOf(kind: string, origin: string): KindName {
  if (Object.hasOwn(KINDS, kind)) return kind as KindName
  throw usageError(
    `${JSON.stringify(kind)} in ${origin} is no kind of strategy: give one of ${Object.keys(KINDS).join(', ')}.`,
  )
}

function ownFields(kind: KindName): Readonly<Record<string, OwnField>> {
  return { ...COMMON, ...KINDS[kind].own }
}

function requireField(field: string, kind: KindName, origin: string): { readonly kind: OwnField['kind'] } {
  const own = ownFields(kind)
  if (Object.hasOwn(own, field)) return own[field]
  if (Object.hasOwn(generationConfigSchema.shape, field)) return fieldMeta(field as GenerationField)
  const names = Object.keys(KINDS[kind].own ?? {})
  const more = names.length > 0 ? `${names.join(', ')} and ` : ''
  throw usageError(`${field} in ${origin} is no field of ${kind}: it has ${more}those of a GenerationConfig.`)
}

function requireValue(
  { kind, min = -Infinity, max = Infinity }: OwnField,
  value: unknown,
  name: string,
): void {
  const isNumber = typeof value === 'number' && value >= min && value <= max
  const isText = (item: unknown) => typeof item === 'string' && item !== ''
  const fits = {
    boolean: typeof value === 'boolean',
    integer: isNumber && Number.isInteger(value),
    number: isNumber,
    string: isText(value),
    strings: Array.isArray(value) ? value.length > 0 && value.every(isText) : isText(value),
  }
  if (fits[kind as keyof typeof fits]) return
  const wanted = {
    boolean: 'true or false',
    integer: `a whole number from ${min} to ${max}`,
    number: max === Infinity ? `a number from ${min} on` : `a number from ${min} to ${max}`,
    string: 'a path',
    strings: 'a path',
  }
  throw usageError(`${name} cannot be ${JSON.stringify(value)}: give ${wanted[kind as keyof typeof wanted]}.`)
}

/** What cannot be left out, and what has no effect alone. */
function requireWhole(kind: KindName, own: Values, settings: Values, text: string): void {
  if (kind === 'custom' && own.file === undefined) {
    throw usageError(`${text} names no module: write custom=FILE.js.`)
  }
  if (kind === 'early-exit' && settings.assistant_early_exit === undefined) {
    throw usageError(
      `${text} names no layer to exit from: write early-exit:assistant_early_exit=4, for example.`,
    )
  }
  const posterior = ['posterior_threshold', 'posterior_alpha'].find((field) => own[field] !== undefined)
  if (posterior && own.typical_acceptance !== true) {
    throw usageError(`${posterior} in ${text} has no effect without typical_acceptance=true.`)
  }
  if (own.lookup === true && own.typical_acceptance === true) {
    throw usageError(`lookup in ${text} has no effect with typical_acceptance=true: leave one of them out.`)
  }
}

function textOf(kind: KindName, { file, ...values }: Values): string {
  const written = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))
  const fields = Object.entries(values).map(([field, value]) => `${field}=${written(value)}`)
  const head = file === undefined ? kind : `${kind}=${written(file)}`
  return fields.length > 0 ? `${head}:${fields.join(',')}` : head
}

function pick(fields: Values, isWanted: (field: string) => boolean): Values {
  return Object.fromEntries(Object.entries(fields).filter(([field]) => isWanted(field)))
}
