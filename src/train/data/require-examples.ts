import { usageError } from '../../errors.js'
import { isJsonLines, readDocuments } from './documents.js'

/**
 * Files for supervised tuning have examples, whose answers are learnt; text beside them is learnt as a whole.
 * @throws UserError, exit code 2, for a file of nothing but text, and as `readDocuments`
 */
export async function requireExamples(files: readonly string[], signal?: AbortSignal): Promise<void> {
  for (const file of files) {
    if (isJsonLines(file) && (await hasExample(file, signal))) continue
    throw usageError(
      `${file} is text without answers: give JSON Lines with "prompt" and "completion" or "messages", or learn text with llm train base --init.`,
    )
  }
}

async function hasExample(file: string, signal: AbortSignal | undefined): Promise<boolean> {
  for await (const { kind } of readDocuments([file], { signal })) {
    if (kind !== 'text') return true
  }
  return false
}
