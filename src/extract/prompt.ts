import type { Message } from '../tokenizer/message.js'
import { type Descriptor, describe } from './describe.js'
import { type ExtractionTask, outputSchema } from './task.js'

/** How a value is written. */
export type ExtractionFormat = 'json' | 'csv' | 'xml' | 'yaml'

export interface ExtractionPromptOptions {
  readonly format: ExtractionFormat
  readonly descriptor: Descriptor
  /** In place of our own words. */
  readonly instructions?: string
  /** Writes an example's value in the format. */
  write(value: unknown): string
}

/** What the model is told before a text, the same for all texts. */
export interface ExtractionPrompt {
  /** A chat with its last message open for the text. */
  messages(text: string): readonly Message[]
  /** The same for a model without a chat template. */
  plain(text: string): string
}

const NAMES: Readonly<Record<ExtractionFormat, string>> = {
  json: 'JSON',
  csv: 'CSV',
  xml: 'XML',
  yaml: 'YAML',
}

/** Task, type and format, then the examples as turns, and then the text, as Kor has it. */
export function extractionPrompt(task: ExtractionTask, options: ExtractionPromptOptions): ExtractionPrompt {
  const { format, descriptor, instructions, write } = options
  const subject = task.isMany ? 'every record that the text has' : 'the record that the text has'
  const own = `Extract ${subject}, of the form below, from the text. Take values from the text alone; where it does not tell one, leave it empty or null.`
  const whole = outputSchema(task)
  const type = describe(task.record, descriptor, whole)
  const list = task.isMany ? 'a list of such records' : 'one such record'
  const head = `${instructions ?? own}\n\n${type}\n\nAnswer with ${NAMES[format]} of ${list}, and nothing else.`
  const turns = task.examples.map(({ text, value }) => [quoted(text), write(value)] as const)
  return {
    messages(text) {
      const users = [...turns.map(([said]) => said), quoted(text)]
      users[0] = `${head}\n\n${users[0]}`
      return users.flatMap((content, i) => [
        { role: 'user', content },
        ...(i < turns.length ? [{ role: 'assistant', content: turns[i][1] }] : []),
      ])
    },
    plain(text) {
      const shown = turns.map(([said, answer]) => `${said}\n\nOutput:\n${answer}\n\n`)
      return `${head}\n\n${shown.join('')}${quoted(text)}\n\nOutput:\n`
    },
  }
}

function quoted(text: string): string {
  return `Text:\n"""\n${text}\n"""`
}
