import { normParameters, type Parameter } from '../parameters.js'
import type { DecoderSpec } from '../spec.js'
import { type DraftVocabulary, draftShape } from './draft-vocabulary.js'

export interface MedusaSpec extends DraftVocabulary {
  readonly heads: number
  /** Residual blocks of a head. */
  readonly layers: number
  /** Whether each head has a vocabulary matrix of its own, in place of its target's. */
  readonly ownVocabulary: boolean
  /** Whether heads are given the tokens up to the one that they guess: Hydra's (Ankner et al. 2024). */
  readonly sequential?: boolean
}

/** What the names of the heads' parameters begin with in a graph that holds their target's as well. */
export const MEDUSA_PREFIX = 'medusa_head.'

/** The norm of the embeddings that sequential heads are given. */
const TOKEN_NORM_MODULE = 'token_norm'
export const TOKEN_NORM = `${TOKEN_NORM_MODULE}.weight`

/**
 * The parameters of Medusa's heads, by the names of FasterDecoding/Medusa's checkpoints: head k's block l is
 * `k.l.linear`, and its vocabulary matrix `k.layers.weight`. Sequential heads have a norm and each a matrix more, `k.0.tokens`, for the k + 1
 * tokens that they are given.
 */
export function medusaParameters(
  medusa: MedusaSpec,
  target: Pick<DecoderSpec, 'hiddenSize' | 'vocabSize' | 'layerNorm'>,
): Parameter[] {
  const { heads, layers, ownVocabulary, sequential } = medusa
  const { hiddenSize, vocabSize } = draftShape(target, medusa)
  const ofHead = (head: number): Parameter[] => [
    ...Array.from({ length: layers }, (_, layer): Parameter[] => [
      { name: `${head}.${layer}.linear.weight`, kind: 'linear', shape: [hiddenSize, hiddenSize] },
      { name: `${head}.${layer}.linear.bias`, kind: 'vector', shape: [hiddenSize] },
    ]).flat(),
    ...(sequential
      ? [{ name: tokensName(head), kind: 'linear' as const, shape: [hiddenSize, (head + 1) * hiddenSize] }]
      : []),
    ...(ownVocabulary
      ? [{ name: `${head}.${layers}.weight`, kind: 'linear' as const, shape: [vocabSize, hiddenSize] }]
      : []),
  ]
  const norm = sequential ? normParameters(target, TOKEN_NORM_MODULE) : []
  return [...norm, ...Array.from({ length: heads }, (_, head) => ofHead(head)).flat()]
}

/** The matrix of a sequential head for the tokens that it is given. */
export function tokensName(head: number): string {
  return `${head}.0.tokens.weight`
}
