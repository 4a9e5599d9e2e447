import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ConfigLayer } from '../config/index.js'
import { requireKnownOptions } from '../config/settings.js'
import { usageError } from '../errors.js'
import { findCached, isModelId, type PullOptions, pullModel } from '../hub/index.js'
import { EvenPasses } from '../model/even-passes.js'
import type { Model } from '../model/model.js'
import type { DecoderSpec } from '../models/spec.js'
import type { Placement } from '../runtime/device.js'
import { loadOnnxModel, type ManySequences, type RuntimeOptions } from '../runtime/load.js'
import { checkDeviceId } from '../runtime/session.js'
import type { RunType } from '../runtime/storage.js'
import type { Tokenizer } from '../tokenizer/tokenizer.js'
import { adapterFiles, adapterInWords, readAdapterConfig } from './adapter.js'
import { BUILT_IN, BUILT_IN_DIRECTORY } from './built-in.js'
import { namedTensors } from './describe.js'
import { type ModelLocation, openModel } from './open.js'

export { type ModelLocation, type OpenModel, openModel } from './open.js'

/** A model that is ready to generate. */
export interface LanguageModel extends Placement, ModelLocation {
  readonly spec: DecoderSpec
  readonly dtype: RunType
  readonly tokenizer: Tokenizer
  readonly model: Model
  /** The settings of its author: generation_config.json over the token ids of config.json. */
  readonly generationConfig: ConfigLayer
  dispose(): Promise<void>
}

export interface LoadOptions extends RuntimeOptions, ManySequences {
  /** Directory or hub id of a LoRA adapter of PEFT that is merged into the model. */
  readonly adapter?: string
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
  taps: true,
  signal: true,
  onBuild: true,
  onNotice: true,
  manySequences: true,
  adapter: true,
  onPull: true,
  layers: true,
  exact: true,
}

/** The place of what has one, for what is to run beside it. */
export function placementOf({ device, deviceId }: Placement): Placement {
  return { device, deviceId }
}

/**
 * Loads a model.
 * @param source a directory in HF layout, a `.gguf` file, a hub id `org/name[@revision][:file.gguf]`, or `built-in`; what
 *   exists on disk comes first. An adapter stands for its base model with the adapter applied.
 * @throws UserError for an option that is not known, files that are missing, damaged or of an unsupported kind, a device that is not there or
 *   cannot be chosen, the hub's refusals, and too little memory
 */
export async function loadModel(source: string, options: LoadOptions = {}): Promise<LanguageModel> {
  requireKnownOptions(options, OPTIONS, 'loadModel()')
  checkDeviceId(options.device ?? 'auto', options.deviceId)
  if (options.exact && options.manySequences) {
    throw usageError('exact is for one sequence at a time: passes of many have no one shape. Leave it out.')
  }
  const opened = await openModel(await locate(source, options))
  const { path, adapter, store, generationConfig, unused } = opened
  if (unused.length > 0) options.onNotice?.(unusedNotice(path, unused))
  try {
    const spec = firstLayers(opened.spec, options.layers)
    const tokenizer = await opened.loadTokenizer()
    const loaded = await loadOnnxModel(spec, store, path, options)
    const model = options.exact ? new EvenPasses(loaded.model) : loaded.model
    return {
      path,
      adapter,
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

/** What a model's weights hold beside its parameters, in a sentence. */
function unusedNotice(path: string, unused: readonly string[]): string {
  return `${path} holds tensors that its configuration does not ask for, and which are not used: ${namedTensors(unused)}.`
}

/** @throws UserError, exit code 2, for layers that the model does not have, and for all of them */
export function firstLayers(spec: DecoderSpec, count = spec.layers.length): DecoderSpec {
  const { length } = spec.layers
  if (count === length) return spec
  if (count > 0 && count < length) return { ...spec, layers: spec.layers.slice(0, count) }
  throw usageError(`There is no early exit after layer ${count}: this model has ${length}.`)
}

/**
 * Where a model lies on disk, and its adapter, pulled from the hub where need be. An adapter in the place of a model is that of the
 * base model that it names.
 * @throws UserError for what is not there, and an adapter that names no base model
 */
export async function locate(source: string, options: LoadOptions = {}): Promise<ModelLocation> {
  const path = await locateModel(source, options)
  if (options.adapter !== undefined) {
    return { path, adapter: await locateModel(options.adapter, options, 'adapter') }
  }
  const base = await baseModel(path, options)
  return base === undefined ? { path } : { path: base, adapter: path }
}

/** Where the base model of an adapter lies; undefined for what is no adapter, or lies beside a model. */
async function baseModel(path: string, options: LoadOptions): Promise<string | undefined> {
  if (!(await stat(path)).isDirectory() || (await isThere(join(path, 'config.json')))) return undefined
  const adapter = await adapterFiles(path)
  if (!adapter) return undefined
  const { base } = await readAdapterConfig(path)
  const kind = `${path} holds ${adapterInWords(adapter)}`
  if (base === undefined) {
    throw usageError(`${kind} that names no base model: give that with -m, and the adapter with --adapter.`)
  }
  if (!(await isThere(base)) && !isModelId(base)) {
    throw usageError(
      `${kind} for ${base}, which is not here: give that model with -m, and the adapter with --adapter.`,
    )
  }
  options.onNotice?.(`${kind}: it is applied to its base model, ${base}.`)
  return locateModel(base, options)
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

/** The path of a model on disk, or of an adapter, pulled from the hub where need be. */
export async function locateModel(
  source: string,
  options: LoadOptions = {},
  what: 'model' | 'adapter' = 'model',
): Promise<string> {
  if (await isThere(source)) return source
  if (source === BUILT_IN && what === 'model') return BUILT_IN_DIRECTORY
  if (!isModelId(source)) {
    throw usageError(
      what === 'model'
        ? `There is no model at ${source}: give a directory, a .gguf file, a hub id such as org/name, or ${BUILT_IN}.`
        : `There is no adapter at ${source}: give its directory, or a hub id such as org/name.`,
    )
  }
  if (!isCached(source))
    options.onNotice?.(
      `There is no ${source} here: it is taken for the id of ${what === 'model' ? 'a model' : 'an adapter'} on the hub.`,
    )
  return pullModel(source, {
    onProgress: options.onPull,
    onNotice: options.onNotice,
    signal: options.signal,
  })
}

/** Whether a copy of a hub model is on disk, or several of which one has to be chosen. */
function isCached(id: string): boolean {
  try {
    return findCached(id) !== undefined
  } catch {
    return true
  }
}
