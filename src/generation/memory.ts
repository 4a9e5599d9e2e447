import { type GenerationConfig, sequenceCount } from '../config/index.js'
import { usageError } from '../errors.js'
import { cachedNumbers } from '../models/cached-tensors.js'
import type { DecoderSpec } from '../models/spec.js'
import { availableMemory, inWords } from '../runtime/memory.js'

export interface MemoryRequest {
  readonly promptLength: number
  /** The most tokens that a sequence may have, prompt included. */
  readonly maxLength: number
  readonly vocabSize: number
  /** Says what a token takes in the cache. */
  readonly spec: DecoderSpec | undefined
}

/** Scores of a step by sequence: as the model gives them, as ONNX Runtime's binding copies them, and as processors leave them. */
const SCORE_COPIES = 3
/** What a sequence takes beside its tokens: its text, its history, its places in lists. */
const SEQUENCE = 20_000
/** Tokens since which beams differ, for they have most of their history in common. */
const APART = 64

/**
 * The bytes that a request needs at its most. A single sequence's new tokens do not count: they seldom are as many as they may be,
 * and the cache grows with them.
 */
export function memoryNeeded(config: GenerationConfig, request: MemoryRequest): number {
  const { promptLength, maxLength, vocabSize, spec } = request
  const { num_beams: beams, guidance_scale: scale = 1 } = config
  const results = sequenceCount(config)
  const sequences = Math.max(beams, results)
  const generated = Math.max(1, maxLength - promptLength)
  const apart = sequences === 1 ? 1 : sequences * (beams > 1 ? Math.min(generated, APART) : generated)
  const sides = scale === 1 ? 1 : 2
  const kept = keptArrays(config) * results * generated
  return (
    sides * (promptLength + apart) * bytesOfToken(spec) +
    sides * sequences * vocabSize * 4 * SCORE_COPIES +
    kept * vocabSize * 4 +
    sequences * SEQUENCE
  )
}

/** @throws UserError, exit code 2, for a request that does not fit in the memory that is there */
export function requireMemory(
  config: GenerationConfig,
  request: MemoryRequest,
  available = availableMemory(),
): void {
  const needed = memoryNeeded(config, request)
  if (needed <= available) return
  const { num_beams: beams, best_of } = config
  const results = sequenceCount(config)
  const lower = [
    ...(beams > 1 ? [`num_beams (${beams})`] : []),
    ...(results > 1 ? [`${best_of === undefined ? 'num_return_sequences' : 'best_of'} (${results})`] : []),
    ...(keptArrays(config) > 0 ? ['output_scores and output_logits'] : []),
  ]
  const other = `the prompt (${request.promptLength} tokens) or max_new_tokens (${request.maxLength - request.promptLength})`
  throw usageError(
    `The request needs about ${inWords(needed)} of memory, but ${inWords(available)} are free: lower ${[...lower, other].join(', ')}.`,
  )
}

/** Arrays as long as the vocabulary that a result keeps of each token. */
function keptArrays({ return_dict_in_generate, output_scores, output_logits }: GenerationConfig): number {
  return return_dict_in_generate ? Number(output_scores) + Number(output_logits) : 0
}

/** Contents of the cache, as floats of four bytes. */
function bytesOfToken(spec: DecoderSpec | undefined): number {
  return spec ? 4 * cachedNumbers(spec) : 0
}
