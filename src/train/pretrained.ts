import { UserError } from '../errors.js'
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

/** Fields that change what is trained, with the value that does not: what transformers does by others is not served. */
const UNTRAINED = { output_router_logits: false, router_jitter_noise: 0 } as const

/** @throws UserError, by the field's name, for a config.json by which transformers trains otherwise */
export function requireTrainable(config: Pretrained['config'], origin: string): void {
  for (const [name, neutral] of Object.entries(UNTRAINED)) {
    const value = config[name] ?? neutral
    if (value === neutral) continue
    throw new UserError(
      `${origin} cannot be trained as transformers does it: ${name} is ${JSON.stringify(value)}, and neither losses that balance experts nor noise in routers are served. Set it to ${neutral}.`,
    )
  }
}

/** All of a model's weights as they are trained, in float32. */
export async function readWeights(spec: DecoderSpec, store: WeightStore): Promise<Weights> {
  const weights: Weights = new Map()
  for (const { name } of parametersOf(spec)) weights.set(name, await store.read(name))
  return weights
}
