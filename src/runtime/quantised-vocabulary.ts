import type { QuantisedLinear } from '../models/layers.js'
import type { DecoderSpec } from '../models/spec.js'
import { quantiseBlocks } from '../weights/index.js'

/** What a draft needs, at a quarter of the memory traffic. */
const BITS = 8
const BLOCK_SIZE = 32

/** A vocabulary matrix for drafters, [vocab, hidden], in 8 bits. */
export function quantisedVocabulary(
  values: Float32Array,
  { vocabSize, hiddenSize }: Pick<DecoderSpec, 'vocabSize' | 'hiddenSize'>,
): QuantisedLinear {
  const { packed, scales } = quantiseBlocks(values, vocabSize, hiddenSize, BITS, BLOCK_SIZE)
  return { bits: BITS, blockSize: BLOCK_SIZE, packed: { bytes: packed }, scales: bytesOf(scales) }
}

/** The bytes of values, as the graph takes them. */
export function bytesOf(values: Float32Array): { bytes: Uint8Array } {
  return { bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) }
}
