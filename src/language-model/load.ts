import type { ConfigLayer } from '../config/index.js'
import { requireKnownOptions } from '../config/settings.js'
import { usageError } from '../errors.js'
import type { PullOptions } from '../hub/index.js'
import { EvenPasses } from '../model/even-passes.js'
import type { Lacks, Model } from '../model/model.js'
import type { DecoderSpec } from '../models/spec.js'
import type { Placement } from '../runtime/device.js'
import { loadOnnxModel, type ManySequences, type RuntimeOptions } from '../runtime/load.js'
import { checkDeviceId } from '../runtime/session.js'
import type { RunType } from '../runtime/storage.js'
import { loadTokenizer, type Tokenizer } from '../tokenizer/tokenizer.js'
import { namedTensors } from './describe.js'
import type { FoundFiles, ModelLocation } from './files.js'
import { locate } from './locate.js'
import { authorSettings, openFound } from './open.js'
import { withoutGraph } from './own-graph.js'
import { findRoad, type Road } from './road.js'

export type { ModelLocation } from './files.js'
export { locate, locateModel } from './locate.js'
export { type OpenModel, openModel } from './open.js'

/** A model that is ready to generate. */
export interface LanguageModel extends Placement, ModelLocation {
  /** Of a graph of our own; an export to ONNX has none. */
  readonly spec?: DecoderSpec
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
  /** Called before weights are read, so that what the model cannot serve is refused by then. */
  readonly check?: (known: KnownModel) => void
}

/** What is known of a model before its weights are read. */
export interface KnownModel extends Pick<LanguageModel, 'path' | 'generationConfig'> {
  readonly lacks: Lacks
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
  check: true,
}

/** The place of what has one, for what is to run beside it. */
export function placementOf({ device, deviceId }: Placement): Placement {
  return { device, deviceId }
}

/**
 * Loads a model.
 * @param source a directory in HF layout, a `.gguf` file, a hub id `org/name[@revision][:file.gguf or :Q4_K_M]`, or `built-in`; what
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
  const located = await locate(source, options)
  const road = await findRoad(located)
  return road.name === 'export'
    ? loadExported(located.path, road, options)
    : loadOwn(located, road.files, options)
}

async function loadOwn(
  location: ModelLocation,
  files: FoundFiles,
  options: LoadOptions,
): Promise<LanguageModel> {
  const opened = await openFound(location, files)
  const { path, adapter, store, generationConfig, unused } = opened
  if (unused.length > 0) options.onNotice?.(unusedNotice(path, unused))
  try {
    options.check?.({ path, generationConfig, lacks: {} })
    const spec = firstLayers(opened.spec, options.layers)
    if (options.exact && spec.experts) {
      throw usageError(
        `exact needs passes of one shape, and each expert of ${path} is given the tokens that take it. Leave it out.`,
      )
    }
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

/** Loads an export to ONNX. @throws UserError for what takes a graph of our own, before it loads anything */
async function loadExported(
  path: string,
  { directory, config, paths }: Extract<Road, { name: 'export' }>,
  options: LoadOptions,
): Promise<LanguageModel> {
  for (const [option, purpose] of Object.entries(OWN_GRAPH_ALONE)) {
    if (options[option as keyof LoadOptions]) throw withoutGraph(path, purpose)
  }
  const { openExport, loadExport } = await import('../exported/load.js')
  const opened = await openExport(directory, config, paths, options)
  const generationConfig = await authorSettings(directory, config)
  options.check?.({ path, generationConfig, lacks: opened.lacks })
  const tokenizer = await loadTokenizer(directory)
  const { device = 'auto' } = options
  const loaded = await loadExport(opened, { ...options, auto: device === 'auto' })
  const { model } = loaded
  return {
    path,
    tokenizer,
    ...loaded,
    dtype: opened.file.type,
    generationConfig,
    dispose: () => model.dispose(),
  }
}

/** What options ask of a graph of our own for. */
const OWN_GRAPH_ALONE = {
  exits: 'DoLa needs early exits',
  layers: 'An early exit needs the first layers',
  taps: "What drafts needs states of the model's layers",
  exact: '--exact needs passes of one shape',
} as const satisfies Partial<Record<keyof LoadOptions, string>>

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
