import { parametersOf } from '../models/parameters.js'
import type { DecoderSpec } from '../models/spec.js'
import type { WeightStore, Weights } from '../weights/index.js'

/** All of a model's weights as they are trained, in float32. */
export async function readWeights(spec: DecoderSpec, store: WeightStore): Promise<Weights> {
  const weights: Weights = new Map()
  for (const { name } of parametersOf(spec)) weights.set(name, await store.read(name))
  return weights
}
