import { createHash, randomUUID } from 'node:crypto'
import { mkdir, open, readdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { cacheDirectory } from '../cache-directory.js'
import { UserError } from '../errors.js'
import { decoderGraph } from '../models/decoder.js'
import type { CacheLayout, ParameterSource, QuantisedLinear } from '../models/layers.js'
import type { DecoderSpec } from '../models/spec.js'
import type { FloatType, TensorData } from '../onnx/graph.js'
import { serialize } from '../onnx/serialize.js'
import { quantiseBlocks, toHalves, transpose, type WeightStore } from '../weights/index.js'
import {
  floatType,
  isQuantised,
  type RunType,
  type StoredParameter,
  storagePlan,
  storedBytes,
} from './storage.js'
import { TensorFile } from './tensor-file.js'

/** A graph that can be loaded: the bytes of an ONNX file, and the directory that its weight files lie in. */
export interface BuiltGraph {
  readonly graph: Uint8Array
  readonly directory: string
}

export interface BuildOptions {
  readonly layout: CacheLayout
  /** Early exits of the graph, see `decoderGraph`. */
  readonly exits?: readonly number[]
  /** Called as weights are converted; not called where nothing needs to be. */
  readonly onProgress?: (progress: { done: number; total: number }) => void
  readonly signal?: AbortSignal
  readonly env?: NodeJS.ProcessEnv
}

/** What the files of an entry have to be, so that a damaged one is built again instead of loaded. */
interface Manifest {
  /** SHA-256 of the graph, hexadecimal. */
  readonly graph: string
  /** Bytes of the weights; to hash them would take longer than to load them. */
  readonly weights: number
  readonly parameters: WrittenParameters
}

/** Where the parameters lie in the weight file, by name. */
interface WrittenParameters {
  readonly plain: Readonly<Record<string, TensorData>>
  readonly transposed: Readonly<Record<string, TensorData>>
  readonly quantised: Readonly<Record<string, QuantisedLinear>>
}

/** An entry that is there and whole; its graph has no early exits. */
interface Entry {
  readonly graph: Uint8Array
  readonly parameters: WrittenParameters
}

/** To be raised with every change of the graph or of how weights are stored. */
const VERSION = 9
const WEIGHT_FILE = 'weights.bin'
const GRAPH_FILE = 'graph.onnx'
const MANIFEST_FILE = 'entry.json'

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
  const isVerbatim = !isQuantised(type) && !transposes(options.layout)
  const directory = isVerbatim ? await mappableDirectory(spec, store, type) : undefined
  if (directory) {
    const graph = serialize(decoderGraph(spec, verbatimSource(store, type), options.layout, options.exits))
    return { graph, directory }
  }
  const { layout, exits = [] } = options
  // Pages want the same weights.
  const kept = layout === 'paged' ? 'in-place' : layout
  const key = JSON.stringify([VERSION, await store.fingerprint(), spec, type, kept])
  const entry = join(cacheDirectory('graphs', options.env), sha256(key).slice(0, 32))
  const { graph, parameters } =
    (await readEntry(entry)) ?? (await buildEntry(entry, spec, store, type, { ...options, layout: kept }))
  if (exits.length === 0 && layout === kept) return { graph, directory: entry }
  // Graphs with exits share the weights as well, and are made in no time.
  const source = sourceOf(parameters, type)
  return { graph: serialize(decoderGraph(spec, source, layout, exits)), directory: entry }
}

async function readEntry(entry: string): Promise<Entry | undefined> {
  try {
    const manifest: Manifest = JSON.parse(await readFile(join(entry, MANIFEST_FILE), 'utf8'))
    const graph = await readFile(join(entry, GRAPH_FILE))
    const { size } = await stat(join(entry, WEIGHT_FILE))
    const whole = sha256(graph) === manifest.graph && size === manifest.weights
    return whole ? { graph, parameters: manifest.parameters } : undefined
  } catch {
    // Whatever cannot be read is built again, and what then fails says why.
    return undefined
  }
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}

/** WebGPU's products with [in, out] read memory two to four times as fast as those with [out, in]. */
function transposes(layout: CacheLayout): boolean {
  return layout === 'device'
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
  const data = (name: string): TensorData => {
    const { file, offset, byteLength } = store.tensors.get(name)!
    return { file: basename(file), offset, length: byteLength }
  }
  return { type: floatType(type), data, quantised: () => undefined }
}

/** Writes an entry of the cache beside its place and moves it there when it is whole. */
async function buildEntry(
  entry: string,
  spec: DecoderSpec,
  store: WeightStore,
  type: RunType,
  options: BuildOptions,
): Promise<Entry> {
  const temporary = `${entry}.${randomUUID()}.${process.pid}.tmp`
  try {
    await removeAbandoned(dirname(entry))
    await mkdir(temporary, { recursive: true })
    const weights = join(temporary, WEIGHT_FILE)
    const parameters = await writeWeights(
      weights,
      storagePlan(spec, type, transposes(options.layout)),
      store,
      options,
    )
    const graph = serialize(decoderGraph(spec, sourceOf(parameters, type), options.layout))
    const manifest: Manifest = { graph: sha256(graph), weights: (await stat(weights)).size, parameters }
    await writeFile(join(temporary, GRAPH_FILE), graph)
    await writeFile(join(temporary, MANIFEST_FILE), JSON.stringify(manifest))
    await moveIntoPlace(temporary, entry)
    return { graph, parameters }
  } catch (error) {
    throw cacheError(error, dirname(entry))
  } finally {
    // Where it cannot be removed it could not be made either, and the reason is on its way.
    await rm(temporary, { recursive: true, force: true }).catch(() => {})
  }
}

/** Another process may have built the same entry meanwhile: then its one is as good. A damaged one is replaced. */
async function moveIntoPlace(temporary: string, entry: string): Promise<void> {
  if (await readEntry(entry)) return
  await rm(entry, { recursive: true, force: true })
  await rename(temporary, entry).catch(async (error) => {
    if (!(await readEntry(entry))) throw error
  })
}

/** What processes that were killed left behind. */
async function removeAbandoned(root: string): Promise<void> {
  const names = await readdir(root).catch(() => [])
  for (const name of names) {
    const pid = /\.(\d+)\.tmp$/.exec(name)?.[1]
    if (pid && !isAlive(Number(pid))) await rm(join(root, name), { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function writeWeights(
  path: string,
  plan: readonly StoredParameter[],
  store: WeightStore,
  { onProgress, signal }: BuildOptions,
): Promise<WrittenParameters> {
  const plain: Record<string, TensorData> = {}
  const transposed: Record<string, TensorData> = {}
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

function cacheError(error: unknown, root: string): unknown {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new UserError(
      `The disk of the graph cache at ${root} is full: free some space, or set XDG_CACHE_HOME to another disk.`,
      1,
      { cause: error },
    )
  }
  // Of the system's errors alone the code is a string: what aborts the build passes as it is.
  if (typeof code !== 'string' || error instanceof UserError) return error
  const remedy = 'set XDG_CACHE_HOME to a directory that can be written'
  return new UserError(`The graph cache at ${root} cannot be written (${message}): ${remedy}.`, 1, {
    cause: error,
  })
}
