import { usageError } from '../../errors.js'
import { CsvSpelling } from './csv.js'
import type { Spelling } from './spelling.js'
import { XmlSpelling } from './xml.js'
import { YamlSpelling } from './yaml.js'

/** A format of values beside JSON. */
export type SpelledFormat = 'yaml' | 'csv' | 'xml'

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
type JsonObject = { readonly [key: string]: Json }

/**
 * The spelling of a schema's values in a format.
 * @param schema JSON text
 * @throws UserError, exit code 2, for a schema whose values CSV has no table for
 */
export function spellingOf(format: SpelledFormat, schema: string): Spelling<unknown> {
  const root: Json = JSON.parse(schema)
  if (format === 'csv') return csvSpelling(root)
  return format === 'xml' ? new XmlSpelling(fieldNames(root)) : new YamlSpelling(fieldNames(root))
}

/** Names of the fields that are anywhere in a schema. */
function fieldNames(schema: Json): ReadonlySet<string> {
  const names = new Set<string>()
  const add = (value: Json) => {
    if (Array.isArray(value)) value.forEach(add)
    if (!isObject(value)) return
    if (isObject(value.properties)) for (const name of Object.keys(value.properties)) names.add(name)
    if (Array.isArray(value.required))
      for (const name of value.required) if (typeof name === 'string') names.add(name)
    Object.values(value).forEach(add)
  }
  add(schema)
  return names
}

function csvSpelling(root: Json): CsvSpelling {
  const whole = resolve(root, root)
  if (whole.type === 'array') return new CsvSpelling(columns(root, whole.items, '#/items'))
  const fields = Object.entries((whole.properties ?? {}) as JsonObject)
  const lists = fields.filter(([, each]) => resolve(root, each).type === 'array')
  if (fields.length === 1 && lists.length === 1) {
    const [[name, list]] = lists
    const pointer = `#/properties/${name}/items`
    const around = [`{${JSON.stringify(name)}:`, '}'] as const
    return new CsvSpelling(columns(root, resolve(root, list).items, pointer), { around })
  }
  return new CsvSpelling(columns(root, root, '#'), { isOne: true })
}

/** Names of the fields of a flat object. */
function columns(root: Json, schema: Json | undefined, pointer: string): readonly string[] {
  const object = resolve(root, schema)
  const names = Object.keys(isObject(object.properties) ? object.properties : {})
  if (names.length === 0)
    throw usageError(
      `CSV has a column for each field, but the schema has none at ${pointer}: give an object with properties, or a list of such objects.`,
    )
  for (const name of names) {
    const { type, properties, items } = resolve(root, (object.properties as JsonObject)[name])
    const isNested = properties !== undefined || items !== undefined || type === 'object' || type === 'array'
    if (isNested)
      throw usageError(
        `CSV has no nested values, but the schema has one at ${pointer}/properties/${name}: leave it out, or set format to json, yaml or xml.`,
      )
  }
  return names
}

/** A schema, or what its reference within the document leads to; {} for what is no object. */
function resolve(root: Json, schema: Json | undefined, steps = 0): JsonObject {
  if (!isObject(schema)) return {}
  const { $ref } = schema
  if (typeof $ref !== 'string' || !$ref.startsWith('#/') || steps > 100) return schema
  let target: Json | undefined = root
  for (const part of $ref.slice(2).split('/')) {
    const name = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
    target = isObject(target) ? target[name] : undefined
  }
  return resolve(root, target, steps + 1)
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
