import { freemem } from 'node:os'
import { UserError } from '../errors.js'
import type { DecoderSpec } from '../models/spec.js'
import type { WeightStore } from '../weights/index.js'
import { buildGraph } from './build.js'
import { DeviceTooSmall, DeviceUnavailable } from './failures.js'
import { loadTree, OnnxModel } from './onnx-model.js'
import { autoDevices, cacheLayoutOf, type Device, type Placement } from './session.js'
import { autoRunType, checkParameters, type RunType, weightBytes } from './storage.js'

export interface RuntimeOptions {
  readonly dtype?: RunType | 'auto'
  readonly device?: Device | 'auto'
  readonly deviceId?: Placement['deviceId']
  /** Threads of an operator on the CPU; by default one a core. */
  readonly threads?: number
  /** Early exits whose scores the model gives beside its own, by HF's numbers of `hidden_states`. */
  readonly exits?: readonly number[] | ((spec: DecoderSpec) => readonly number[])
  readonly signal?: AbortSignal
  /** Bytes of converted weights, while a graph is built for the first time. */
  readonly onBuild?: (progress: { done: number; total: number }) => void
  /** A sentence for the user: the fallback to the CPU. */
  readonly onNotice?: (message: string) => void
}

export interface LoadedOnnxModel extends Placement {
  readonly model: OnnxModel
  readonly dtype: RunType
}

/**
 * Builds the graph for these weights and loads it.
 * @param origin the weights' path, for messages
 * @throws UserError for weights that do not fit the specification, a device that is not there, or too little memory.
 */
export async function loadOnnxModel(
  spec: DecoderSpec,
  store: WeightStore,
  origin: string,
  options: RuntimeOptions = {},
): Promise<LoadedOnnxModel> {
  const { device = 'auto', deviceId, dtype = 'auto', onNotice } = options
  checkParameters(spec, store, origin)
  const type = dtype === 'auto' ? autoRunType(spec, store, freemem()) : dtype
  checkMemory(spec, type)
  const candidates = device === 'auto' ? autoDevices() : [device]
  let obstacle = 'No usable GPU was found'
  for (const candidate of candidates) {
    try {
      const placement = { device: candidate, deviceId }
      const model = await loadOn(placement, spec, store, type, options)
      if (device === 'auto' && candidate === 'cpu') onNotice?.(`${obstacle}: running on the CPU.`)
      return { model, dtype: type, ...placement }
    } catch (error) {
      if (!(error instanceof DeviceUnavailable) || candidate === candidates.at(-1)) throw error
      if (error instanceof DeviceTooSmall) obstacle = 'The GPU is too small for the model'
    }
  }
  throw new RangeError('There is no device to try.')
}

async function loadOn(
  placement: Placement,
  spec: DecoderSpec,
  store: WeightStore,
  type: RunType,
  { threads, signal, onBuild, exits: asked = [] }: RuntimeOptions,
): Promise<OnnxModel> {
  const layout = cacheLayoutOf(placement.device)
  const exits = typeof asked === 'function' ? asked(spec) : asked
  const building = { layout, exits, signal, onProgress: onBuild }
  const { graph, directory } = await buildGraph(spec, store, type, building)
  signal?.throwIfAborted()
  return new OnnxModel(await loadTree(graph, directory, { spec, exits }, { ...placement, threads }))
}

/** Before minutes are spent on it, and before the system starts to kill processes. */
function checkMemory(spec: DecoderSpec, type: RunType): void {
  const needed = weightBytes(spec, type)
  const free = freemem()
  if (needed <= free) return
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`
  const smaller = type === 'int4' ? 'use a smaller model' : 'use a smaller --dtype (int8, int4)'
  throw new UserError(
    `The weights need ${gigabytes(needed)} of memory as ${type}, but ${gigabytes(free)} are free: ${smaller}.`,
  )
}
