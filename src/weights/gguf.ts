import { UserError } from '../errors.js'
import { FileWeightStore, type Restore } from './file-weight-store.js'
import { type GgufHeader, readGgufHeader } from './gguf-header.js'
import { metadataNumber } from './gguf-metadata.js'
import { type GgufArchitecture, ggufArchitecture, hfTensorName } from './gguf-names.js'
import type { TensorInfo, WeightStore } from './types.js'
import { damaged, withWeightFile } from './weight-file.js'

/**
 * Opens a GGUF file and presents its tensors as the HF model has them: names, shapes and values, with what
 * llama.cpp's converter changes in them undone.
 * @throws UserError for a missing, truncated or corrupt file, an architecture, tensor or type that is not
 * known, or one part of a split model.
 */
export function openGguf(path: string): Promise<WeightStore> {
  return withWeightFile(path, async (file) => {
    const header = readGgufHeader(file)
    const architecture = ggufArchitecture(header.metadata)
    requireModel(path, header)
    const tensors = new Map<string, TensorInfo>()
    const restores = new Map<string, Restore>()
    for (const info of header.tensors) {
      const name = hfTensorName(architecture, info.name)
      if (!name) {
        throw new UserError(
          `Tensor ${info.name} of ${path} does not belong to a dense ${architecture} model.`,
        )
      }
      if (tensors.has(name)) throw damaged(path, `the tensor ${info.name} comes twice`)
      tensors.set(name, { ...info, name })
      const restore = restoreFor(architecture, name, header.metadata)
      if (restore) restores.set(name, restore)
    }
    return new FileWeightStore([file], tensors, header.metadata, restores)
  })
}

/** Refuses files of GGUF that hold something else than a whole model. */
function requireModel(path: string, { metadata, tensors }: GgufHeader): void {
  const parts = metadata.get('split.count')
  if (typeof parts === 'number' && parts > 1) {
    throw new UserError(`${path} is one of ${parts} parts: merge them with llama-gguf-split --merge.`)
  }
  const type = metadata.get('general.type') ?? 'model'
  if (type !== 'model') {
    throw new UserError(
      `${path} holds no model but what its metadata calls ${JSON.stringify(type)}: give the file of a model.`,
    )
  }
  if (tensors.length === 0) {
    throw new UserError(`${path} has no tensors, only a vocabulary: give the file of the whole model.`)
  }
}

function restoreFor(
  architecture: GgufArchitecture,
  name: string,
  metadata: ReadonlyMap<string, unknown>,
): Restore | undefined {
  if (architecture === 'gemma3' && name.endsWith('norm.weight')) return subtractOne
  if (architecture !== 'llama') return undefined
  const heads = metadataNumber(metadata, 'llama.attention.head_count')
  if (name.includes('.q_proj.')) return unpermute(name, heads)
  if (name.includes('.k_proj.'))
    return unpermute(name, metadataNumber(metadata, 'llama.attention.head_count_kv') ?? heads)
  return undefined
}

/**
 * Gemma multiplies by 1 + w, and the converter stores fp32(1 + w). The difference is exact in fp32, so what
 * is lost is what the sum rounded off: at most 2⁻²⁴ for |w| < 1, and nothing for a w of bf16 down to 2⁻¹⁶.
 */
function subtractOne(values: Float32Array): void {
  for (let i = 0; i < values.length; i++) values[i] -= 1
}

/**
 * Meta's rotary embedding turns neighbouring pairs of a head's rows, HF's turns row i with row i + half. The
 * converter reorders each head's rows for the former: stored row 2i + j is HF's row j · half + i.
 */
function unpermute(name: string, heads: number | undefined): Restore {
  return (values, shape) => {
    const half = shape[0] / Number(heads) / 2
    if (!Number.isInteger(half)) {
      throw new UserError(`Tensor ${name} has ${shape[0]} rows, which ${heads} attention heads cannot share.`)
    }
    const columns = values.length / shape[0]
    for (let head = 0; head < values.length; head += 2 * half * columns) {
      const stored = values.slice(head, head + 2 * half * columns)
      for (let row = 0; row < 2 * half; row++) {
        const target = (row % 2) * half + (row >> 1)
        values.set(stored.subarray(row * columns, (row + 1) * columns), head + target * columns)
      }
    }
  }
}
