import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { usageError } from '../errors.js'
import {
  type ChooseExport,
  type FaultOfGguf,
  findCached,
  isModelId,
  type PullOptions,
  pullModel,
} from '../hub/index.js'
import type { RunType } from '../runtime/storage.js'
import { faultOfBeginning } from '../weights/index.js'
import { adapterFiles, adapterInWords, readAdapterConfig } from './adapter.js'
import { BUILT_IN, BUILT_IN_DIRECTORY } from './built-in.js'
import type { ModelLocation } from './files.js'
import { exportChooser } from './road.js'

export interface LocateOptions {
  /** Directory or hub id of an adapter that is applied. */
  readonly adapter?: string
  /** Which file of an export to ONNX is pulled. */
  readonly dtype?: RunType | 'auto'
  /** While a model is pulled from the hub. */
  readonly onPull?: PullOptions['onProgress']
  readonly onNotice?: (message: string) => void
  readonly signal?: AbortSignal
}

/**
 * Where a model lies on disk, and its adapter, pulled from the hub where need be. An adapter in the place of a model is that of the
 * base model that it names.
 * @throws UserError for what is not there, an adapter that names no base model, and an adapter for an export to ONNX of the hub
 */
export async function locate(source: string, options: LocateOptions = {}): Promise<ModelLocation> {
  const { adapter } = options
  const path = await locateModel(source, options)
  if (adapter !== undefined) return { path, adapter: await locateAdapter(adapter, options) }
  const base = await baseOf(path, options)
  return base === undefined ? { path } : { path: await locateModel(base, options), adapter: path }
}

/** The path of a model on disk, pulled from the hub where need be. */
export async function locateModel(source: string, options: LocateOptions = {}): Promise<string> {
  if (await isThere(source)) return source
  if (source === BUILT_IN) return BUILT_IN_DIRECTORY
  if (!isModelId(source)) {
    throw usageError(
      `There is no model at ${source}: give a directory, a .gguf file, a hub id such as org/name, or ${BUILT_IN}.`,
    )
  }
  return pulled(
    source,
    'a model',
    options,
    exportChooser(source, options.dtype, options.adapter !== undefined),
  )
}

async function locateAdapter(source: string, options: LocateOptions): Promise<string> {
  if (await isThere(source)) return source
  if (isModelId(source)) return pulled(source, 'an adapter', options)
  throw usageError(`There is no adapter at ${source}: give its directory, or a hub id such as org/name.`)
}

/** Why a GGUF file that is being pulled will not be read. */
export const faultOfGguf: FaultOfGguf = (path, handle, bytes) =>
  faultOfBeginning({ path, handle, size: bytes, mtimeMs: 0 })

function pulled(
  id: string,
  what: string,
  { onPull, onNotice, signal }: LocateOptions,
  chooseExport?: ChooseExport,
): Promise<string> {
  if (!isCached(id, chooseExport))
    onNotice?.(`There is no ${id} here: it is taken for the id of ${what} on the hub.`)
  return pullModel(id, { onProgress: onPull, onNotice, signal, chooseExport, faultOfGguf })
}

/** Whether a copy of a hub model is on disk, or several of which one has to be chosen. */
function isCached(id: string, chooser?: ChooseExport): boolean {
  try {
    return findCached(id, undefined, chooser) !== undefined
  } catch {
    return true
  }
}

/** The base model that an adapter names; undefined for what is no adapter, or lies beside a model. */
async function baseOf(path: string, { onNotice }: LocateOptions): Promise<string | undefined> {
  if (!(await stat(path)).isDirectory() || (await isThere(join(path, 'config.json')))) return undefined
  const adapter = await adapterFiles(path)
  if (!adapter) return undefined
  const { base } = await readAdapterConfig(path)
  const kind = `${path} holds ${adapterInWords(adapter)}`
  if (base === undefined) {
    throw usageError(`${kind} that names no base model: give that with -m, and the adapter with --adapter.`)
  }
  if (!(await isThere(base)) && !isModelId(base)) {
    throw usageError(
      `${kind} for ${base}, which is not here: give that model with -m, and the adapter with --adapter.`,
    )
  }
  onNotice?.(`${kind}: it is applied to its base model, ${base}.`)
  return base
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
