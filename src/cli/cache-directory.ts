import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where what is made of texts is kept: `$XDG_CACHE_HOME/llm/data` for rows to learn, `corpora` for text to draft from. */
export function cacheDirectory(kind: 'data' | 'corpora'): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'llm', kind)
}
