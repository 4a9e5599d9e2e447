import { usageError } from '../errors.js'
import { ownConfig } from './own-config.js'

/** The run types, in this order of preference where neither a user nor a configuration says which. */
export const EXPORT_TYPES = ['fp32', 'int8', 'int4', 'fp16', 'int4f16'] as const
export type ExportType = (typeof EXPORT_TYPES)[number]

/** transformers.js's dtypes by run type, the first that is there first, and what a file's name has of each. */
const DTYPES: Readonly<Record<ExportType, Readonly<Record<string, string>>>> = {
  fp32: { fp32: '' },
  fp16: { fp16: '_fp16' },
  int8: { q8: '_quantized', int8: '_int8', uint8: '_uint8' },
  int4: { q4: '_q4', bnb4: '_bnb4' },
  int4f16: { q4f16: '_q4f16' },
}

/** The folder of a repository, and the name of a decoder's graph in it, without dtype. */
const FOLDER = 'onnx'
export const GRAPH_NAME = 'model'

/** One of a model's ONNX files. */
export interface ExportedFile {
  readonly type: ExportType
  /** transformers.js's name of it. */
  readonly dtype: string
  /** Relative to the model's directory, with `/`. */
  readonly path: string
}

/** All that a directory holds, best first. @param paths relative to the directory, with `/` */
export function exportedFiles(paths: readonly string[]): ExportedFile[] {
  const there = new Set(paths)
  return EXPORT_TYPES.flatMap((type) =>
    Object.entries(DTYPES[type])
      .map(([dtype, suffix]) => ({ type, dtype, path: `${FOLDER}/${GRAPH_NAME}${suffix}.onnx` }))
      .filter(({ path }) => there.has(path)),
  )
}

/** The files that hold the weights of a graph beside it (`model.onnx_data`, `model.onnx_data_1`), in their order. */
export function dataFiles(graph: string, paths: readonly string[]): string[] {
  return paths.filter(
    (path) => path.startsWith(`${graph}_data`) && /^(_\d+)?$/.test(path.slice(graph.length + 5)),
  )
}

/**
 * The file that transformers.js would run: the asked dtype's; for `auto` that of `transformers.js_config`, or float32, or the best that is
 * there.
 * @param origin of the files, for messages
 * @param config config.json
 * @throws UserError, exit code 2, naming the files that there are, for one that is not there; and as `ownConfig`
 */
export function chooseExport(
  files: readonly ExportedFile[],
  asked: ExportType | 'auto',
  config: Readonly<Record<string, unknown>>,
  origin: string,
  device = 'cpu',
): ExportedFile {
  const own = ownConfig(config, GRAPH_NAME, origin)
  const named = asked === 'auto' ? own.dtype(device) : undefined
  const found =
    named === undefined
      ? files.find(({ type }) => asked === 'auto' || type === asked)
      : files.find(({ dtype }) => dtype === named)
  if (found) return found
  const wanted = named === undefined ? asked : `${named}, which its transformers.js_config names`
  const there = [...new Set(files.map(({ type }) => type))].join(', ')
  const paths = files.map(({ path }) => path).join(', ')
  throw usageError(`${origin} has no ONNX file of the dtype ${wanted}: use --dtype ${there} (${paths}).`)
}
