import { type DraftVocabulary, draftRows, draftShape } from '../models/heads/draft-vocabulary.js'
import type { ParameterSource, QuantisedLinear } from '../models/layers.js'
import { headName } from '../models/parameters.js'
import type { DecoderSpec } from '../models/spec.js'
import { quantiseBlocks, type Weights } from '../weights/index.js'

/** What a draft needs, at a quarter of the memory traffic. */
const BITS = 8
const BLOCK_SIZE = 32

type Shape = Pick<DecoderSpec, 'vocabSize' | 'hiddenSize'>

/**
 * Where the graph of a drafter finds its weights: in float32, but for vocabulary matrices, which it has in 8 bits.
 * @param vocabularies [vocab, hidden] of the shape, by name
 */
export function drafterSource(
  weights: Weights,
  vocabularies: ReadonlyMap<string, Float32Array>,
  shape: Shape,
): ParameterSource {
  const quantised = new Map(
    [...vocabularies].map(([name, values]) => [name, quantisedVocabulary(values, shape)]),
  )
  return {
    type: 'float32',
    data: (name) => bytesOf(weights.get(name)!),
    quantised: (name) => quantised.get(name),
  }
}

/** The same for a drafter that shares its target's vocabulary matrix, or the rows of its own tokens. */
export function sharedVocabularySource(
  spec: DecoderSpec,
  weights: Weights,
  draft: DraftVocabulary,
): ParameterSource {
  const name = headName(spec)
  const vocabulary = draftRows(weights.get(name)!, spec.hiddenSize, draft)
  return drafterSource(weights, new Map([[name, vocabulary]]), draftShape(spec, draft))
}

/** A vocabulary matrix, [vocab, hidden]. */
function quantisedVocabulary(values: Float32Array, { vocabSize, hiddenSize }: Shape): QuantisedLinear {
  const { packed, scales } = quantiseBlocks(values, vocabSize, hiddenSize, BITS, BLOCK_SIZE)
  return { bits: BITS, blockSize: BLOCK_SIZE, packed: { bytes: packed }, scales: bytesOf(scales) }
}

function bytesOf(values: Float32Array): { bytes: Uint8Array } {
  return { bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) }
}
