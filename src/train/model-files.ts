import { join } from 'node:path'
import { writeFileWhole, writeJson } from '../files.js'
import { layoutFromConfig } from '../models/families/index.js'
import { isFloatField } from '../models/float-fields.js'
import { storedWeights } from '../models/layout.js'
import type { DecoderSpec } from '../models/spec.js'
import { copyTokenizer } from '../tokenizer/copy.js'
import { exactJsonText } from '../tokenizer/exact-json.js'
import type { Weights } from '../weights/index.js'
import { type WrittenTensor, writeSafetensors } from '../weights/safetensors-writer.js'

/** How weights are written, by the name that users know. */
export const SAVE_DTYPES = { fp32: 'F32', fp16: 'F16', bf16: 'BF16' } as const
export type SaveDtype = (typeof SAVE_DTYPES)[keyof typeof SAVE_DTYPES]

export interface ModelFiles {
  readonly spec: DecoderSpec
  /** HF's config.json. */
  readonly config: Readonly<Record<string, unknown>>
  readonly weights: Weights
  /** Directory of the tokenizer's files. */
  readonly tokenizer: string
  readonly dtype: SaveDtype
}

const TORCH_TYPE = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' }
/**
 * Writes a model as HF's `save_pretrained` does: model.safetensors, config.json, generation_config.json and the
 * tokenizer's files.
 * @throws UserError where they cannot be written
 */
export async function writeModelFiles(
  directory: string,
  { spec, config, weights, tokenizer, dtype }: ModelFiles,
): Promise<void> {
  const layout = layoutFromConfig({ model_type: spec.family, ...config }, directory)
  const tensors = [...storedWeights(spec, layout ?? {}, weights)].map(
    ([name, { shape, values }]): [string, WrittenTensor] => [name, { dtype, shape: [...shape], values }],
  )
  await writeSafetensors(join(directory, 'model.safetensors'), new Map(tensors), { format: 'pt' })
  const changes = { dtype: TORCH_TYPE[dtype] }
  await writeFileWhole(join(directory, 'config.json'), exactJsonText(config, changes, isFloatField))
  const { bos_token_id, eos_token_id } = config
  await writeJson(join(directory, 'generation_config.json'), { bos_token_id, eos_token_id })
  await copyTokenizer(tokenizer, directory)
}
