import { join } from 'node:path'
import { type ConfigLayer, generationConfigSchema } from '../config/index.js'
import { UserError } from '../errors.js'
import { MOST_SETTINGS, readJsonObjectIfThere } from '../files.js'
import { specFromConfig } from '../models/families/index.js'
import { configFromGguf, ggufTensors } from '../models/gguf/model.js'
import { EMBEDDING, HEAD } from '../models/parameters.js'
import type { DecoderSpec } from '../models/spec.js'
import { unusedTensors } from '../models/unused-tensors.js'
import { checkParameters } from '../runtime/storage.js'
import { endsOfGguf, tokenizerFromGguf } from '../tokenizer/gguf-tokenizer.js'
import { loadTokenizer, type Tokenizer } from '../tokenizer/tokenizer.js'
import { openWeights, renamed, type WeightStore } from '../weights/index.js'
import { withAdapter } from './adapter.js'
import { modelFiles } from './files.js'

/** Where a model's files lie, and those of the adapter that is applied to it. */
export interface ModelLocation {
  /** Directory or file. */
  readonly path: string
  /** Directory of the adapter. */
  readonly adapter?: string
}

/** A model's files, read as far as a description needs it. */
export interface OpenModel extends ModelLocation {
  readonly config: Readonly<Record<string, unknown>>
  readonly spec: DecoderSpec
  /** It has all parameters of `spec`, in their shapes. */
  readonly store: WeightStore
  /** Names of tensors that belong to no parameter. */
  readonly unused: readonly string[]
  readonly generationConfig: ConfigLayer
  loadTokenizer(): Promise<Tokenizer>
}

/**
 * Opens a model's files; the caller closes `store`.
 * @throws UserError for files that are missing, damaged or of an unsupported kind, weights that are not those of the
 *   configuration, and an adapter that does not fit them
 */
export async function openModel(location: string | ModelLocation): Promise<OpenModel> {
  const { path, adapter }: ModelLocation = typeof location === 'string' ? { path: location } : location
  const files = await modelFiles(path, adapter)
  const model = 'gguf' in files ? await openGguf(path, files.gguf) : await openDirectory(path, files)
  if (adapter === undefined) return model
  return openedStore(model.store, async (store) => {
    return { ...model, adapter, ...(await withAdapter(adapter, model.spec, store)) }
  })
}

async function openDirectory(
  path: string,
  { directory, weights, config }: { directory: string; weights: string; config: OpenModel['config'] },
): Promise<OpenModel> {
  const configPath = join(directory, 'config.json')
  const spec = specFromConfig(config, configPath)
  const generationPath = join(directory, 'generation_config.json')
  const own = await readJsonObjectIfThere(generationPath, MOST_SETTINGS)
  return openedStore(await openWeights(weights), async (opened) => {
    const fitted = await fitHead(spec, withPrefix(opened))
    const { tensors, unreadable } = fitted.store
    checkParameters(fitted.spec, fitted.store, weights)
    return {
      path,
      config,
      ...fitted,
      unused: unusedTensors(fitted.spec, [...tensors.keys(), ...unreadable.keys()], weights),
      generationConfig: own
        ? generationLayer({ ...tokenIds(config), ...own }, generationPath)
        : generationLayer(generationFields(config), configPath),
      loadTokenizer: () => loadTokenizer(directory),
    }
  })
}

async function openGguf(path: string, file: string): Promise<OpenModel> {
  return openedStore(await openWeights(file, ggufTensors), async (store) => {
    const config = { ...(await configFromGguf(store)), ...endsOf(store) }
    const spec = specFromConfig(config, file)
    checkParameters(spec, store, file)
    const [unused] = unusedTensors(spec, store.tensors.keys(), file)
    // As llama.cpp, which counts them.
    if (unused)
      throw new UserError(`${file} has the tensor ${unused}, which its metadata does not account for.`)
    return {
      path,
      config,
      spec,
      store,
      unused: [],
      generationConfig: generationLayer(tokenIds(config), file),
      loadTokenizer: () => loadTokenizer(tokenizerFromGguf(store.metadata)),
    }
  })
}

/** More tokens than the metadata's EOS end a text. */
function endsOf({ metadata }: WeightStore): { eos_token_id?: readonly number[] } {
  const ends = endsOfGguf(metadata)
  return ends ? { eos_token_id: ends } : {}
}

/** Closes the store where what is made of it fails. */
async function openedStore(
  store: WeightStore,
  use: (store: WeightStore) => Promise<OpenModel>,
): Promise<OpenModel> {
  try {
    return await use(store)
  } catch (error) {
    await store.close()
    throw error
  }
}

/** Checkpoints of the model without its head (`LlamaModel`) have names without `model.`; HF puts it before. */
function withPrefix(store: WeightStore): WeightStore {
  const isBare = !store.tensors.has(EMBEDDING) && store.tensors.has(EMBEDDING.slice('model.'.length))
  return isBare ? renamed(store, (name) => (name === HEAD ? name : `model.${name}`)) : store
}

/**
 * The vocabulary projection of a model whose configuration ties it, as HF finds it (`tie_weights`): a head of the weights' own,
 * where it differs from the embedding, and where there is the head alone, it is the embedding as well.
 */
async function fitHead(
  spec: DecoderSpec,
  store: WeightStore,
): Promise<{ spec: DecoderSpec; store: WeightStore }> {
  const has = (name: string) => store.tensors.has(name) || store.unreadable.has(name)
  if (!spec.tiedHead || !has(HEAD)) return { spec, store }
  if (!has(EMBEDDING)) {
    return { spec, store: renamed(store, (name) => (name === HEAD ? EMBEDDING : name)) }
  }
  return { spec: { ...spec, tiedHead: await store.isSame(HEAD, EMBEDDING) }, store }
}

function tokenIds({ bos_token_id, eos_token_id, pad_token_id }: Readonly<Record<string, unknown>>) {
  return { bos_token_id, eos_token_id, pad_token_id }
}

/** What a config.json of older models says about generation, which HF reads where there is no generation_config.json. */
function generationFields(config: OpenModel['config']): Record<string, unknown> {
  const known = Object.keys(generationConfigSchema.shape)
  return Object.fromEntries(
    Object.entries(config).filter(([name, value]) => known.includes(name) && value !== null),
  )
}

function generationLayer(values: Record<string, unknown>, origin: string): ConfigLayer {
  return { values, origin, fromModel: true }
}
