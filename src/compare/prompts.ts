import { Input } from '../batch/input.js'
import { fileChunks, lines } from '../batch/lines.js'
import { isBad, type Row } from '../batch/row.js'
import { usageError } from '../errors.js'
import { decodeText } from '../files.js'

/**
 * The prompts of a file: one a line where its name ends in `.txt`, and else rows of JSON Lines as `llm batch` reads them.
 * @throws UserError for a file that cannot be read, that has no prompt, and for a line that is none
 */
export async function readPrompts(file: string): Promise<Row[]> {
  const rows: Row[] = []
  for await (const row of file.endsWith('.txt') ? textRows(file) : jsonRows(file)) rows.push(row)
  if (rows.length === 0) throw usageError(`${file} has no prompts: write one a line.`)
  return rows
}

async function* textRows(file: string): AsyncGenerator<Row> {
  for await (const { number, bytes } of lines(fileChunks(file))) {
    const prompt = decodeText(bytes, `Line ${number} of ${file}`).replace(/\r$/, '')
    if (prompt.trim() !== '') yield { line: number, id: number, prompt, passed: {}, settings: {} }
  }
}

async function* jsonRows(file: string): AsyncGenerator<Row> {
  for await (const row of new Input(file).rows()) {
    if (isBad(row)) throw usageError(`Line ${row.line} of ${file} cannot be used. ${row.error}`)
    const [setting] = Object.keys(row.settings)
    if (setting !== undefined) {
      throw usageError(
        `Line ${row.line} of ${file} sets ${setting}, but settings are compared for all prompts alike: take it out.`,
      )
    }
    yield row
  }
}
