import type { DecoderSpec } from '../spec.js'

/**
 * The tokens that heads guess: those that are frequent are nearly all that can be guessed right, and a vocabulary matrix of
 * them alone is a fraction of its target's (FR-Spec, Zhao et al. 2025; EAGLE-3's `draft_vocab_size`).
 */
export interface DraftVocabulary {
  /** Their ids, ascending; undefined where they are all tokens of the target. */
  readonly draftTokens?: readonly number[]
}

/** The target's shape with the vocabulary that the heads guess from. */
export function draftShape<Shape extends Pick<DecoderSpec, 'vocabSize'>>(
  target: Shape,
  { draftTokens }: DraftVocabulary,
): Shape {
  return draftTokens ? { ...target, vocabSize: draftTokens.length } : target
}

/** The rows of these tokens of a vocabulary matrix [vocab, width]; the matrix itself where they are all. */
export function draftRows(
  matrix: Float32Array,
  width: number,
  { draftTokens }: DraftVocabulary,
): Float32Array {
  if (!draftTokens) return matrix
  const rows = new Float32Array(draftTokens.length * width)
  for (const [i, token] of draftTokens.entries()) {
    rows.set(matrix.subarray(token * width, (token + 1) * width), i * width)
  }
  return rows
}

/** The place of each token of the target among those that are guessed, -1 where it is not: int32 [vocab]. */
export function draftPlaces(vocabSize: number, { draftTokens = [] }: DraftVocabulary): Int32Array {
  const places = new Int32Array(vocabSize).fill(-1)
  for (const [place, token] of draftTokens.entries()) places[token] = place
  return places
}
