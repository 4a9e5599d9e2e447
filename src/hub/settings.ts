import { homedir } from 'node:os'
import { join } from 'node:path'
import { usageError } from '../errors.js'
import { readSmallFile } from './small-file.js'

/** Where the hub and its cache are, read from the variables that Python's huggingface_hub reads. */
export interface HubSettings {
  readonly cacheDir: string
  /** Without a trailing slash. */
  readonly endpoint: string
  readonly token: string | undefined
  readonly offline: boolean
  /** Milliseconds that the hub may stay silent before the connection counts as dropped. */
  readonly timeout: number
}

/**
 * Matches huggingface_hub/constants.py: HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME, XDG_CACHE_HOME, HF_ENDPOINT,
 * HF_TOKEN, HUGGING_FACE_HUB_TOKEN, HF_TOKEN_PATH, HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE, HF_HUB_DOWNLOAD_TIMEOUT
 * (seconds). An empty variable counts as unset.
 */
export function hubSettings(env: NodeJS.ProcessEnv = process.env): HubSettings {
  const userHome = env.HOME || homedir()
  const expand = (path: string) =>
    path
      .replace(/^~(?=\/|$)/, userHome)
      .replace(/\$(?:\{(\w+)\}|(\w+))/g, (whole, braced, bare) => env[braced ?? bare] ?? whole)
  const home = expand(env.HF_HOME || join(env.XDG_CACHE_HOME || join(userHome, '.cache'), 'huggingface'))
  return {
    cacheDir: expand(env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || join(home, 'hub')),
    endpoint: (env.HF_ENDPOINT || 'https://huggingface.co').replace(/\/+$/, ''),
    token:
      env.HF_TOKEN?.trim() ||
      env.HUGGING_FACE_HUB_TOKEN?.trim() ||
      readSmallFile(expand(env.HF_TOKEN_PATH || join(home, 'token'))),
    offline: /^(1|on|yes|true)$/i.test(env.HF_HUB_OFFLINE || env.TRANSFORMERS_OFFLINE || ''),
    timeout: 1000 * (Number(env.HF_HUB_DOWNLOAD_TIMEOUT) || 10),
  }
}

/** @throws UserError, exit code 2, for an address or a token with which nothing can be asked */
export function refuseUnusable({ endpoint, token }: HubSettings): void {
  if (!/^https?:\/\/[^/]/i.test(endpoint) || !URL.canParse(endpoint)) {
    throw usageError(`HF_ENDPOINT cannot be "${endpoint}": give an address such as https://huggingface.co.`)
  }
  // Not the token itself: it is a secret.
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    throw usageError(
      'The token (HF_TOKEN, or the file of it) holds blanks or characters that no token has: copy it again.',
    )
  }
}
