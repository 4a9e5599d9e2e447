import type { Value } from '../../onnx/graph.js'
import { BatchDecoder } from '../batch-decoder.js'
import type { Projection } from '../losses.js'
import type { Parameter } from '../parameters.js'
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
export const TOKEN_NORM = 'token_norm.weight'

/**
 * The parameters of Medusa's heads, by the names of FasterDecoding/Medusa's checkpoints: head k's block l is
 * `k.l.linear`, and its vocabulary matrix `k.layers.weight`. Sequential heads have a norm and each a matrix more, `k.0.tokens`, for the k + 1
 * tokens that they are given.
 */
export function medusaParameters(
  medusa: MedusaSpec,
  target: Pick<DecoderSpec, 'hiddenSize' | 'vocabSize'>,
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
  const norm: Parameter = { name: TOKEN_NORM, kind: 'vector', shape: [hiddenSize] }
  return [...(sequential ? [norm] : []), ...Array.from({ length: heads }, (_, head) => ofHead(head)).flat()]
}

/** The matrix of a sequential head for the tokens that it is given. */
export function tokensName(head: number): string {
  return `${head}.0.tokens.weight`
}

/** A decoder with Medusa's heads. */
export class MedusaDecoder extends BatchDecoder {
  /**
   * Medusa's heads on the final hidden states [N, hidden]: head k, from 0, predicts the token k + 2 places on (Cai et al.
   * 2024, section 2.1.1): blocks of x + SiLU(W x + b), and a vocabulary matrix. The first block of a sequential head is
   * x + SiLU(W x + U t + b), where t is the normed embeddings of the k + 1 tokens before the one that it guesses, one after the other.
   * @param ahead the tokens 1, 2, … places on, int32 [1, N] each, for sequential heads
   */
  predictions(hidden: Value, medusa: MedusaSpec, ahead: readonly Value[]): Projection[] {
    const { graph } = this
    const shapes = new Map(medusaParameters(medusa, this.spec).map(({ name, shape }) => [name, shape]))
    const parameter = (name: string) => this.parameter(MEDUSA_PREFIX + name, [...shapes.get(name)!])
    const tokens = ahead.map((ids) => this.rows(this.norm(this.embed(ids), MEDUSA_PREFIX + TOKEN_NORM)))
    return Array.from({ length: medusa.heads }, (_, head) => {
      let x = hidden
      for (let layer = 0; layer < medusa.layers; layer++) {
        const name = `${head}.${layer}.linear`
        const inputs = [x, parameter(`${name}.weight`), parameter(`${name}.bias`)]
        let projected = graph.node('Gemm', inputs, { transB: 1 })
        if (medusa.sequential && layer === 0) {
          const given = head === 0 ? tokens[0] : graph.node('Concat', tokens.slice(0, head + 1), { axis: 1 })
          const ofTokens = graph.node('Gemm', [given, parameter(tokensName(head))], { transB: 1 })
          projected = graph.node('Add', [projected, ofTokens])
        }
        x = graph.node('Add', [x, this.silu(projected)])
      }
      const weight = medusa.ownVocabulary ? parameter(`${head}.${medusa.layers}.weight`) : this.head(medusa)
      return { hidden: x, weight }
    })
  }
}
