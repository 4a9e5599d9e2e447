import type { Value } from '../../onnx/graph.js'
import type { BatchDecoder } from '../batch-decoder.js'
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
}

/** What the names of the heads' parameters begin with in a graph that holds their target's as well. */
export const MEDUSA_PREFIX = 'medusa_head.'

/**
 * The parameters of Medusa's heads, by the names of FasterDecoding/Medusa's checkpoints: head k's block l is
 * `k.l.linear`, and its vocabulary matrix `k.layers.weight`.
 */
export function medusaParameters(
  medusa: MedusaSpec,
  target: Pick<DecoderSpec, 'hiddenSize' | 'vocabSize'>,
): Parameter[] {
  const { heads, layers, ownVocabulary } = medusa
  const { hiddenSize, vocabSize } = draftShape(target, medusa)
  const ofHead = (head: number): Parameter[] => [
    ...Array.from({ length: layers }, (_, layer): Parameter[] => [
      { name: `${head}.${layer}.linear.weight`, kind: 'linear', shape: [hiddenSize, hiddenSize] },
      { name: `${head}.${layer}.linear.bias`, kind: 'vector', shape: [hiddenSize] },
    ]).flat(),
    ...(ownVocabulary
      ? [{ name: `${head}.${layers}.weight`, kind: 'linear' as const, shape: [vocabSize, hiddenSize] }]
      : []),
  ]
  return Array.from({ length: heads }, (_, head) => ofHead(head)).flat()
}

/**
 * Medusa's heads on the final hidden states [N, hidden]: head k, from 0, predicts the token k + 2 places on (Cai et al.
 * 2024, section 2.1.1): blocks of x + SiLU(W x + b), and a vocabulary matrix.
 */
export function medusaHeads(decoder: BatchDecoder, hidden: Value, medusa: MedusaSpec): Projection[] {
  const shapes = new Map(medusaParameters(medusa, decoder.spec).map(({ name, shape }) => [name, shape]))
  const parameter = (name: string) => decoder.parameter(MEDUSA_PREFIX + name, [...shapes.get(name)!])
  return Array.from({ length: medusa.heads }, (_, head) => {
    let x = hidden
    for (let layer = 0; layer < medusa.layers; layer++) {
      const name = `${head}.${layer}.linear`
      const inputs = [x, parameter(`${name}.weight`), parameter(`${name}.bias`)]
      const activated = decoder.silu(decoder.graph.node('Gemm', inputs, { transB: 1 }))
      x = decoder.graph.node('Add', [x, activated])
    }
    const weight = medusa.ownVocabulary ? parameter(`${head}.${medusa.layers}.weight`) : decoder.head(medusa)
    return { hidden: x, weight }
  })
}
