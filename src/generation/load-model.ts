import { readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { UserError, usageError } from '../errors.js'
import { isModelId, type PullOptions, pullModel } from '../hub/index.js'
import { type DecoderSpec, specFromConfig } from '../models/spec.js'
import { loadOnnxModel, type RuntimeOptions, type SequenceOptions } from '../runtime/load.js'
import { checkDeviceId, type Placement } from '../runtime/session.js'
import type { RunType } from '../runtime/storage.js'
import { EvenPasses } from '../strategies/even-passes.js'
import type { Model } from '../strategies/types.js'
import { tokenizerFromGguf } from '../tokenizer/gguf-tokenizer.js'
import { loadTokenizer, type Tokenizer } from '../tokenizer/tokenizer.js'
import { configFromGguf, openWeights, type WeightStore } from '../weights/index.js'
import { BUILT_IN, BUILT_IN_DIRECTORY } from './built-in.js'
import type { ConfigLayer } from './config.js'
import { requireKnownOptions } from './settings.js'

/** A model that is ready to generate. */
export interface LanguageModel extends Placement {
  /** Directory or file that it was loaded from. */
  readonly path: string
  readonly spec: DecoderSpec
  readonly dtype: RunType
  readonly tokenizer: Tokenizer
  readonly model: Model
  /** The settings of its author: generation_config.json over the token ids of config.json. */
  readonly generationConfig: ConfigLayer
  dispose(): Promise<void>
}

export interface LoadOptions extends RuntimeOptions, SequenceOptions {
  /** While a model is pulled from the hub. */
  readonly onPull?: PullOptions['onProgress']
  /** Only so many of the first layers, and what follows the last one: a model that drafts for the whole by early exit. */
  readonly layers?: number
  /**
   * All passes have one shape, so that drafts change no text where weights are quantised, either; passes of few tokens take longer.
   * Not for many sequences at a time.
   */
  readonly exact?: boolean
}

/** Held to the interface, so that none is forgotten. */
const OPTIONS: Readonly<Record<keyof LoadOptions, true>> = {
  dtype: true,
  device: true,
  deviceId: true,
  threads: true,
  exits: true,
  signal: true,
  onBuild: true,
  onNotice: true,
  manySequences: true,
  onPull: true,
  layers: true,
  exact: true,
}

/** The place of what has one, for what is to run beside it. */
export function placementOf({ device, deviceId }: Placement): Placement {
  return { device, deviceId }
}

/** A model's files, read as far as a description needs it. */
export interface OpenModel {
  readonly path: string
  readonly config: Readonly<Record<string, unknown>>
  readonly spec: DecoderSpec
  readonly store: WeightStore
  readonly generationConfig: ConfigLayer
  loadTokenizer(): Promise<Tokenizer>
}

/**
 * Loads a model.
 * @param source a directory in HF layout, a `.gguf` file, a hub id `org/name[@revision][:file.gguf]`, or `built-in`; what
 *   exists on disk comes first
 * @throws UserError for an option that is not known, files that are missing, damaged or of an unsupported kind, a device that is not there or
 *   cannot be chosen, the hub's refusals, and too little memory
 */
export async function loadModel(source: string, options: LoadOptions = {}): Promise<LanguageModel> {
  requireKnownOptions(options, OPTIONS, 'loadModel()')
  checkDeviceId(options.device ?? 'auto', options.deviceId)
  if (options.exact && options.manySequences) {
    throw usageError('exact is for one sequence at a time: passes of many have no one shape. Leave it out.')
  }
  const opened = await openModel(await locateModel(source, options))
  const { path, store, generationConfig } = opened
  try {
    const spec = firstLayers(opened.spec, options.layers)
    const tokenizer = await opened.loadTokenizer()
    const loaded = await loadOnnxModel(spec, store, path, options)
    const model = options.exact ? new EvenPasses(loaded.model) : loaded.model
    return {
      path,
      spec,
      tokenizer,
      ...loaded,
      model,
      generationConfig,
      dispose: () => loaded.model.dispose(),
    }
  } finally {
    await store.close()
  }
}

/** @throws UserError, exit code 2, for layers that the model does not have, and for all of them */
export function firstLayers(spec: DecoderSpec, count = spec.layers.length): DecoderSpec {
  const { length } = spec.layers
  if (count === length) return spec
  if (count > 0 && count < length) return { ...spec, layers: spec.layers.slice(0, count) }
  throw usageError(`There is no early exit after layer ${count}: this model has ${length}.`)
}

/** The path of a model on disk, pulled from the hub where need be. */
export async function locateModel(source: string, options: LoadOptions = {}): Promise<string> {
  const exists = await stat(source).catch(() => undefined)
  if (exists) return source
  if (source === BUILT_IN) return BUILT_IN_DIRECTORY
  if (!isModelId(source)) {
    throw usageError(
      `There is no model at ${source}: give a directory, a .gguf file, a hub id such as org/name, or ${BUILT_IN}.`,
    )
  }
  return pullModel(source, {
    onProgress: options.onPull,
    onNotice: options.onNotice,
    signal: options.signal,
  })
}

/** Opens a model's files; the caller closes `store`. */
export async function openModel(path: string): Promise<OpenModel> {
  const isDirectory = (await stat(path)).isDirectory()
  if (!isDirectory && path.endsWith('.gguf')) return openGgufModel(path)
  const directory = isDirectory ? path : dirname(path)
  const config = await readJson(join(directory, 'config.json'))
  if (!config) {
    throw new UserError(`${directory} has no config.json: give the directory of a model, or a .gguf file.`)
  }
  const spec = specFromConfig(config, join(directory, 'config.json'))
  const own = await readJson(join(directory, 'generation_config.json'))
  const store = await openWeights(path)
  return {
    path,
    config,
    spec,
    store,
    generationConfig: generationLayer(
      { ...tokenIds(config), ...own },
      join(directory, 'generation_config.json'),
    ),
    loadTokenizer: () => loadTokenizer(directory),
  }
}

async function openGgufModel(path: string): Promise<OpenModel> {
  const store = await openWeights(path)
  try {
    const config = await configFromGguf(store)
    const spec = specFromConfig(config, path)
    return {
      path,
      config,
      spec,
      store,
      generationConfig: generationLayer(tokenIds(config), path),
      loadTokenizer: () => loadTokenizer(tokenizerFromGguf(store.metadata)),
    }
  } catch (error) {
    await store.close()
    throw error
  }
}

function tokenIds({ bos_token_id, eos_token_id, pad_token_id }: Readonly<Record<string, unknown>>) {
  return { bos_token_id, eos_token_id, pad_token_id }
}

function generationLayer(values: Record<string, unknown>, origin: string): ConfigLayer {
  return { values, origin, fromModel: true }
}

async function readJson(path: string): Promise<Record<string, unknown> | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new UserError(`${path} cannot be read: ${(error as Error).message}`, 1, { cause: error })
  }
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>
    }
  } catch {
    // Said below.
  }
  throw new UserError(`${path} is not a JSON object: download the model again.`)
}
