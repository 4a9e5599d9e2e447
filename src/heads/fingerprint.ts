import { UserError } from '../errors.js'
import { EMBEDDING } from '../models/parameters.js'
import type { DecoderSpec } from '../models/spec.js'
import type { Weights } from '../weights/index.js'

/**
 * What tells a model from others of the same shape: values of its embeddings and of its last norm, at places that are
 * spread over them. They are compared with the tolerance of float16, bfloat16 and int8, so that a converted model is
 * still the same one.
 */
export type Fingerprint = readonly number[]

const SAMPLES = 32
/** Of the largest value: int8 in blocks is off by up to 1/254. */
const TOLERANCE = 0.01

export function fingerprintOf({ vocabSize, hiddenSize }: DecoderSpec, weights: Weights): Fingerprint {
  const embedding = weights.get(EMBEDDING)!
  const norm = weights.get('model.norm.weight')!
  // A step that is no multiple of the width meets every column.
  const step = Math.floor((vocabSize * hiddenSize) / SAMPLES) | 1
  const ofEmbedding = Array.from({ length: SAMPLES }, (_, i) => embedding[(i * step) % embedding.length])
  const ofNorm = Array.from({ length: SAMPLES }, (_, i) => norm[Math.floor((i * norm.length) / SAMPLES)])
  return [...ofEmbedding, ...ofNorm].map((value) => Number(value.toPrecision(6)))
}

/**
 * @param trainedFor what the heads' config.json holds
 * @throws UserError where that is no fingerprint, or heads were trained for another model
 */
export function requireSameTarget(
  trainedFor: unknown,
  target: Fingerprint,
  { heads, model }: { heads: string; model: string },
): void {
  if (!isFingerprint(trainedFor)) {
    throw new UserError(
      `The config.json in ${heads} is damaged: base_model_fingerprint is no list of numbers.`,
    )
  }
  const halves = [0, SAMPLES].map((from) =>
    [trainedFor, target].map((each) => each.slice(from, from + SAMPLES)),
  )
  const isSame = halves.every(([a, b]) => {
    const largest = Math.max(...a.map(Math.abs))
    return a.length === b.length && a.every((value, i) => Math.abs(value - b[i]) <= TOLERANCE * largest)
  })
  if (isSame) return
  throw new UserError(
    `The heads in ${heads} were trained for another model than ${model}, though one of the same shape: train heads for this one.`,
  )
}

function isFingerprint(value: unknown): value is Fingerprint {
  return Array.isArray(value) && value.every((each) => typeof each === 'number')
}
