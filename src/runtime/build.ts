import { open, realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { cacheDirectory } from '../cache-directory.js'
import { decoderGraph, type InnerStates } from '../models/decoder/decoder.js'
import type { CacheLayout, ParameterSource, QuantisedLinear } from '../models/decoder/layers.js'
import { type DecoderSpec, specIdentity } from '../models/spec.js'
import type { FloatType, InitializerData } from '../onnx/graph.js'
import { serialize } from '../onnx/serialize.js'
import { quantiseBlocks, toHalves, transpose, type WeightStore } from '../weights/index.js'
import { type Entry, keepEntry, readEntry, sha256, WEIGHT_FILE, type WrittenParameters } from './entry.js'
import { floatType, type RunType, type StoredParameter, storagePlan, storedBytes } from './storage.js'
import { TensorFile } from './tensor-file.js'

/** A graph that can be loaded: the bytes of an ONNX file, and the directory that its weight files lie in. */
export interface BuiltGraph {
  readonly graph: Uint8Array
  readonly directory: string
}

export interface BuildOptions extends InnerStates {
  readonly layout: CacheLayout
  /** Called as weights are converted; not called where nothing needs to be. */
  readonly onProgress?: (progress: { done: number; total: number }) => void
  readonly signal?: AbortSignal
  readonly env?: NodeJS.ProcessEnv
}

/** To be raised with every change of the graph or of how weights are stored. */
const VERSION = 10

/**
 * The graph for these weights. Safetensors of the run type's floats are mapped from where they lie; others are converted once
 * and kept with their graph under the XDG cache directory, keyed by weights, specification and run type.
 * @throws UserError where the cache cannot be written, or a weight is beyond float16, leaving nothing behind.
 */
export async function buildGraph(
  spec: DecoderSpec,
  store: WeightStore,
  type: RunType,
  options: BuildOptions,
): Promise<BuiltGraph> {
  const directory = storagePlan(spec, type, options.layout).every(isVerbatim)
    ? await mappableDirectory(spec, store, type)
    : undefined
  if (directory) {
    const graph = serialize(decoderGraph(spec, verbatimSource(store, type), options.layout, options))
    return { graph, directory }
  }
  const { layout, exits = [], taps = [] } = options
  // Pages want the same weights.
  const kept = layout === 'paged' ? 'in-place' : layout
  const key = JSON.stringify([VERSION, await store.fingerprint(), specIdentity(spec), type, kept])
  const entry = join(cacheDirectory('graphs', options.env), sha256(key).slice(0, 32))
  const { graph, parameters } =
    (await readEntry(entry)) ??
    (await keepEntry(
      entry,
      (directory) => writeEntry(directory, spec, store, type, { ...options, layout: kept }),
      options.signal,
    ))
  if (exits.length + taps.length === 0 && layout === kept) return { graph, directory: entry }
  // Graphs with exits and taps share the weights as well, and are made in no time.
  const source = sourceOf(parameters, type)
  return { graph: serialize(decoderGraph(spec, source, layout, options)), directory: entry }
}

/** Whether a parameter is held as a file of floats holds it. */
function isVerbatim({ bits, transposed }: StoredParameter): boolean {
  return bits >= 16 && !transposed
}

/** The one directory in which all parameters lie as the graph wants them, links followed. */
async function mappableDirectory(
  spec: DecoderSpec,
  store: WeightStore,
  type: RunType,
): Promise<string | undefined> {
  const names = storagePlan(spec, type).map(({ name }) => name)
  const dtype = floatType(type) === 'float32' ? 'F32' : 'F16'
  if (!names.every((name) => store.isVerbatim(name, dtype))) return undefined
  const files = new Set(names.map((name) => store.tensors.get(name)!.file))
  const real = await Promise.all([...files].map((file) => realpath(file)))
  const sameNames = [...files].every((file, i) => basename(file) === basename(real[i]))
  const directories = new Set(real.map((file) => dirname(file)))
  return sameNames && directories.size === 1 ? [...directories][0] : undefined
}

function verbatimSource(store: WeightStore, type: RunType): ParameterSource {
  const data = (name: string): InitializerData => {
    const { file, offset, byteLength } = store.tensors.get(name)!
    return { file: basename(file), offset, length: byteLength }
  }
  return { type: floatType(type), data, quantised: () => undefined }
}

/** Writes the weight file of an entry into a directory. */
async function writeEntry(
  directory: string,
  spec: DecoderSpec,
  store: WeightStore,
  type: RunType,
  options: BuildOptions,
): Promise<Entry> {
  const plan = storagePlan(spec, type, options.layout)
  const parameters = await writeWeights(join(directory, WEIGHT_FILE), plan, store, options)
  return { graph: serialize(decoderGraph(spec, sourceOf(parameters, type), options.layout)), parameters }
}

async function writeWeights(
  path: string,
  plan: readonly StoredParameter[],
  store: WeightStore,
  { onProgress, signal }: BuildOptions,
): Promise<WrittenParameters> {
  const plain: Record<string, InitializerData> = {}
  const transposed: Record<string, InitializerData> = {}
  const quantised: Record<string, QuantisedLinear> = {}
  const total = plan.reduce((sum, parameter) => sum + storedBytes(parameter).values, 0)
  const file = new TensorFile(WEIGHT_FILE, await open(path, 'w'))
  try {
    for (const parameter of plan) {
      signal?.throwIfAborted()
      onProgress?.({ done: file.length, total })
      const values = await readRows(store, parameter)
      const { name, bits, type, shape } = parameter
      if (bits === 8 || bits === 4) quantised[name] = await appendQuantised(file, parameter, bits, values)
      else {
        const floats = asFloats(values, type, name)
        if (!parameter.transposed) plain[name] = await file.append(floats)
        else transposed[name] = await file.append(transpose(floats, shape[0], shape[1]))
      }
    }
    await file.handle.sync()
  } finally {
    await file.handle.close()
  }
  return { plain, transposed, quantised }
}

function sourceOf({ plain, transposed, quantised }: WrittenParameters, type: RunType): ParameterSource {
  return {
    type: floatType(type),
    data: (name) => plain[name],
    transposed: (name) => transposed[name],
    quantised: (name) => quantised[name],
    table: (name) => (plain[name] ? undefined : quantised[name]),
  }
}

/** The rows of all parts, one below the other. */
async function readRows(store: WeightStore, { shape, parts }: StoredParameter): Promise<Float32Array> {
  if (parts.length === 1) return store.read(parts[0].name)
  const values = new Float32Array(shape[0] * shape[1])
  let offset = 0
  for (const part of parts) {
    const rows = await store.read(part.name)
    values.set(rows, offset)
    offset += rows.length
  }
  return values
}

async function appendQuantised(
  file: TensorFile,
  { name, shape, type, blockSize }: StoredParameter,
  bits: 8 | 4,
  values: Float32Array,
): Promise<QuantisedLinear> {
  const { packed, scales } = quantiseBlocks(values, shape[0], shape[1], bits, blockSize)
  return {
    bits,
    blockSize,
    packed: await file.append(packed),
    scales: await file.append(asFloats(scales, type, name)),
  }
}

function asFloats(values: Float32Array, type: FloatType, name: string): Float32Array | Uint16Array {
  return type === 'float32' ? values : toHalves(values, name)
}
