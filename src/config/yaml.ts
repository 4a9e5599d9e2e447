import { parseDocument } from 'yaml'
import { usageError } from '../errors.js'

/** @throws UserError, exit code 2, for text that is no YAML, and for aliases that are too many or lead in a circle */
export function parseYaml(text: string, file: string): unknown {
  try {
    const document = parseDocument(text)
    const [error] = document.errors
    if (error) throw error
    const value: unknown = document.toJS()
    // Throws where an alias holds itself.
    JSON.stringify(value)
    return value
  } catch (error) {
    throw usageError(`${file} is not valid YAML: ${reasonOf(error as Error)}.`, { cause: error })
  }
}

function reasonOf({ name, message, code }: Error & { readonly code?: string }): string {
  if (code === 'MULTIPLE_DOCS') return 'it holds several documents, and one is read'
  if (name === 'ReferenceError' && /^Excessive/.test(message)) return 'its aliases stand for too much'
  if (name === 'TypeError') return 'its aliases lead in a circle'
  if (name === 'RangeError') return 'it is nested too deeply'
  return message.split('\n')[0].replace(/[:.]$/, '')
}
