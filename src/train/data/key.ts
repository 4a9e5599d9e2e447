import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { usageError } from '../../errors.js'
import { STDIO, unreadable } from '../../files.js'
import type { Tokenizer } from '../../tokenizer/tokenizer.js'

/**
 * The name under which what is made of files is kept: it follows from names, sizes and times of the files, the tokenizer,
 * and the settings.
 * @param version to be raised with every change of what is made, or how
 * @throws UserError for a file that cannot be read, and for stdin
 */
export async function dataKey(
  version: number,
  files: readonly string[],
  tokenizer: Tokenizer,
  settings: readonly unknown[] = [],
): Promise<string> {
  if (files.includes(STDIO)) {
    throw usageError(
      'What is made of text is kept by the names of its files, and stdin has none: give a file.',
    )
  }
  const sources = await Promise.all(
    files.map(async (file) => {
      const { size, mtimeMs } = await stat(file).catch((error) => {
        throw unreadable(file, error)
      })
      return [resolve(file), size, mtimeMs]
    }),
  )
  const tokens = Array.from({ length: tokenizer.vocabSize }, (_, id) => tokenizer.idToToken(id))
  const hash = createHash('sha256').update(JSON.stringify([version, sources, ...settings, tokens]))
  return hash.digest('hex').slice(0, 32)
}
