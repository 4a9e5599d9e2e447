import { UserError, usageError } from '../errors.js'
import type { Model } from '../model/model.js'
import { familyName } from '../models/families/index.js'
import type { DecoderSpec } from '../models/spec.js'
import type { WeightStore } from '../weights/index.js'
import { buildGraph } from './build.js'
import type { Device, Placement } from './device.js'
import { DeviceTooSmall, DeviceUnavailable } from './failures.js'
import { availableMemory, inWords } from './memory.js'
import { OnnxModel } from './onnx-model.js'
import { PagedModel } from './paged-model.js'
import { autoDevices, cacheLayoutOf } from './session.js'
import { autoRunType, checkParameters, floatType, type RunType, weightBytes } from './storage.js'
import { loadTree } from './tree-graph.js'

export interface RuntimeOptions {
  readonly dtype?: RunType | 'auto'
  readonly device?: Device | 'auto'
  readonly deviceId?: Placement['deviceId']
  /** Threads of an operator on the CPU; by default one a core. */
  readonly threads?: number
  /** Early exits whose scores the model gives beside its own, by HF's numbers of `hidden_states`. */
  readonly exits?: readonly number[] | ((spec: DecoderSpec) => readonly number[])
  /** Layers before the last whose states passes give where a drafter asks for them, by the same numbers. */
  readonly taps?: readonly number[] | ((spec: DecoderSpec) => readonly number[])
  readonly signal?: AbortSignal
  /** Bytes of converted weights, while a graph is built for the first time. */
  readonly onBuild?: (progress: { done: number; total: number }) => void
  /** A sentence for the user: the fallback to the CPU. */
  readonly onNotice?: (message: string) => void
}

export interface ManySequences {
  /** For many sequences at a time: on the CPU a model that runs passes of several caches as one, a `NativeBatchModel`. */
  readonly manySequences?: boolean
}

export interface LoadedOnnxModel<M extends Model = OnnxModel> extends Placement {
  readonly model: M
  readonly dtype: RunType
}

/**
 * Builds the graph for these weights and loads it.
 * @param origin the weights' path, for messages
 * @throws UserError for weights that do not fit the specification, a device that is not there or does not compute in the
 *   run type, or too little memory.
 */
export async function loadOnnxModel(
  spec: DecoderSpec,
  store: WeightStore,
  origin: string,
  options?: RuntimeOptions & { readonly manySequences?: false },
): Promise<LoadedOnnxModel>
export async function loadOnnxModel(
  spec: DecoderSpec,
  store: WeightStore,
  origin: string,
  options: RuntimeOptions & ManySequences,
): Promise<LoadedOnnxModel<OnnxModel | PagedModel>>
export async function loadOnnxModel(
  spec: DecoderSpec,
  store: WeightStore,
  origin: string,
  options: RuntimeOptions & ManySequences = {},
): Promise<LoadedOnnxModel<OnnxModel | PagedModel>> {
  const { device = 'auto', deviceId, dtype = 'auto', onNotice } = options
  checkParameters(spec, store, origin)
  const type = dtype === 'auto' ? autoRunType(spec, store, availableMemory()) : dtype
  const bytes = weightBytes(spec, type)
  const isSmall = bytes < SMALL
  const candidates = devicesFor(type, device, isSmall)
  checkMemory(bytes, type)
  let isTooSmall = false
  for (const candidate of candidates) {
    try {
      const placement = { device: candidate, deviceId }
      const model = await loadOn(placement, spec, store, type, options)
      // Where there is no GPU nobody has asked for one.
      if (isTooSmall && candidate === 'cpu')
        onNotice?.('The GPU is too small for the model: running on the CPU.')
      return { model, dtype: type, ...placement }
    } catch (error) {
      if (!(error instanceof DeviceUnavailable)) throw error
      if (candidate === candidates.at(-1)) throw device === 'auto' ? noDevice(type, error) : error
      if (error instanceof DeviceTooSmall) isTooSmall = true
    }
  }
  throw noDevice(type)
}

const WITHOUT_HALF = 'use --dtype fp32, int8 or int4'

/** Bytes of weights with which a pass is sooner done on the CPU: on a GPU, what it takes is to start many small kernels. */
const SMALL = 200e6

/** Those to try, best first; the CPU has hardly an operator for float16. */
function devicesFor(type: RunType, device: Device | 'auto', isSmall: boolean): Device[] {
  const half = floatType(type) === 'float16'
  if (half && device === 'cpu') throw usageError(`The CPU does not compute in ${type}: ${WITHOUT_HALF}.`)
  if (device !== 'auto') return [device]
  if (half) return autoDevices().filter((each) => each !== 'cpu')
  return isSmall ? ['cpu'] : autoDevices()
}

/** The error where no device was right for `auto`, which comes from half precision: else the CPU would have been. */
function noDevice(type: RunType, cause?: DeviceUnavailable): Error {
  // What it says after the colon is what to do to use the device.
  const reason = cause ? ` (${cause.message.split(':')[0]}.)` : ''
  return new UserError(`${type} needs a GPU, and none is usable: ${WITHOUT_HALF}.${reason}`, 1, { cause })
}

async function loadOn(
  placement: Placement,
  spec: DecoderSpec,
  store: WeightStore,
  type: RunType,
  {
    threads,
    signal,
    onBuild,
    exits: askedExits = [],
    taps: askedTaps = [],
    manySequences = false,
  }: RuntimeOptions & ManySequences,
): Promise<OnnxModel | PagedModel> {
  const isPaged = manySequences && placement.device === 'cpu'
  const layout = isPaged ? 'paged' : cacheLayoutOf(placement.device)
  const [exits, taps] = [askedExits, askedTaps].map((asked) =>
    typeof asked === 'function' ? asked(spec) : asked,
  )
  if (layout === 'device') checkSoftcap(spec, placement.device)
  checkExits(spec, type, exits)
  checkTaps(spec, taps)
  const build = async () => {
    const graph = await buildGraph(spec, store, type, { layout, exits, taps, signal, onProgress: onBuild })
    signal?.throwIfAborted()
    return graph
  }
  const tree = await loadTree(build, { spec, exits, taps, type: floatType(type) }, { ...placement, threads })
  return isPaged ? new PagedModel(tree) : new OnnxModel(tree)
}

/** WebGPU's operator takes a cap of scores and computes without it (ONNX Runtime 1.30). */
function checkSoftcap(spec: DecoderSpec, device: Device): void {
  if (spec.attentionSoftcap === undefined) return
  throw new DeviceUnavailable(
    `Attention on the device ${device} knows no soft cap, which ${familyName(spec)} has: use --device cpu.`,
  )
}

/** A residual stream beyond float16 is normed before all projections but those of exits. */
function checkExits(spec: DecoderSpec, type: RunType, exits: readonly number[]): void {
  if (exits.length === 0 || spec.residual !== 'float32' || floatType(type) === 'float32') return
  throw usageError(`Early exits of ${familyName(spec)} do not fit ${type}: ${WITHOUT_HALF}.`)
}

/** @throws UserError for layers that there are not, and the last one: what that gives is the residual state */
function checkTaps({ layers }: DecoderSpec, taps: readonly number[]): void {
  const missing = taps.find((layer) => !(Number.isInteger(layer) && layer >= 0 && layer < layers.length))
  if (missing === undefined) return
  throw usageError(`There is no layer ${missing} to tap: this model has 0 to ${layers.length - 1}.`)
}

/** Before minutes are spent on it, and before the system starts to kill processes. */
function checkMemory(needed: number, type: RunType): void {
  const free = availableMemory()
  if (needed <= free) return
  const smaller = type.startsWith('int4') ? 'use a smaller model' : 'use a smaller --dtype (int8, int4)'
  throw new UserError(
    `The weights need ${inWords(needed)} of memory as ${type}, but ${inWords(free)} are free: ${smaller}.`,
  )
}
