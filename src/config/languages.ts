import * as z from 'zod'
import { usageError } from '../errors.js'
import type { GenerationSettings } from './settings.js'
import type { LANGUAGE_FIELDS } from './structured.js'

/** A value as a type of zod's has it, or why it does not fit. */
export type Typed<Value> = { readonly value: Value } | { readonly fault: string }

/** A language that a text is held to, with the type of its value: what `generate()` takes as `constraint`. */
export interface TextLanguage<Value> {
  /** The one field of the settings that names the language. */
  readonly settings: Pick<GenerationSettings, (typeof LANGUAGE_FIELDS)[number]>
  /** Makes the value of the parsed text, where that is not all. */
  readonly parse?: (parsed: unknown) => Promise<Typed<Value>>
}

/**
 * The JSON of a zod type, of zod 4: the text is what the type takes, the value what it makes of it, transforms and refinements included.
 * Objects have no other fields than their type's, unless it is loose or has a catchall.
 * @throws UserError, exit code 2, for a type that JSON Schema has no word for, such as `z.date()`
 */
export function jsonSchema<Type extends z.core.$ZodType>(type: Type): TextLanguage<z.output<Type>>
/** The JSON of a schema: an object, its JSON text, or the short notation of fields. */
export function jsonSchema<Value = unknown>(
  schema: string | boolean | Readonly<Record<string, unknown>>,
): TextLanguage<Value>
export function jsonSchema(
  given: z.core.$ZodType | string | boolean | Readonly<Record<string, unknown>>,
): TextLanguage<unknown> {
  if (!isZodType(given)) return { settings: { schema: given } }
  return { settings: { schema: schemaOf(given) }, parse: (parsed) => typed(given, parsed) }
}

/** Texts that a regular expression matches as a whole. */
export function regex(expression: string | RegExp): TextLanguage<string> {
  if (typeof expression === 'string') return { settings: { regex: expression } }
  const { source } = expression
  const flags = expression.flags.replace(/[^ims]/g, '')
  return { settings: { regex: flags ? `(?${flags}:${source})` : source } }
}

/** One of some texts. */
export function choices<const Choice extends string>(texts: readonly Choice[]): TextLanguage<Choice> {
  return { settings: { choices: texts } }
}

/** Texts of a grammar, in GBNF or Lark. */
export function grammar(source: string): TextLanguage<string> {
  return { settings: { grammar: source } }
}

/** Also of another copy of zod than ours. */
function isZodType(value: unknown): value is z.core.$ZodType {
  if (typeof value !== 'object' || value === null) return false
  if ('_zod' in value) return true
  if (!('_def' in value && 'safeParse' in value)) return false
  throw usageError('The type is of zod 3: give one of zod 4, or its JSON schema.')
}

function schemaOf(type: z.core.$ZodType): Record<string, unknown> {
  try {
    // The dialect is the default one, and tells a model nothing.
    const { $schema: _, ...schema } = z.toJSONSchema(type, { io: 'input', override: closed })
    return schema
  } catch (error) {
    throw usageError(
      `The zod type has no JSON schema: ${(error as Error).message}; give another type, or a schema.`,
      { cause: error },
    )
  }
}

/** Fields that zod would leave out of an object again are not written at all. */
function closed({
  zodSchema,
  jsonSchema,
}: {
  readonly zodSchema: z.core.$ZodTypes
  readonly jsonSchema: z.core.JSONSchema.BaseSchema
}): void {
  const { def } = zodSchema._zod
  if (def.type === 'object' && def.catchall === undefined) jsonSchema.additionalProperties = false
}

async function typed<Type extends z.core.$ZodType>(
  type: Type,
  parsed: unknown,
): Promise<Typed<z.output<Type>>> {
  const { success, data, error } = await z.safeParseAsync(type, parsed)
  if (success) return { value: data }
  const [{ path, message }] = error.issues
  return { fault: path.length > 0 ? `${message} (at ${path.join('.')})` : message }
}
