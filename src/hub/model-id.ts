import { usageError } from '../errors.js'
import { isQuantisation } from '../gguf-names.js'

/** A model on the hub, written `org/name[@revision][:file.gguf]`, or with a quantisation in the file's place: `org/name:Q4_K_M`. */
export interface ModelId {
  /** `org/name`. */
  readonly repo: string
  /** A branch, a tag, `refs/pr/N` or a commit. */
  readonly revision: string
  /** Path in the repository of the one GGUF file that is meant, or of any part of a split one. */
  readonly file: string | undefined
  /** Of the one GGUF file that is meant. */
  readonly quantisation: string | undefined
  /** As the user wrote it. */
  readonly text: string
}

const NAME = /^(?!.*(?:--|\.\.))[\w](?:[\w.-]*\w)?$/
const PATH = /^(?!.*\.\.)[\w.+-]+(?:\/[\w.+-]+)*$/

/** Whether `text` has the form of a hub id; says nothing about the repository's existence. */
export function isModelId(text: string): boolean {
  const { repo, revision, file, quantisation } = split(text)
  const names = repo.split('/')
  return (
    names.length === 2 &&
    names.every((name) => name.length <= 96 && NAME.test(name)) &&
    PATH.test(revision) &&
    (file === undefined || PATH.test(file)) &&
    (quantisation === undefined || isQuantisation(quantisation))
  )
}

/** Whether `text` is the full hash of a commit. */
export function isCommit(text: unknown): text is string {
  return typeof text === 'string' && /^[0-9a-f]{40}$/.test(text)
}

/** Whether `text` can be the name of a branch, a tag or a pull request: no path out of a directory, no control character. */
export function isRevision(text: string): boolean {
  return PATH.test(text)
}

/** @throws UserError with exit code 2 when `text` is not `org/name[@revision][:file.gguf]` or `org/name[@revision]:Q4_K_M`. */
export function parseModelId(text: string): ModelId {
  if (!isModelId(text)) {
    throw usageError(
      `"${text}" is not a hub model id: write org/name, org/name@revision, org/name:file.gguf or org/name:Q4_K_M.`,
    )
  }
  return { ...split(text), text }
}

function split(text: string): Omit<ModelId, 'text'> {
  const [id, ...rest] = text.split(':')
  const [repo, ...revision] = id.split('@')
  const choice = rest.length > 0 ? rest.join(':') : undefined
  const isFile = choice !== undefined && /\.gguf$/i.test(choice)
  return {
    repo,
    revision: revision.length > 0 ? revision.join('@') : 'main',
    file: isFile ? choice : undefined,
    quantisation: isFile ? undefined : choice,
  }
}
