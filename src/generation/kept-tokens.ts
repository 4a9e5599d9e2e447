import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { endianness } from 'node:os'
import { join } from 'node:path'
import { cacheDirectory } from '../cache-directory.js'
import { makeDirectory, writeFileWhole } from '../files.js'
import { type GrammarTokens, grammarTokens } from '../grammar/tokens.js'
import { decodeTokens, encodeTokens, TOKENS_VERSION } from '../grammar/tokens-file.js'
import type { VocabularyOptions, VocabularySource } from '../grammar/vocabulary.js'

/** Tokens from which on a vocabulary is kept: smaller ones are made about as fast as they are read. */
const LEAST = 2 ** 14

/**
 * The tokens of a tokenizer as grammars need them, made now or in an earlier run: large vocabularies are kept under
 * `$XDG_CACHE_HOME/llm/vocabularies`. A damaged file is made anew; without a cache that can be written nothing is kept.
 */
export async function keptTokens(
  source: VocabularySource,
  options: Required<VocabularyOptions>,
): Promise<GrammarTokens> {
  const fingerprint = options.size < LEAST ? undefined : source.fingerprint?.()
  if (fingerprint === undefined) return grammarTokens(source, options)
  const key = JSON.stringify([TOKENS_VERSION, endianness(), fingerprint, options.size, options.ends])
  const directory = cacheDirectory('vocabularies')
  const path = join(directory, createHash('sha256').update(key).digest('hex').slice(0, 32))
  const file = await readFile(path).catch(() => undefined)
  const kept = file && decodeTokens(file, key)
  if (kept) return kept
  const made = grammarTokens(source, options)
  await makeDirectory(directory)
    .then(() => writeFileWhole(path, encodeTokens(made, key)))
    .catch(() => undefined)
  return made
}
