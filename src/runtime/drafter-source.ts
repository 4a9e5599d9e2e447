import type { ParameterSource, QuantisedLinear } from '../models/decoder/layers.js'
import { type DraftVocabulary, draftRows, draftShape } from '../models/heads/draft-vocabulary.js'
import { headName } from '../models/parameters.js'
import type { DecoderSpec } from '../models/spec.js'
import { quantiseBlocks, type Weights } from '../weights/index.js'

/** What a draft needs, at a quarter of the memory traffic. */
const BITS = 8
const BLOCK_SIZE = 32

/**
 * Where the graph of a drafter finds its weights: in float32, but for the matrices that are named, which it has in 8 bits.
 * @param matrices [out, in] by name
 */
export function drafterSource(
  weights: Weights,
  matrices: ReadonlyMap<string, readonly number[]>,
): ParameterSource {
  const quantised = new Map(
    [...matrices].map(([name, [rows, columns]]) => [
      name,
      quantisedMatrix(weights.get(name)!, rows, columns),
    ]),
  )
  return {
    type: 'float32',
    data: (name) => bytesOf(weights.get(name)!),
    quantised: (name) => quantised.get(name),
  }
}

/** The same for a drafter that shares its target's vocabulary matrix, or the rows of its own tokens; other matrices of its own may be named. */
export function sharedVocabularySource(
  spec: DecoderSpec,
  weights: Weights,
  draft: DraftVocabulary,
  matrices: ReadonlyMap<string, readonly number[]> = new Map(),
): ParameterSource {
  const name = headName(spec)
  const { vocabSize, hiddenSize } = draftShape(spec, draft)
  const own = new Map([...weights, [name, draftRows(weights.get(name)!, hiddenSize, draft)]])
  return drafterSource(own, new Map([...matrices, [name, [vocabSize, hiddenSize]]]))
}

function quantisedMatrix(values: Float32Array, rows: number, columns: number): QuantisedLinear {
  const { packed, scales } = quantiseBlocks(values, rows, columns, BITS, BLOCK_SIZE)
  return { bits: BITS, blockSize: BLOCK_SIZE, packed: { bytes: packed }, scales: bytesOf(scales) }
}

function bytesOf(values: Float32Array): { bytes: Uint8Array } {
  return { bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) }
}
