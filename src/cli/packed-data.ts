import { homedir } from 'node:os'
import { join } from 'node:path'
import { openPackedData, type PackedData, type PackedDataOptions } from '../train/data/packed.js'
import { transferDisplay } from '../ui/progress.js'

/** Files as rows of tokens; the reading is shown on stderr, and what was read once is kept. */
export function openRows(
  files: readonly string[],
  options: Pick<PackedDataOptions, 'tokenizer' | 'length' | 'separator' | 'signal'>,
): Promise<PackedData> {
  const display = transferDisplay(process.stderr, 'Reading')
  return openPackedData(files, {
    ...options,
    directory: cacheDirectory(),
    onProgress: display.update,
  }).finally(display.stop)
}

/** Where tokenised data is kept: `$XDG_CACHE_HOME/llm/data`. */
function cacheDirectory(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'llm', 'data')
}
