import { textOfFile } from '../../config/language-files.js'
import { schemaText } from '../../config/schema-text.js'
import { usageError } from '../../errors.js'
import { isRecord, type JsonValue } from '../../extract/json.js'
import type { Example } from '../../extract/kor.js'
import { type ExtractionTask, inOrder, nullable, outputSchema, readTask } from '../../extract/task.js'
import { readText, STDIO } from '../../files.js'
import { compileSchema, validate } from '../../grammar/schema/index.js'
import { parseJson } from '../../json.js'
import { readStdin } from '../io/stdin.js'

interface TaskFlags {
  readonly schema: string
  readonly many: boolean
  readonly examples?: string
  readonly spans: boolean
  readonly nullable: boolean
}

/** What flags ask for. @throws UserError, exit code 2, for a schema that cannot be held, and for examples that it does not accept */
export async function taskOf(flags: TaskFlags): Promise<ExtractionTask> {
  const given = await textOfFile(flags.schema, '--schema')
  const task = readTask(parseJson(schemaText(given), 'The schema'), flags.many)
  const mayBeNull = flags.nullable || flags.spans
  const record = mayBeNull ? nullable(task.record) : task.record
  const own = flags.examples === undefined ? [] : await readExamples(flags.examples)
  const examples = [...task.examples, ...own].map(({ text, value }) => ({
    text,
    value: inOrder(record, value),
  }))
  const made = { ...task, record, examples }
  const schema = JSON.stringify(outputSchema(made))
  const judge = compileSchema(schema)
  for (const { text, value } of examples) {
    if (validate(judge, JSON.stringify(value))) continue
    throw usageError(
      `The example ${JSON.stringify(text.slice(0, 60))} has the value ${JSON.stringify(value)}, which the schema does not accept.`,
    )
  }
  return made
}

async function readExamples(path: string): Promise<readonly Example[]> {
  const text = path === STDIO ? await readStdin('the examples', 2 ** 24) : await readText(path)
  return text.split('\n').flatMap((line, i) => {
    if (line.trim() === '') return []
    const row = parseJson(line, `Line ${i + 1} of ${path}`, 2)
    if (!isRecord(row) || typeof row.text !== 'string' || !('value' in row))
      throw usageError(`Line ${i + 1} of ${path} is no example: write {"text": …, "value": …}.`)
    return [{ text: row.text, value: row.value as JsonValue }]
  })
}
