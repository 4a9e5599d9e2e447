import type { ParameterSource, QuantisedLinear } from '../models/layers.js'
import type { DecoderSpec } from '../models/spec.js'
import { quantiseBlocks, type Weights } from '../weights/index.js'

/** What a draft needs, at a quarter of the memory traffic. */
const BITS = 8
const BLOCK_SIZE = 32

type Shape = Pick<DecoderSpec, 'vocabSize' | 'hiddenSize'>

/** Where the graph of a drafter finds its weights: in float32, but for vocabulary matrices, which it has in 8 bits. */
export function drafterSource(
  weights: Weights,
  vocabularies: readonly string[],
  shape: Shape,
): ParameterSource {
  const quantised = new Map(
    vocabularies.map((name) => [name, quantisedVocabulary(weights.get(name)!, shape)]),
  )
  return {
    type: 'float32',
    data: (name) => bytesOf(weights.get(name)!),
    quantised: (name) => quantised.get(name),
  }
}

/** A vocabulary matrix, [vocab, hidden]. */
function quantisedVocabulary(values: Float32Array, { vocabSize, hiddenSize }: Shape): QuantisedLinear {
  const { packed, scales } = quantiseBlocks(values, vocabSize, hiddenSize, BITS, BLOCK_SIZE)
  return { bits: BITS, blockSize: BLOCK_SIZE, packed: { bytes: packed }, scales: bytesOf(scales) }
}

function bytesOf(values: Float32Array): { bytes: Uint8Array } {
  return { bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) }
}
