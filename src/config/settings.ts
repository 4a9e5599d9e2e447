import type * as z from 'zod'
import { usageError } from '../errors.js'
import { nearest } from '../nearest.js'
import type { ConfigLayer, GenerationConfig, GenerationField, generationConfigSchema } from './index.js'

type Input = z.input<typeof generationConfigSchema>

/** What may stand for a list: its one item. */
type OneOrMore<T> = T | (NonNullable<T> extends readonly (infer Item)[] ? Item : never)

type Frozen<T> = T extends object ? { readonly [Key in keyof T]: Frozen<T[Key]> } : T

/** The type that a user gives a field; the schema takes anything where it makes a list of one item. */
type Given<Field extends GenerationField> = unknown extends Input[Field]
  ? OneOrMore<GenerationConfig[Field]>
  : Input[Field]

/** Values of HF's GenerationConfig, in its field names; null and undefined leave a field as the model's author set it. */
export type GenerationSettings = { readonly [Field in GenerationField]?: Frozen<Given<Field>> | null }

/** Settings as layers, which say where they come from. */
export function layersOf(settings: GenerationSettings | readonly ConfigLayer[]): readonly ConfigLayer[] {
  return Array.isArray(settings)
    ? (settings as readonly ConfigLayer[])
    : [{ values: settings as Record<string, unknown>, origin: 'the settings' }]
}

/**
 * @param known the options that there are
 * @param name of the function, for the message
 * @throws UserError, exit code 2, for an option that is not known, and for a setting among the options
 */
export function requireKnownOptions(
  options: object,
  known: Readonly<Record<string, true>>,
  name: string,
): void {
  const names = Object.keys(known)
  for (const option of Object.keys(options)) {
    if (Object.hasOwn(known, option)) continue
    const meant = nearest(option, names)
    const advice = meant ? `the nearest one is ${meant}` : `there are ${names.join(', ')}`
    throw usageError(`${option} is no option of ${name}; ${advice}.`)
  }
}
