import type { InnerStates } from '../models/decoder/decoder.js'
import type { DecoderSpec } from '../models/spec.js'
import type { FloatType } from '../onnx/graph.js'
import type { BuiltGraph } from './build.js'
import type { Device } from './device.js'
import { DeviceKernels } from './device-rows.js'
import type * as ort from './ort.js'
import { cacheLayoutOf, createSession, type SessionOptions } from './session.js'

/** Most tokens of one run of the graph: longer prompts go in several, which bounds the memory of activations. */
export const CHUNK = 128

/** Where a graph over token trees runs, and what of a model it is. */
export interface TreeGraph extends InnerStates {
  readonly session: ort.InferenceSession
  readonly spec: DecoderSpec
  readonly device: Device
  /** Of the cache; float32 by default. */
  readonly type?: FloatType
  /** For a cache on the device. */
  readonly kernels?: DeviceKernels
  /** The parameters that are inputs of the graph, given to each run. */
  readonly weights?: Readonly<Record<string, ort.Tensor>>
}

/**
 * Loads a graph over token trees, made for the device's layout.
 * @param build makes the graph, once the device is known to be of use
 * @throws UserError as `createSession`
 */
export async function loadTree(
  build: () => BuiltGraph | Promise<BuiltGraph>,
  { spec, exits, taps, type = 'float32' }: Pick<TreeGraph, 'spec' | 'exits' | 'taps' | 'type'>,
  options: SessionOptions,
): Promise<TreeGraph> {
  const { device } = options
  const isOnDevice = cacheLayoutOf(device) === 'device'
  const kernels = isOnDevice ? await DeviceKernels.create(spec, device, type, CHUNK) : undefined
  try {
    const { graph, directory } = await build()
    const session = await createSession(graph, directory, options)
    return { session, spec, device, type, kernels, exits, taps }
  } catch (error) {
    await kernels?.dispose()
    throw error
  }
}
