import { UserError, usageError } from '../errors.js'
import { faultOfParts, ggufModels, hasQuantisation, hasUnreadTypes } from '../gguf-names.js'
import { isModelId, type ModelId } from './model-id.js'

/** What is read of a model beside its weights; that of an adapter where it is one. */
const SUPPORT =
  /^(config|generation_config|adapter_config|special_tokens_map|added_tokens|tokenizer[^/]*)\.json$|^chat_template[^/]*$|^additional_chat_templates\/[^/]+\.jinja$/
const STANDARD_SHARD = /^model-\d+-of-(\d+)\.safetensors$/
const INDEX = 'model.safetensors.index.json'
/** Files that a message names. */
const MOST_NAMES = 40

/**
 * Chooses files of an export to ONNX in place of weights, by config.json and all paths of a repository; undefined where weights serve.
 * @throws UserError for a choice that is not there
 */
export type ChooseExport = (
  config: Readonly<Record<string, unknown>>,
  paths: readonly string[],
) => readonly string[] | undefined

/** Whether it takes config.json to say which files are needed. */
export function mayBeExport(id: Pick<ModelId, 'file' | 'quantisation'>, paths: readonly string[]): boolean {
  return !isGgufChosen(id) && paths.includes('config.json') && paths.some((path) => EXPORT.test(path))
}

const EXPORT = /^onnx\/[^/]+\.onnx$/

/**
 * The files of a repository (or of a snapshot) that a model needs, weights last: configuration, tokenizer, chat
 * template and the safetensors weights at the root, or one GGUF file alone (all parts of a split one), which holds all of that
 * itself. Never pickled weights, and an exported graph where it was chosen alone.
 *
 * @param paths every file of the repository, relative to its root, separated by `/`
 * @param exported the files of the graph that was chosen
 * @throws UserError when there are no weights, a split file lacks a part, or it takes the user to choose one of several GGUF files (2)
 */
export function neededFiles(id: ModelId, paths: readonly string[], exported?: readonly string[]): string[] {
  if (exported && !isGgufChosen(id)) return [...paths.filter((path) => SUPPORT.test(path)), ...exported]
  const safetensors = isGgufChosen(id) ? [] : safetensorsFiles(paths)
  if (safetensors.length > 0) return [...paths.filter((path) => SUPPORT.test(path)), ...safetensors]
  const found = ggufFiles(id, paths)
  if (found.length > 1) throw severalFiles(id, found)
  if (found.length === 0) throw noFiles(id, paths)
  const fault = faultOfParts(found[0])
  if (fault === undefined) return found[0]
  throw new UserError(`${id.repo}@${id.revision} has no whole model of ${found[0][0]}: ${fault}.`)
}

/** Whether the id says which of a repository's GGUF files is meant. */
export function isGgufChosen({ file, quantisation }: Pick<ModelId, 'file' | 'quantisation'>): boolean {
  return file !== undefined || quantisation !== undefined
}

/** The GGUF files that an id may mean, each of them alone or with the other parts of a split one. */
export function ggufFiles({ file, quantisation }: ModelId, paths: readonly string[]): string[][] {
  const models = ggufModels(paths)
  if (quantisation !== undefined) return models.filter(([first]) => hasQuantisation(first, quantisation))
  if (file === undefined) return models
  // A projector is no model, and may be asked for by its name.
  const own = models.find((files) => files.includes(file)) ?? [file]
  return paths.includes(file) ? [own] : []
}

/** The error where an id may mean several GGUF files (2). */
export function severalFiles(id: ModelId, found: readonly (readonly string[])[]): UserError {
  const what = id.quantisation === undefined ? 'GGUF files' : `GGUF files of ${id.quantisation}`
  return usageError(`${id.repo} holds ${found.length} ${what} and one must be chosen.${ggufHint(id, found)}`)
}

/**
 * The error of a GGUF file that cannot be used.
 * @param why a clause
 * @param paths of all files of its repository
 */
export function unusableFile(id: ModelId, path: string, why: string, paths: readonly string[]): UserError {
  const others = ggufModels(paths).filter((files) => !files.includes(path) && !hasUnreadTypes(files[0]))
  const hint = ggufHint(id, others) || ' Choose another model.'
  return new UserError(`${path} of ${id.repo} cannot be used: ${why}.${hint}`)
}

function noFiles(id: ModelId, paths: readonly string[]): UserError {
  const repo = `${id.repo}@${id.revision}`
  const hint = ggufHint(id, ggufModels(paths))
  if (id.file !== undefined) return new UserError(`${repo} has no file ${id.file}.${hint}`)
  if (id.quantisation !== undefined)
    return new UserError(`${repo} has no GGUF file of ${id.quantisation}.${hint}`)
  return new UserError(`${repo} has neither safetensors nor GGUF weights: choose another model.`)
}

/** The files of a snapshot without those of GGUF models that lack a part. */
export function wholeFiles(paths: readonly string[]): string[] {
  const broken = new Set(
    ggufModels(paths)
      .filter((files) => faultOfParts(files) !== undefined)
      .flat(),
  )
  return paths.filter((path) => !broken.has(path))
}

/**
 * Whether a snapshot, which another program may have filled in part, has a GGUF file or weights with their config: a model's, or an
 * adapter's.
 */
export function isComplete(paths: readonly string[]): boolean {
  if (ggufModels(wholeFiles(paths)).length > 0) return true
  if (paths.includes('adapter_config.json') && paths.includes('adapter_model.safetensors')) return true
  const weights = safetensorsFiles(paths)
  if (weights.length === 0 || !paths.includes('config.json')) return false
  const shards = weights.filter((path) => STANDARD_SHARD.test(path))
  if (shards.length === 0) return true
  return shards.length === Number(STANDARD_SHARD.exec(shards[0])![1]) && paths.includes(INDEX)
}

/** `model.safetensors`, or its shards and their index, or whatever safetensors files the root has. */
function safetensorsFiles(paths: readonly string[]): string[] {
  if (paths.includes('model.safetensors')) return ['model.safetensors']
  const shards = paths.filter((path) => STANDARD_SHARD.test(path))
  if (shards.length > 0) return [...shards, ...paths.filter((path) => path === INDEX)]
  return paths.filter((path) => /^[^/]+\.safetensors$/.test(path))
}

function ggufHint(id: ModelId, models: readonly (readonly string[])[]): string {
  // What cannot be written as a part of an id may hold anything, escape sequences of a terminal too.
  const names = models.map(([first]) => first).filter((path) => isModelId(`${id.repo}:${path}`))
  if (names.length === 0) return ''
  const revision = id.revision === 'main' ? '' : `@${id.revision}`
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : ''
  return ` Write ${id.repo}${revision}:FILE, where FILE is one of ${names.slice(0, MOST_NAMES).join(', ')}${more}.`
}
