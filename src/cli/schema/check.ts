import { schemaAsJson, textOfFile } from '../../config/language-files.js'
import { schemaText } from '../../config/schema-text.js'
import { MOST_SETTINGS, STDIO } from '../../files.js'
import { compileSchema } from '../../grammar/schema/index.js'
import { parseJson } from '../../json.js'
import { readStdin, refuseStdinTwice } from '../io/stdin.js'
import { completionOf, type Verdict, verdictOf } from './verdict.js'

export interface CheckedSchema {
  /** As JSON, also where it was given as fields. */
  schema: unknown
  /** Whether it was given as JSON. */
  isJson: boolean
  /** Each a JSON pointer and what was noticed there. */
  warnings: readonly string[]
  /** One of the shortest values, as text; left out where none was found within the limits. */
  shortest?: string
  value?: Verdict
}

/** White space between two tokens of a value at most. */
const MOST_SPACE = 10_000

/**
 * Compiles a schema, and judges a value by it.
 * @param schema a file, JSON or fields, or `-` for stdin
 * @param value a file or JSON, or `-` for stdin
 * @throws UserError, exit code 2, for a schema that cannot be held, with its place
 */
export async function checkSchema(schema: string, value: string | undefined): Promise<CheckedSchema> {
  refuseStdinTwice({ 'the schema': schema, 'the value': value })
  const given = await schemaAsJson(await textOf(schema, 'the schema'), 'The schema')
  const source = schemaText(given)
  const held = compileSchema(source)
  const { warnings } = held
  return {
    schema: parseJson(source, 'The schema'),
    isJson: source === given.trim(),
    warnings,
    shortest: completionOf(held, held.start),
    value: value === undefined ? undefined : verdict(source, await textOf(value, 'the value')),
  }
}

function textOf(argument: string, name: string): Promise<string> {
  return argument === STDIO ? readStdin(name, MOST_SETTINGS) : textOfFile(argument, name)
}

/** Whether a text is JSON that is valid, in whatever order, spelling and layout it is written. */
function verdict(schema: string, text: string): Verdict {
  const options = { order: 'any', anySpelling: true, whitespace: { flexible: MOST_SPACE } } as const
  return verdictOf(compileSchema(schema, options), text)
}
