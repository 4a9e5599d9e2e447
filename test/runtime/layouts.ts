import type { CacheLayout } from '../../src/models/decoder/layers.js'
import type { DecoderSpec } from '../../src/models/spec.js'
import { buildGraph } from '../../src/runtime/build.js'
import { DeviceKernels } from '../../src/runtime/device-rows.js'
import { OnnxModel } from '../../src/runtime/onnx-model.js'
import { PagedModel } from '../../src/runtime/paged-model.js'
import { createSession } from '../../src/runtime/session.js'
import { CHUNK } from '../../src/runtime/tree-graph.js'
import type { WeightStore } from '../../src/weights/index.js'

export const LAYOUTS = ['in-place', 'appended', 'paged', 'device'] as const satisfies readonly CacheLayout[]

/** A layout, under the name of a device that has it. */
const DEVICE_OF = { 'in-place': 'cpu', appended: 'cuda', device: 'webgpu', paged: 'cpu' } as const

/** The graph of a layout on the CPU's provider, in float32. */
export async function loadLayout(
  spec: DecoderSpec,
  store: WeightStore,
  layout: CacheLayout,
  taps: readonly number[] = [],
): Promise<OnnxModel | PagedModel> {
  const { graph, directory } = await buildGraph(spec, store, 'fp32', { layout, taps })
  const session = await createSession(graph, directory, { device: 'cpu', threads: 1 })
  const kernels = layout === 'device' ? await DeviceKernels.create(spec, 'cpu', 'float32', CHUNK) : undefined
  const tree = { session, spec, device: DEVICE_OF[layout], taps, kernels }
  return layout === 'paged' ? new PagedModel(tree) : new OnnxModel(tree)
}
