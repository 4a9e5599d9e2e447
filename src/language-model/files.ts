import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { UserError } from '../errors.js'
import { MOST_SETTINGS, namesIn, readJsonObjectIfThere, unreadable } from '../files.js'
import { ggufModels } from '../gguf-names.js'
import { weightFormat } from '../weights/index.js'

/** What a path means: a GGUF file (any part of a split one), or a directory in HF layout and its weights, which are a file of it or it itself. */
export type FoundFiles =
  | { readonly gguf: string }
  | { readonly directory: string; readonly weights: string; readonly config: Config }

type Config = Readonly<Record<string, unknown>>

const ADAPTER = 'adapter_config.json'
const ADAPTER_WEIGHTS = /^adapter_model\.(safetensors|bin)$/

/**
 * Finds out what to load. Formats are told by what files begin with, since some caches name files by their hash.
 * @throws UserError, with what is there instead, for a path that is no model: an adapter, one shard of a model, several GGUF files
 */
export async function modelFiles(path: string): Promise<FoundFiles> {
  const stats = await stat(path).catch((error) => {
    throw unreadable(path, error)
  })
  if (stats.isDirectory()) return filesIn(path)
  if ((await weightFormat(path)) === 'gguf') return { gguf: path }
  const directory = dirname(path)
  if (/-\d{5}-of-\d{5}\.safetensors$/.test(path)) {
    throw new UserError(`${path} is one part of a model: give the directory, ${directory}.`)
  }
  const config = await readJsonObjectIfThere(join(directory, 'config.json'), MOST_SETTINGS)
  if (!config) throw noModel(directory)
  return { directory, weights: path, config }
}

async function filesIn(directory: string): Promise<FoundFiles> {
  const adapter = await readJsonObjectIfThere(join(directory, ADAPTER), MOST_SETTINGS)
  const config = await readJsonObjectIfThere(join(directory, 'config.json'), MOST_SETTINGS)
  const names = await namesIn(directory)
  const weights = names.find((name) => ADAPTER_WEIGHTS.test(name))
  if (adapter ?? weights) {
    throw adapterError(directory, adapter ? ADAPTER : weights!, adapter ?? {}, config !== undefined)
  }
  if (config) return { directory, weights: directory, config }
  const found = ggufModels(names)
  if (found.length === 1) return { gguf: join(directory, found[0][0]) }
  if (found.length === 0) throw noModel(directory)
  const firsts = found.map(([first]) => first)
  throw new UserError(`${directory} has several GGUF files: give the path of one (${firsts.join(', ')}).`)
}

function noModel(directory: string): UserError {
  return new UserError(`${directory} has no config.json: give the directory of a model, or a .gguf file.`)
}

/** What PEFT's `from_pretrained` would apply to a model; its `merge_and_unload` makes one model of both. */
function adapterError(directory: string, file: string, adapter: Config, isBesideModel: boolean): UserError {
  const { peft_type: type, base_model_name_or_path: base } = adapter
  const kind = `an adapter (${file}${typeof type === 'string' ? `, ${type}` : ''})`
  const merge = "merge it into its base model (PEFT's merge_and_unload)"
  if (isBesideModel) {
    return new UserError(
      `${directory} holds ${kind} beside a model, which is not applied: ${merge}, or move it away to use the model without it.`,
    )
  }
  const ofBase = typeof base === 'string' && base !== '' ? ` for ${base}` : ''
  return new UserError(
    `${directory} holds ${kind}${ofBase} and no model: ${merge}, and give the directory of the result.`,
  )
}
