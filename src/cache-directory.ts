import { homedir } from 'node:os'
import { join } from 'node:path'

/** `$XDG_CACHE_HOME/llm`: the directory of all that is kept to be made no second time. */
export function cacheRoot(env: NodeJS.ProcessEnv = process.env): string {
  return join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'llm')
}

/** Directory of a cache: `graphs` built, `costs` measured, rows of `data` to learn, `corpora` to draft from, `vocabularies` of grammars. */
export function cacheDirectory(
  kind: 'graphs' | 'costs' | 'data' | 'corpora' | 'vocabularies',
  env?: NodeJS.ProcessEnv,
): string {
  return join(cacheRoot(env), kind)
}
