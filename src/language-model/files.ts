import { stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { UserError } from '../errors.js'
import { MOST_SETTINGS, namesIn, readTextIfThere, unreadable } from '../files.js'
import { ggufModels } from '../gguf-names.js'
import { parseJsonObject } from '../json.js'
import { keepNumbers } from '../tokenizer/exact-json.js'
import { weightFormat } from '../weights/index.js'
import { type AdapterFiles, adapterFiles, adapterInWords } from './adapter.js'

/** Where a model's files lie, and those of the adapter that is applied to it. */
export interface ModelLocation {
  /** Directory or file. */
  readonly path: string
  /** Directory of the adapter. */
  readonly adapter?: string
}

export function locationOf(source: string | ModelLocation): ModelLocation {
  return typeof source === 'string' ? { path: source } : source
}

/** What a path means: a GGUF file (any part of a split one), or a directory in HF layout and its weights, which are a file of it or it itself. */
export type FoundFiles =
  | { readonly gguf: string }
  | { readonly directory: string; readonly weights: string; readonly config: Config }

type Config = Readonly<Record<string, unknown>>

/**
 * Finds out what to load. Formats are told by what files begin with, since some caches name files by their hash. The directory of an
 * adapter that is applied may be that of the model.
 * @throws UserError, with what is there instead, for a path that is no model: an adapter, one shard of a model, one file of an export, several GGUF files
 */
export async function modelFiles({ path, adapter }: ModelLocation): Promise<FoundFiles> {
  const stats = await stat(path).catch((error) => {
    throw unreadable(path, error)
  })
  if (stats.isDirectory()) return filesIn(path, adapter)
  if ((await weightFormat(path)) === 'gguf') return { gguf: path }
  const directory = dirname(path)
  if (/-\d{5}-of-\d{5}\.safetensors$/.test(path)) {
    throw new UserError(`${path} is one part of a model: give the directory, ${directory}.`)
  }
  if (/\.onnx(_data(_\d+)?)?$/i.test(path)) {
    throw new UserError(
      `${path} is one file of an export to ONNX: give its directory, ${exportOf(directory)}.`,
    )
  }
  const config = await readConfigIfThere(directory)
  if (!config) throw noModel(directory)
  return { directory, weights: path, config }
}

/** The directory of an export whose graphs lie in a folder of it. */
function exportOf(folder: string): string {
  return basename(resolve(folder)) === 'onnx' ? dirname(folder === '.' ? resolve(folder) : folder) : folder
}

/** A directory's config.json, with the numbers of its text. */
async function readConfigIfThere(directory: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const path = join(directory, 'config.json')
  const text = await readTextIfThere(path, MOST_SETTINGS)
  return text === undefined ? undefined : keepNumbers(text, parseJsonObject(text, path))
}

async function filesIn(directory: string, adapter: string | undefined): Promise<FoundFiles> {
  const config = await readConfigIfThere(directory)
  const beside = await adapterFiles(directory)
  if (beside && !(config && adapter !== undefined && resolve(adapter) === resolve(directory))) {
    throw adapterError(beside, config !== undefined)
  }
  if (config) return { directory, weights: directory, config }
  const found = ggufModels(await namesIn(directory))
  if (found.length === 1) return { gguf: join(directory, found[0][0]) }
  if (found.length === 0 && basename(resolve(directory)) === 'onnx') {
    throw new UserError(
      `${directory} is a folder of an export to ONNX: give its directory, ${exportOf(directory)}.`,
    )
  }
  if (found.length === 0) throw noModel(directory)
  const firsts = found.map(([first]) => first)
  throw new UserError(`${directory} has several GGUF files: give the path of one (${firsts.join(', ')}).`)
}

function noModel(directory: string): UserError {
  return new UserError(`${directory} has no config.json: give the directory of a model, or a .gguf file.`)
}

/** What PEFT's `from_pretrained` would apply to a model. */
function adapterError(adapter: AdapterFiles, isBesideModel: boolean): UserError {
  const { directory } = adapter
  const kind = adapterInWords(adapter)
  if (isBesideModel) {
    return new UserError(
      `${directory} holds ${kind} beside a model, which is not applied: give it with --adapter ${directory}, or move it away to use the model without it.`,
    )
  }
  return new UserError(
    `${directory} holds ${kind} and no model: give its base model with -m, and the adapter with --adapter.`,
  )
}
