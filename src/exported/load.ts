import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import { UserError, usageError } from '../errors.js'
import { isJsonObject } from '../json.js'
import type { Lacks } from '../model/model.js'
import { DEVICES, type Device, type Placement } from '../runtime/device.js'
import { DeviceUnavailable } from '../runtime/failures.js'
import { requireExternalData } from './external-data.js'
import { chooseExport, type ExportedFile, type ExportType, exportedFiles, GRAPH_NAME } from './files.js'
import { type ExportedGraph, exportedGraph, lacksOf } from './graph.js'
import { ExportedModel, type ExportedSizes } from './model.js'
import { ownConfig } from './own-config.js'
import { loadSession } from './session.js'
import { readSignature } from './signature.js'

type Config = Readonly<Record<string, unknown>>

/** An export's files, read as far as a description needs it. */
export interface OpenExport {
  readonly directory: string
  readonly config: Config
  readonly files: readonly ExportedFile[]
  /** The chosen one. */
  readonly file: ExportedFile
  readonly graph: ExportedGraph
  readonly sizes: ExportedSizes
  readonly lacks: Lacks
  /** Where it is to run. */
  readonly device: Device
}

export interface ExportOptions {
  readonly dtype?: ExportType | 'auto'
  readonly device?: Device | 'auto'
}

/**
 * Reads what a directory's export is, without its weights.
 * @param paths of the directory's files, relative to it
 * @throws UserError for a dtype that is not there, a graph that cannot be decoded with, and files of weights that it lacks
 */
export async function openExport(
  directory: string,
  config: Config,
  paths: readonly string[],
  { dtype = 'auto', device = 'auto' }: ExportOptions = {},
): Promise<OpenExport> {
  requireFewLayers(config, join(directory, 'config.json'))
  const files = exportedFiles(paths)
  const chosen = device === 'auto' ? autoDevice(config, directory) : device
  const file = chooseExport(files, dtype, config, directory, chosen)
  const path = join(directory, file.path)
  const signature = await readSignature(path)
  const graph = exportedGraph(signature, path)
  await requireExternalData(path, signature.externalData)
  const sizes = sizesOf(config, graph, join(directory, 'config.json'))
  return { directory, config, files, file, graph, sizes, lacks: lacksOf(graph), device: chosen }
}

/** Names that architectures have for a count of layers (`num_hidden_layers`, `n_layer`, `num_transformer_layers`). */
const LAYER_COUNT = /(^|_)layers?$/
const MOST_LAYERS = 10_000

/**
 * transformers.js names the cache of each layer that config.json tells of, before it reads the graph.
 * @throws UserError for more layers than a model has, also where they are those of a part (`text_config`)
 */
function requireFewLayers(config: Config, origin: string): void {
  for (const [name, value] of Object.entries(config)) {
    if (isJsonObject(value)) requireFewLayers(value, origin)
    if (typeof value !== 'number' || value <= MOST_LAYERS || !LAYER_COUNT.test(name)) continue
    const most = MOST_LAYERS.toLocaleString('en')
    throw new UserError(`${origin}: ${name} is ${value}, and at most ${most} is read.`)
  }
}

/** transformers.js runs on the CPU, where config.json names nothing else. */
function autoDevice(config: Config, directory: string): Device {
  const named = ownConfig(config, GRAPH_NAME, directory).device
  return DEVICES.find((device) => device === named) ?? 'cpu'
}

/**
 * Has transformers.js load an export.
 * @param options.auto whether nobody asked for the device: what config.json names gives way to the CPU
 * @throws UserError as `loadSession`
 */
export async function loadExport(
  { directory, config, file, graph, sizes, device }: OpenExport,
  {
    auto = false,
    deviceId,
    threads = availableParallelism(),
    onNotice,
  }: Pick<Placement, 'deviceId'> & {
    readonly auto?: boolean
    readonly threads?: number
    readonly onNotice?: (message: string) => void
  } = {},
): Promise<Placement & { readonly model: ExportedModel }> {
  const loadOn = async (place: Device) => {
    const session = await loadSession(resolve(directory), config, file, { device: place, deviceId, threads })
    return { device: place, deviceId, model: new ExportedModel(session, graph, sizes, place) }
  }
  try {
    return await loadOn(device)
  } catch (error) {
    if (!auto || device === 'cpu' || !(error instanceof DeviceUnavailable)) throw error
    onNotice?.(`The device ${device}, which config.json names, cannot be used: running on the CPU.`)
    return loadOn('cpu')
  }
}

/** Names that architectures have for the longest sequence. */
const POSITIONS = [
  'max_position_embeddings',
  'n_positions',
  'n_ctx',
  'max_seq_len',
  'max_context_length',
  'seq_length',
  'max_sequence_length',
]
const WIDTHS = ['hidden_size', 'n_embd', 'd_model', 'model_dim', 'n_embed']

/** @throws UserError for sizes that config.json does not say */
function sizesOf(config: Config, { vocabSize }: ExportedGraph, origin: string): ExportedSizes {
  const size = (names: readonly string[]) => {
    const found = names.map((name) => config[name]).find((value) => value !== undefined && value !== null)
    if (found === undefined || (Number.isSafeInteger(found) && Number(found) > 0))
      return found as number | undefined
    throw usageError(`${origin}: ${names[0]} is ${JSON.stringify(found)}, not a positive integer.`)
  }
  const vocabulary = vocabSize ?? size(['vocab_size'])
  const maxPositions = size(POSITIONS)
  const missing = vocabulary === undefined ? 'vocab_size' : POSITIONS[0]
  if (vocabulary === undefined || maxPositions === undefined) {
    throw new UserError(`${origin}: ${missing} is missing, which says how large the model is: add it.`)
  }
  return { vocabSize: vocabulary, maxPositions, hiddenSize: size(WIDTHS) ?? 0 }
}
