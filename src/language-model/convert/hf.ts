import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { UserError } from '../../errors.js'
import { writeFileWhole, writeJson } from '../../files.js'
import { isFloatField } from '../../models/float-fields.js'
import { assembled, storedParts } from '../../models/layout.js'
import { copyTokenizer } from '../../tokenizer/copy.js'
import { exactJsonText } from '../../tokenizer/exact-json.js'
import { tokenizerFilesOf } from '../../tokenizer/gguf-files.js'
import { type AnyTensor, writeSafetensors } from '../../weights/safetensors-writer.js'
import type { OpenModel } from '../open.js'

const TORCH_TYPE = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' } as const

export interface WriteHfOptions {
  readonly type: keyof typeof TORCH_TYPE
  /** A parameter's values, by HF's name. */
  readonly read: (name: string) => Promise<Float32Array>
}

/**
 * Writes a model as HF's `save_pretrained` does: model.safetensors, config.json, generation_config.json, and the tokenizer's files.
 * @throws UserError for a GGUF file's scaling of frequencies, which config.json cannot say
 */
export async function writeHfModel(
  directory: string,
  { path, spec, layout, config, store, generationConfig }: OpenModel,
  { type, read }: WriteHfOptions,
): Promise<void> {
  if (config.rope_freq_factors !== undefined) {
    throw new UserError(
      `${path} has its rope scaling as factors, from which config.json cannot be made: write a GGUF file instead.`,
    )
  }
  const tensors = [...storedParts(spec, layout)].map(([name, stored]): [string, AnyTensor] => {
    const values = async () => {
      const own: Float32Array[] = []
      for (const part of stored.parts) own.push(await read(part.name))
      return assembled(stored, own)
    }
    return [name, { dtype: type, shape: [...stored.shape], values }]
  })
  await writeSafetensors(join(directory, 'model.safetensors'), new Map(tensors), { format: 'pt' })
  const changes = { torch_dtype: undefined, tie_word_embeddings: spec.tiedHead, dtype: TORCH_TYPE[type] }
  await writeFileWhole(join(directory, 'config.json'), exactJsonText(config, changes, isFloatField))
  const generation = Object.entries(generationConfig.values).filter(([, value]) => value !== undefined)
  await writeJson(join(directory, 'generation_config.json'), Object.fromEntries(generation))
  if (store.metadata.has('tokenizer.ggml.model')) {
    for (const [name, content] of Object.entries(tokenizerFilesOf(store.metadata)))
      await writeFileWhole(join(directory, name), `${JSON.stringify(content)}\n`)
    return
  }
  const isDirectory = (await stat(path)).isDirectory()
  await copyTokenizer(isDirectory ? path : dirname(path), directory)
}
