import { stat } from 'node:fs/promises'
import { usageError } from '../errors.js'
import { type ChooseExport, findCached, isModelId, type PullOptions, pullModel } from '../hub/index.js'
import type { RunType } from '../runtime/storage.js'
import { BUILT_IN, BUILT_IN_DIRECTORY } from './built-in.js'
import { exportChooser } from './road.js'

export interface LocateOptions {
  /** Which file of an export to ONNX is pulled. */
  readonly dtype?: RunType | 'auto'
  /** While a model is pulled from the hub. */
  readonly onPull?: PullOptions['onProgress']
  readonly onNotice?: (message: string) => void
  readonly signal?: AbortSignal
}

/** The path of a model on disk, pulled from the hub where need be. */
export async function locateModel(source: string, options: LocateOptions = {}): Promise<string> {
  const exists = await stat(source).catch(() => undefined)
  if (exists) return source
  if (source === BUILT_IN) return BUILT_IN_DIRECTORY
  if (!isModelId(source)) {
    throw usageError(
      `There is no model at ${source}: give a directory, a .gguf file, a hub id such as org/name, or ${BUILT_IN}.`,
    )
  }
  const chooser = exportChooser(source, options.dtype)
  if (!isCached(source, chooser))
    options.onNotice?.(`There is no ${source} here: it is taken for the id of a model on the hub.`)
  return pullModel(source, {
    onProgress: options.onPull,
    onNotice: options.onNotice,
    signal: options.signal,
    chooseExport: chooser,
  })
}

/** Whether a copy of a hub model is on disk, or several of which one has to be chosen. */
function isCached(id: string, chooser: ChooseExport): boolean {
  try {
    return findCached(id, undefined, chooser) !== undefined
  } catch {
    return true
  }
}
