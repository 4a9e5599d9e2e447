import { decoderGraph, type InnerStates } from '../models/decoder/decoder.js'
import type { ParameterSource } from '../models/decoder/layers.js'
import { parametersOf } from '../models/parameters.js'
import type { DecoderSpec } from '../models/spec.js'
import { serialize } from '../onnx/serialize.js'
import type { Weights } from '../weights/index.js'
import { weightsOf } from './array-session.js'
import type { ManySequences, RuntimeOptions } from './load.js'
import { OnnxModel } from './onnx-model.js'
import * as ort from './ort.js'
import { PagedModel } from './paged-model.js'
import { loadTree } from './tree-graph.js'

export interface LiveModelOptions extends Pick<RuntimeOptions, 'threads'>, InnerStates {}

/** All parameters are inputs: constants would be packed when the session is made, and never be looked at again. */
const INPUTS: ParameterSource = { type: 'float32', data: () => 'input', quantised: () => undefined }

/**
 * A model over the caller's arrays, in float32 on the CPU: each pass reads the weights as they are at that time, so that a trainer's
 * step is seen by the next pass, and nothing is copied. Keys and values that caches hold are those of the weights before; no pass
 * may run while the arrays are written.
 * @param weights by HF's names, such as a trainer's
 * @throws UserError where the memory does not suffice
 * @throws RangeError for an array that is missing, or of another size than the specification's
 */
export async function liveModel(
  spec: DecoderSpec,
  weights: Weights,
  options?: LiveModelOptions & { readonly manySequences?: false },
): Promise<OnnxModel>
export async function liveModel(
  spec: DecoderSpec,
  weights: Weights,
  options: LiveModelOptions & { readonly manySequences: true },
): Promise<PagedModel>
export async function liveModel(
  spec: DecoderSpec,
  weights: Weights,
  { threads, manySequences = false, ...inner }: LiveModelOptions & ManySequences = {},
): Promise<OnnxModel | PagedModel> {
  const tensors = parametersOf(spec).map(({ name, shape }) => {
    return [name, new ort.Tensor('float32', weightsOf(name, shape, weights), shape)]
  })
  const graph = decoderGraph(spec, INPUTS, manySequences ? 'paged' : 'in-place', inner)
  const built = { graph: serialize(graph), directory: '' }
  const tree = await loadTree(() => built, { spec, ...inner }, { device: 'cpu', threads })
  const live = { ...tree, weights: Object.fromEntries(tensors) }
  return manySequences ? new PagedModel(live) : new OnnxModel(live)
}
