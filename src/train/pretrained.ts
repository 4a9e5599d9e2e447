import type { StoredLayout } from '../models/layout.js'
import { parametersOf } from '../models/parameters.js'
import type { DecoderSpec } from '../models/spec.js'
import type { Tokenizer } from '../tokenizer/tokenizer.js'
import type { WeightStore, Weights } from '../weights/index.js'

/** A model to be trained, or to learn from. */
export interface Pretrained {
  readonly path: string
  readonly spec: DecoderSpec
  /** How a checkpoint in HF layout holds the parameters. */
  readonly layout: StoredLayout
  /** HF's config.json. */
  readonly config: Readonly<Record<string, unknown>>
  readonly weights: Weights
  readonly tokenizer: Tokenizer
  /** Where the tokenizer's files lie. */
  readonly directory: string
  /** What tells it from other models when a run is resumed. */
  readonly fingerprint: string
}

/** All of a model's weights as they are trained, in float32. */
export async function readWeights(spec: DecoderSpec, store: WeightStore): Promise<Weights> {
  const weights: Weights = new Map()
  for (const { name } of parametersOf(spec)) weights.set(name, await store.read(name))
  return weights
}
