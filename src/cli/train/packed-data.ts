import { cacheDirectory } from '../../cache-directory.js'
import { openPackedData, type PackedData, type PackedDataOptions } from '../../train/data/packed.js'
import { transferDisplay } from '../../ui/progress.js'

/** Files as rows of tokens; the reading is shown on stderr, and what was read once is kept. */
export function openRows(
  files: readonly string[],
  options: Pick<PackedDataOptions, 'tokenizer' | 'length' | 'lengthFlag' | 'separator' | 'signal'>,
): Promise<PackedData> {
  const display = transferDisplay(process.stderr, 'Reading')
  return openPackedData(files, {
    ...options,
    directory: cacheDirectory('data'),
    onProgress: display.update,
    onNotice: display.notice,
  }).finally(display.stop)
}
