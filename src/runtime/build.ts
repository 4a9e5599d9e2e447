import { open, realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { cacheDirectory } from '../cache-directory.js'
import { decoderGraph, type InnerStates } from '../models/decoder/decoder.js'
import type { CacheLayout, ParameterSource, QuantisedLinear } from '../models/decoder/layers.js'
import { type DecoderSpec, specIdentity } from '../models/spec.js'
import type { FloatType, InitializerData } from '../onnx/graph.js'
import { serialize } from '../onnx/serialize.js'
import { elements } from '../onnx/shapes.js'
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
  const plan = storagePlan(spec, type, options.layout)
  const directory = plan.every(isVerbatim) ? await mappableDirectory(plan, store, type) : undefined
  if (directory) {
    const graph = serialize(decoderGraph(spec, verbatimSource(store, type), options.layout, options))
    return { graph, directory }
  }
  const { layout, exits = [], taps = [] } = options
  // Pages want the same weights.
  const kept = layout === 'paged' ? 'in-place' : layout
  // Stacked experts came after this version: entries of all else keep their names.
  const experts = plan.some(({ interleaved }) => interleaved) ? ['stacked experts'] : []
  const key = JSON.stringify([VERSION, await store.fingerprint(), specIdentity(spec), type, kept, ...experts])
  const entry = join(cacheDirectory('graphs', options.env), sha256(key).slice(0, 32))
  const { graph, parameters } =
    (await readEntry(entry)) ??
    (await keepEntry(
      entry,
      (directory) => writeEntry(directory, spec, plan, store, type, { ...options, layout: kept }),
      options.signal,
    ))
  if (exits.length + taps.length === 0 && layout === kept) return { graph, directory: entry }
  // Graphs with exits and taps share the weights as well, and are made in no time.
  const source = sourceOf(parameters, type)
  return { graph: serialize(decoderGraph(spec, source, layout, options)), directory: entry }
}

/** Whether a parameter is held as a file of floats holds it. */
function isVerbatim({ bits, transposed, parts }: StoredParameter): boolean {
  return bits >= 16 && !transposed && parts.length === 1
}

/** The one directory in which all parameters lie as the graph wants them, links followed. */
async function mappableDirectory(
  plan: readonly StoredParameter[],
  store: WeightStore,
  type: RunType,
): Promise<string | undefined> {
  const names = plan.map(({ name }) => name)
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
  plan: readonly StoredParameter[],
  store: WeightStore,
  type: RunType,
  options: BuildOptions,
): Promise<Entry> {
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
    const advance = () => {
      signal?.throwIfAborted()
      onProgress?.({ done: file.length, total })
    }
    for (const parameter of plan) {
      const { name, bits, type, shape } = parameter
      const pieces = piecesOf(store, parameter, advance)
      if (bits === 8 || bits === 4) {
        quantised[name] = await appendQuantised(file, parameter, bits, await whole(pieces, parameter))
      } else if (parameter.transposed) {
        const floats = asFloats(await whole(pieces, parameter), type, name)
        transposed[name] = await file.append(transpose(floats, shape[0], shape[1]))
      } else plain[name] = await file.appendPieces(eachAsFloats(pieces, type, name))
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
    stacked: (name) => plain[name],
    table: (name) => (plain[name] ? undefined : quantised[name]),
  }
}

/** The rows of all parts in their order: of one part at a time, or of two whose rows take turns. */
async function* piecesOf(
  store: WeightStore,
  { parts, interleaved }: StoredParameter,
  advance: () => void,
): AsyncGenerator<Float32Array> {
  const together = interleaved ? 2 : 1
  for (let i = 0; i < parts.length; i += together) {
    advance()
    const first = await store.read(parts[i].name)
    if (!interleaved) yield first
    else yield inTurns(first, await store.read(parts[i + 1].name), parts[i].shape[1])
  }
}

/** A row of one, a row of the other, and so on. */
function inTurns(a: Float32Array, b: Float32Array, width: number): Float32Array {
  const rows = new Float32Array(a.length + b.length)
  for (let at = 0; at < a.length; at += width) {
    rows.set(a.subarray(at, at + width), 2 * at)
    rows.set(b.subarray(at, at + width), 2 * at + width)
  }
  return rows
}

/** All pieces, one below the other. */
async function whole(
  pieces: AsyncIterable<Float32Array>,
  { shape, parts }: StoredParameter,
): Promise<Float32Array> {
  const values = new Float32Array(parts.length > 1 ? elements(shape) : 0)
  let offset = 0
  for await (const piece of pieces) {
    if (parts.length === 1) return piece
    values.set(piece, offset)
    offset += piece.length
  }
  return values
}

async function* eachAsFloats(pieces: AsyncIterable<Float32Array>, type: FloatType, name: string) {
  for await (const piece of pieces) yield asFloats(piece, type, name)
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
