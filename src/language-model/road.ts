import { join } from 'node:path'
import { UserError } from '../errors.js'
import { chooseExport, dataFiles, EXPORT_TYPES, type ExportType, exportedFiles } from '../exported/files.js'
import { namesIn, namesInIfThere } from '../files.js'
import type { ChooseExport } from '../hub/index.js'
import { MissingField } from '../models/config-reader.js'
import { specFromConfig } from '../models/families/index.js'
import { type FoundFiles, locationOf, type ModelLocation, modelFiles } from './files.js'
import { withoutGraph } from './own-graph.js'

export { EXPORT_TYPES, type ExportType }

type Config = Readonly<Record<string, unknown>>

const ADAPTED = 'An adapter needs weights to be merged into'

/** How a model is run: by a graph of our own from its weights, or by transformers.js from its export to ONNX; and why, as a clause. */
export type Road =
  | { readonly name: 'graph'; readonly why: string; readonly files: FoundFiles }
  | {
      readonly name: 'export'
      readonly why: string
      readonly directory: string
      readonly config: Config
      /** Its files, relative to the directory. */
      readonly paths: readonly string[]
    }

/**
 * Finds out how a model is run: an export serves where there are no weights, or no graph for them.
 * @throws UserError as `modelFiles`, and for an export with an adapter
 */
export async function findRoad(source: string | ModelLocation): Promise<Road> {
  const { path, adapter } = locationOf(source)
  const files = await modelFiles({ path, adapter })
  if ('gguf' in files) return { name: 'graph', why: 'it is a GGUF file', files }
  const { directory, weights, config } = files
  const paths = (await namesInIfThere(join(directory, 'onnx'))).map((name) => `onnx/${name}`)
  const isGiven = weights !== directory
  const why =
    isGiven || exportedFiles(paths).length === 0 ? undefined : whyExport(config, await namesIn(directory))
  if (why === undefined) return { name: 'graph', why: 'it has safetensors', files }
  if (adapter !== undefined) throw withoutGraph(path, ADAPTED)
  return { name: 'export', why, directory, config, paths }
}

/** Why an export is run where there is one, as a clause; undefined where a graph of our own is. @param paths relative to the directory, with `/` */
export function whyExport(config: Config, paths: readonly string[]): string | undefined {
  if (!paths.some((name) => /^[^/]+\.safetensors(\.index\.json)?$/.test(name))) return 'it has no safetensors'
  try {
    specFromConfig(config, 'config.json')
    return undefined
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    if (error instanceof MissingField) return undefined
    return error.message.replace(/(: use [^:]*)?\.$/, '')
  }
}

/**
 * What of a hub's repository is pulled where it is run from its export: the graph of one dtype.
 * @param id of the repository, for messages
 * @param isAdapted whether an adapter is applied, which refuses an export
 */
export function exportChooser(
  id: string,
  dtype: ExportType | 'auto' = 'auto',
  isAdapted = false,
): ChooseExport {
  return (config, paths) => {
    const files = exportedFiles(paths)
    const isWeights = (path: string) => path.endsWith('.gguf')
    const names = paths.map((path) => (isWeights(path) ? 'model.safetensors' : path))
    if (files.length === 0 || whyExport(config, names) === undefined) return undefined
    if (isAdapted) throw withoutGraph(id, ADAPTED)
    const { path } = chooseExport(files, dtype, config, id)
    return [path, ...dataFiles(path, paths)]
  }
}
