import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ggufTensors } from '../models/gguf/model.js'
import { tokenizerFromGguf } from '../tokenizer/gguf-tokenizer.js'
import { loadTokenizer, type Tokenizer } from '../tokenizer/tokenizer.js'
import { openWeights } from '../weights/index.js'
import { modelFiles } from './files.js'

/**
 * A model's tokenizer alone: of a directory that has a tokenizer.json nothing else need be there, and of a GGUF file its header is read.
 * @throws UserError as `loadTokenizer`, and for a path that is no model
 */
export async function loadTokenizerOf(path: string): Promise<Tokenizer> {
  const hasOwn = await stat(join(path, 'tokenizer.json')).catch(() => undefined)
  if (hasOwn) return loadTokenizer(path)
  const files = await modelFiles({ path })
  if (!('gguf' in files)) return loadTokenizer(files.directory)
  const store = await openWeights(files.gguf, ggufTensors)
  try {
    return await loadTokenizer(tokenizerFromGguf(store.metadata))
  } finally {
    await store.close()
  }
}
