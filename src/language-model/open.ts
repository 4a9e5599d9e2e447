import { join } from 'node:path'
import { type ConfigLayer, fieldsOf, generationConfigSchema } from '../config/index.js'
import { UserError, usageError } from '../errors.js'
import { MOST_SETTINGS, readJsonObjectIfThere } from '../files.js'
import { layoutFromConfig, specFromConfig, textModelConfig } from '../models/families/index.js'
import { configFromGguf, ggufLayout, ggufTensors } from '../models/gguf/model.js'
import type { StoredLayout } from '../models/layout.js'
import { EMBEDDING, HEAD } from '../models/parameters.js'
import type { DecoderSpec } from '../models/spec.js'
import { unusedTensors } from '../models/unused-tensors.js'
import { checkParameters } from '../runtime/storage.js'
import { passNumbers } from '../tokenizer/exact-json.js'
import { endsOfGguf, tokenizerFromGguf } from '../tokenizer/gguf-tokenizer.js'
import { loadTokenizer, type Tokenizer } from '../tokenizer/tokenizer.js'
import { openWeights, renamed, type WeightStore } from '../weights/index.js'
import { withAdapter } from './adapter.js'
import { parametersIn } from './checkpoint.js'
import { type FoundFiles, locationOf, type ModelLocation } from './files.js'
import { findRoad } from './road.js'

/** A model's files, read as far as a description needs it. */
export interface OpenModel extends ModelLocation {
  /** HF's config.json; of a model with images that of its text model. */
  readonly config: Readonly<Record<string, unknown>>
  readonly spec: DecoderSpec
  /** How a checkpoint in HF layout holds the parameters. */
  readonly layout: StoredLayout
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
export async function openModel(source: string | ModelLocation): Promise<OpenModel> {
  const location = locationOf(source)
  const road = await findRoad(location)
  if (road.name === 'graph') return openFound(location, road.files)
  throw usageError(
    `${location.path} can be decoded with alone, from its export to ONNX, since ${road.why}: this needs safetensors or a GGUF file of a family that there is a graph for.`,
  )
}

/** The same of files that were found. */
export async function openFound({ path, adapter }: ModelLocation, files: FoundFiles): Promise<OpenModel> {
  const model = 'gguf' in files ? await openGguf(path, files.gguf) : await openDirectory(path, files)
  if (adapter === undefined) return model
  return openedStore(model.store, async (store) => {
    return { ...model, adapter, ...(await withAdapter(adapter, { ...model, store })) }
  })
}

/** The settings of a model's author in a directory. */
export async function authorSettings(directory: string, config: OpenModel['config']): Promise<ConfigLayer> {
  const path = join(directory, 'generation_config.json')
  const own = await readJsonObjectIfThere(path, MOST_SETTINGS)
  if (own) return generationLayer({ ...tokenIds(config), ...own }, path)
  return generationLayer(generationFields(config), join(directory, 'config.json'))
}

async function openDirectory(
  path: string,
  { directory, weights, config: whole }: { directory: string; weights: string; config: OpenModel['config'] },
): Promise<OpenModel> {
  const configPath = join(directory, 'config.json')
  const text = textModelConfig(whole, configPath)
  const config = text === whole ? whole : passNumbers(whole.text_config as object, text)
  const spec = specFromConfig(config, configPath)
  const generationConfig = await authorSettings(directory, config)
  return openedStore(await openWeights(weights), async (opened) => {
    const layout = layoutFromConfig(whole, configPath) ?? {}
    const fitted = await fitHead(spec, parametersIn(opened, spec, layout, weights))
    const { tensors, unreadable } = fitted.store
    checkParameters(fitted.spec, fitted.store, weights)
    return {
      path,
      config,
      layout,
      ...fitted,
      unused: unusedTensors(fitted.spec, [...tensors.keys(), ...unreadable.keys()], weights),
      generationConfig,
      loadTokenizer: () => loadTokenizer(directory),
    }
  })
}

async function openGguf(path: string, file: string): Promise<OpenModel> {
  return openedStore(await openWeights(file, ggufTensors), async (opened) => {
    const config = { ...(await configFromGguf(opened)), ...endsOf(opened) }
    const spec = specFromConfig(config, file)
    const store = parametersIn(opened, spec, ggufLayout(config, file), file)
    checkParameters(spec, store, file)
    const [unused] = unusedTensors(spec, store.tensors.keys(), file)
    // As llama.cpp, which counts them.
    if (unused)
      throw new UserError(`${file} has the tensor ${unused}, which its metadata does not account for.`)
    return {
      path,
      config,
      spec,
      layout: layoutFromConfig(config, file) ?? {},
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

function tokenIds(config: OpenModel['config']) {
  const { bos_token_id, eos_token_id, pad_token_id } = config
  return { bos_token_id, eos_token_id, pad_token_id }
}

/** Fields that HF does not have: of these a config.json may say other things. */
const OWN_FIELDS = fieldsOf('words in place of token ids', 'one of several samples', 'thinking')

/** What a config.json of older models says about generation, which HF reads where there is no generation_config.json. */
function generationFields(config: OpenModel['config']): Record<string, unknown> {
  const own: readonly string[] = OWN_FIELDS
  const known = Object.keys(generationConfigSchema.shape).filter((name) => !own.includes(name))
  return Object.fromEntries(
    Object.entries(config).filter(([name, value]) => known.includes(name) && value !== null),
  )
}

function generationLayer(values: Record<string, unknown>, origin: string): ConfigLayer {
  return { values, origin, fromModel: true }
}
