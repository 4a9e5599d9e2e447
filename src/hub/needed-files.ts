import { UserError, usageError } from '../errors.js'
import { isModelId, type ModelId } from './model-id.js'

/** What is read of a model beside its weights; that of an adapter where it is one. */
const SUPPORT =
  /^(config|generation_config|adapter_config|special_tokens_map|added_tokens|tokenizer[^/]*)\.json$|^chat_template[^/]*$|^additional_chat_templates\/[^/]+\.jinja$/
const STANDARD_SHARD = /^model-\d+-of-(\d+)\.safetensors$/
const INDEX = 'model.safetensors.index.json'
/** Files that a message names. */
const MOST_NAMES = 40

/**
 * The files of a repository (or of a snapshot) that a model needs, weights last: configuration, tokenizer, chat
 * template and the safetensors weights at the root, or one GGUF file alone, which holds all of that itself.
 * Never pickled weights, and never an exported graph.
 *
 * @param paths every file of the repository, relative to its root, separated by `/`
 * @throws UserError when there are no weights, or when it takes the user to choose one of several GGUF files (2)
 */
export function neededFiles(id: ModelId, paths: readonly string[]): string[] {
  if (id.file !== undefined) {
    if (paths.includes(id.file)) return [id.file]
    throw new UserError(`${id.repo}@${id.revision} has no file ${id.file}.${ggufHint(id, ggufFiles(paths))}`)
  }
  const safetensors = safetensorsFiles(paths)
  if (safetensors.length > 0) return [...paths.filter((path) => SUPPORT.test(path)), ...safetensors]
  const gguf = ggufFiles(paths)
  if (gguf.length === 1) return gguf
  if (gguf.length > 1) {
    throw usageError(
      `${id.repo} holds ${gguf.length} GGUF files and one must be chosen.${ggufHint(id, gguf)}`,
    )
  }
  throw new UserError(
    `${id.repo}@${id.revision} has neither safetensors nor GGUF weights: choose another model.`,
  )
}

/**
 * Whether a snapshot, which another program may have filled in part, has a GGUF file or weights with their config: a model's, or an
 * adapter's.
 */
export function isComplete(paths: readonly string[]): boolean {
  if (ggufFiles(paths).length > 0) return true
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

/** Language models only: an `mmproj` file is the vision part of one. */
function ggufFiles(paths: readonly string[]): string[] {
  return paths.filter((path) => path.endsWith('.gguf') && !/(^|\/)mmproj[^/]*$/.test(path)).sort()
}

function ggufHint(id: ModelId, gguf: readonly string[]): string {
  // What cannot be written as a part of an id may hold anything, escape sequences of a terminal too.
  const names = gguf.filter((path) => isModelId(`${id.repo}:${path}`))
  if (names.length === 0) return ''
  const revision = id.revision === 'main' ? '' : `@${id.revision}`
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : ''
  return ` Write ${id.repo}${revision}:FILE, where FILE is one of ${names.slice(0, MOST_NAMES).join(', ')}${more}.`
}
