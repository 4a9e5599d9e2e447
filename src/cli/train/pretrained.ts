import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { usageError } from '../../errors.js'
import { type Pretrained, readWeights, requireTrainable } from '../../train/pretrained.js'
import { withOpenModel } from '../io/open-model.js'

/**
 * Reads a model whole.
 * @param source a directory in HF layout, a hub id, or a GGUF file
 * @param adapter that is applied to it
 * @param copied whether the tokenizer's files are copied to what is trained
 * @throws UserError, exit code 2, for a GGUF file in that case, whose tokenizer has no files to go with what is trained
 */
export function openPretrained(
  source: string,
  signal: AbortSignal,
  { adapter, copied = true }: { adapter?: string; copied?: boolean } = {},
): Promise<Pretrained> {
  return withOpenModel(
    source,
    { adapter, signal },
    async ({ path, config, spec, layout, store, loadTokenizer }) => {
      if (copied && path.endsWith('.gguf')) {
        throw usageError(
          `${path} cannot be trained: give a model in HF layout, whose tokenizer can be copied.`,
        )
      }
      if (copied) requireTrainable(config, path)
      const directory = (await stat(path)).isDirectory() ? path : dirname(path)
      const tokenizer = await loadTokenizer()
      const fingerprint = await store.fingerprint()
      const weights = await readWeights(spec, store)
      return { path, config, spec, layout, weights, tokenizer, directory, fingerprint }
    },
  )
}
