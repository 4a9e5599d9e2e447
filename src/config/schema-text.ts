import { usageError } from '../errors.js'
import type { GenerationConfig } from './index.js'
import { isSchemaInYaml, requireContent } from './language-files.js'
import { parseNotation } from './schema-notation.js'

/**
 * A schema as JSON text: as it was given, or from the short notation of its fields.
 * @throws UserError, exit code 2, for the name of a file, for YAML, and as `parseNotation`
 */
export function schemaText(schema: NonNullable<GenerationConfig['schema']>): string {
  if (typeof schema !== 'string') return JSON.stringify(schema)
  requireContent(schema, 'schema')
  if (isSchemaInYaml(schema)) throw usageError('schema is YAML: give it as JSON, or as a file.')
  const isJson = /^\s*(?:[{["]|(?:true|false|null|-?\d[\d.eE+-]*)\s*$)/.test(schema)
  return isJson ? schema.trim() : JSON.stringify(parseNotation(schema))
}
