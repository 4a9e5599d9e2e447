import { UserError } from '../errors.js'
import { FileWeightStore, type Restore } from './file-weight-store.js'
import { openGgufFiles } from './gguf-parts.js'
import type { TensorInfo, WeightStore } from './types.js'
import { damaged, withWeightFiles } from './weight-file.js'

/** A tensor as the HF model has it. */
export interface HfTensor {
  readonly name: string
  /** Turns the file's values into HF's. */
  readonly restore?: Restore
  /** Whether a vector of the file is a matrix of one row. */
  readonly isRow?: boolean
}

/** From a file's metadata and a tensor's name there to HF's; undefined for a foreign tensor. */
export type TensorsOf = (metadata: ReadonlyMap<string, unknown>) => (name: string) => HfTensor | undefined

const asStored: TensorsOf = () => (name) => ({ name })

/**
 * Opens a GGUF file, or all parts of a split one by the path of any, and presents its tensors as the HF model has them: names,
 * shapes and values. Metadata are the first part's.
 * @param tensorsOf undoes what llama.cpp's converter changes; by default tensors are as the file has them
 * @throws UserError for a missing, truncated or corrupt file, an architecture, tensor or type that is not
 * known, and parts that are not one model.
 */
export function openGguf(path: string, tensorsOf: TensorsOf = asStored): Promise<WeightStore> {
  return withWeightFiles(async (open) => {
    const parts = await openGgufFiles(path, open)
    const [{ header }] = parts
    const tensorOf = tensorsOf(header.metadata)
    const infos = parts.flatMap((part) => part.header.tensors)
    requireModel(path, header.metadata, infos)
    const tensors = new Map<string, TensorInfo>()
    const restores = new Map<string, Restore>()
    for (const info of infos) {
      const tensor = tensorOf(info.name)
      if (!tensor) {
        const architecture = header.metadata.get('general.architecture')
        throw new UserError(
          `Tensor ${info.name} of ${info.file} does not belong to a dense ${architecture} model.`,
        )
      }
      const { name, restore, isRow } = tensor
      if (tensors.has(name)) throw damaged(info.file, `the tensor ${info.name} comes twice`)
      const shape = isRow && info.shape.length === 1 ? [1, ...info.shape] : info.shape
      tensors.set(name, { ...info, name, shape })
      if (restore) restores.set(name, restore)
    }
    const files = parts.map(({ file }) => file)
    return new FileWeightStore(files, tensors, header.metadata, restores)
  })
}

/** Refuses files of GGUF that hold something else than a whole model. */
function requireModel(
  path: string,
  metadata: ReadonlyMap<string, unknown>,
  tensors: readonly TensorInfo[],
): void {
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
