import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '../errors.js'
import { MOST_SETTINGS, namesIn, readJsonObjectIfThere } from '../files.js'
import { type AdapterConfig, adapterConfig } from '../models/adapter-config.js'
import { openWeights, type WeightStore } from '../weights/index.js'
import { type AdaptedModel, fitAdapter } from './fit-adapter.js'

const CONFIG = 'adapter_config.json'
const WEIGHTS = 'adapter_model.safetensors'
const ADAPTER_WEIGHTS = /^adapter_model\.(safetensors|bin)$/

/** The files of an adapter in a directory. */
export interface AdapterFiles {
  readonly directory: string
  /** The file by which it was told. */
  readonly file: string
  readonly config: Readonly<Record<string, unknown>>
}

/** The adapter in a directory, if there is one. @throws UserError for files that cannot be read */
export async function adapterFiles(directory: string): Promise<AdapterFiles | undefined> {
  const config = await readJsonObjectIfThere(join(directory, CONFIG), MOST_SETTINGS)
  if (config) return { directory, file: CONFIG, config }
  const file = (await namesIn(directory)).find((name) => ADAPTER_WEIGHTS.test(name))
  return file === undefined ? undefined : { directory, file, config: {} }
}

/** An adapter in words: its file, and of which kind it is. */
export function adapterInWords({ file, config: { peft_type: type } }: AdapterFiles): string {
  return `an adapter (${file}${typeof type === 'string' ? `, ${type}` : ''})`
}

/**
 * A model with an adapter merged into it: PEFT's LoRA, as `merge_and_unload` leaves it.
 * @param directory of adapter_config.json and adapter_model.safetensors
 * @returns the specification, in which the vocabulary projection has weights of its own if the adapter tells it from the embedding,
 *   and a store that reads merged weights; it closes the model's
 * @throws UserError for files that are missing or damaged, an adapter of another model, and what is not served
 */
export async function withAdapter(
  directory: string,
  model: AdaptedModel,
): Promise<Pick<AdaptedModel, 'spec' | 'store'>> {
  const config = await readAdapterConfig(directory)
  const weights = await openAdapterWeights(directory)
  try {
    const key = await adapterKey(directory, weights)
    return fitAdapter({ origin: directory, key, config, weights }, model)
  } catch (error) {
    await weights.close()
    throw error
  }
}

/** @throws UserError where there is none, or it is not served */
export async function readAdapterConfig(directory: string): Promise<AdapterConfig> {
  const path = join(directory, CONFIG)
  const fields = await readJsonObjectIfThere(path, MOST_SETTINGS)
  if (fields) return adapterConfig(fields, path)
  throw new UserError(`${directory} has no ${CONFIG}: give the directory of an adapter, as PEFT saves it.`)
}

async function openAdapterWeights(directory: string): Promise<WeightStore> {
  const names = await namesIn(directory)
  if (names.includes(WEIGHTS)) return openWeights(join(directory, WEIGHTS))
  const pickled = names.includes('adapter_model.bin')
  throw new UserError(
    pickled
      ? `${directory} has adapter_model.bin, whose pickled tensors are not read: save the adapter as ${WEIGHTS}.`
      : `${directory} has no ${WEIGHTS}: the adapter is not whole; download or save it again.`,
  )
}

/** What tells an adapter from others wherever it lies: a hash of its files. */
export async function adapterFingerprint(directory: string): Promise<string> {
  const hash = createHash('sha256')
  for (const name of [CONFIG, WEIGHTS]) {
    for await (const bytes of createReadStream(join(directory, name))) hash.update(bytes)
  }
  return hash.digest('hex')
}

/** What tells an adapter from others in keys of caches: its settings, and its file as `fingerprint` tells it. */
async function adapterKey(directory: string, weights: WeightStore): Promise<string> {
  return createHash('sha256')
    .update(await readFile(join(directory, CONFIG)))
    .update(await weights.fingerprint())
    .digest('hex')
}
