import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { readJsonObjectIfThere } from '../../files.js'
import { type GgufModel, type GgufTensor, ggufModel, isFloat } from '../../models/gguf/write.js'
import { assembled } from '../../models/layout.js'
import { ggufMetadataOf, setEnds } from '../../tokenizer/gguf-metadata.js'
import type { TokenizerJson } from '../../tokenizer/tokenizer-json.js'
import type { WrittenType } from '../../weights/encode.js'
import { type GgufValue, writeGguf } from '../../weights/gguf-writer.js'
import type { WrittenValues } from '../../weights/write-file.js'
import type { OpenModel } from '../open.js'

export interface WriteGgufOptions {
  readonly type: WrittenType
  /** `general.name`. */
  readonly name: string
  /** A parameter's values, by HF's name. */
  readonly read: (name: string) => Promise<Float32Array>
}

/** llama.cpp's `general.file_type`. */
const FILE_TYPES: Readonly<Record<WrittenType, number>> = { F32: 0, F16: 1, Q4_0: 2, Q8_0: 7, BF16: 32 }

/**
 * Writes a model as llama.cpp's converter does, in its names, order of rows and metadata.
 * @throws UserError for a family, a setting of one or a tokenizer that GGUF files cannot say
 */
export async function writeGgufModel(
  path: string,
  model: OpenModel,
  { type, name, read }: WriteGgufOptions,
): Promise<void> {
  const written = await ggufModel(model.spec, model.config)
  const metadata = new Map<string, GgufValue>([
    ['general.architecture', { type: 'string', value: written.architecture }],
    ['general.type', { type: 'string', value: 'model' }],
    ['general.name', { type: 'string', value: name }],
    ['general.file_type', { type: 'u32', value: FILE_TYPES[type] }],
    ['general.quantization_version', { type: 'u32', value: 2 }],
    ...modelMetadata(written),
    ...(await tokenizerMetadata(model, written.architecture)),
  ])
  const tensors = new Map<string, WrittenValues>()
  for (const tensor of written.tensors) {
    const values = async () => {
      const parts: Float32Array[] = []
      for (const { name } of tensor.stored.parts) parts.push(await read(name))
      const whole = assembled(tensor.stored, parts)
      if (!tensor.store) return whole
      // What a store reads is its own.
      const own = whole.slice()
      tensor.store(own)
      return own
    }
    tensors.set(tensor.name, { dtype: typeOf(tensor, type), shape: [...tensor.shape], values })
  }
  for (const [name, values] of written.ropeTensors)
    tensors.set(name, { dtype: 'F32', shape: [values.length], values })
  await writeGguf(path, metadata, tensors)
}

function modelMetadata({ architecture, metadata }: GgufModel): [string, GgufValue][] {
  return Object.entries(metadata).map(([key, value]) => [
    `${architecture}.${key}`,
    isFloat(key) ? { type: 'f32', value: Number(value) } : ggufValue(value),
  ])
}

/**
 * As llama.cpp's: vectors, routers and learned positions are float32, rows that are no whole blocks float16, and in 4 bits the vocabulary
 * projection has 8.
 */
function typeOf({ kind, name, isHead, shape }: GgufTensor, type: WrittenType): WrittenType {
  if (kind === 'vector' || kind === 'router' || name === 'position_embd.weight') return 'F32'
  if (type !== 'Q8_0' && type !== 'Q4_0') return type
  if (shape.at(-1)! % 32 !== 0) return 'F16'
  return isHead ? 'Q8_0' : type
}

/** A GGUF file's own, or what one would say of HF's tokenizer. */
async function tokenizerMetadata(
  { path, spec, store, generationConfig, loadTokenizer }: OpenModel,
  architecture: string,
): Promise<[string, GgufValue][]> {
  const own = [...store.metadata].filter(([key]) => key.startsWith('tokenizer.'))
  if (own.length > 0) return own.map(([key, value]) => [key, ggufValue(value)])
  const directory = (await stat(path)).isDirectory() ? path : dirname(path)
  const tokenizer = await loadTokenizer()
  const json = (await readJsonObjectIfThere(join(directory, 'tokenizer.json'))) as unknown as TokenizerJson
  const metadata = await ggufMetadataOf(json, tokenizer, spec.vocabSize, architecture)
  const ends = [generationConfig.values.eos_token_id ?? []].flat() as number[]
  setEnds(metadata, ends)
  return [...metadata].map(([key, value]) => [key, ggufValue(value)])
}

function ggufValue(value: unknown): GgufValue {
  if (typeof value === 'string') return { type: 'string', value }
  if (typeof value === 'boolean') return { type: 'bool', value }
  if (typeof value === 'number') return { type: Number.isInteger(value) && value >= 0 ? 'u32' : 'f32', value }
  if (Array.isArray(value)) return { type: 'strings', value }
  return { type: value instanceof Float32Array ? 'f32s' : 'i32s', value: value as ArrayLike<number> }
}
