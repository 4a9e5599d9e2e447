import * as z from 'zod'

/** How a field is written: as a flag, and in a file. `json` is any JSON value; `integers` and `strings` are lists. */
export type FieldKind = 'boolean' | 'integer' | 'number' | 'string' | 'integers' | 'strings' | 'json'

export interface FieldMeta {
  readonly description: string
  readonly group: string
  readonly kind: FieldKind
}

/** A list for which one item may be written bare. */
export const oneOrMore = <Item extends z.ZodType>(item: Item) =>
  z.preprocess((value) => (Array.isArray(value) ? value : [value]), z.array(item).min(1))

type Field = readonly [kind: FieldKind, schema: z.ZodType, description: string]
type Schemas<Fields extends Record<string, Field>> = { -readonly [Name in keyof Fields]: Fields[Name][1] }

/** The schemas of `fields`, each with its description, group and kind as metadata. */
export function group<const Fields extends Record<string, Field>>(
  name: string,
  fields: Fields,
): Schemas<Fields> {
  const schemas = Object.entries(fields).map(([field, [kind, schema, description]]) => [
    field,
    schema.meta({ kind, description, group: name } satisfies FieldMeta),
  ])
  return Object.fromEntries(schemas) as Schemas<Fields>
}

export const count = z.int().min(0)
export const fraction = z.number().min(0).max(1)
