import type { DecoderSpec } from '../models/spec.js'

/** The embeddings of a target's tokens, for what drafts from them. */
export class EmbeddingTable {
  constructor(
    private readonly spec: Pick<DecoderSpec, 'hiddenSize' | 'embeddingScale'>,
    /** [vocab, hidden]. */
    private readonly table: Float32Array,
  ) {}

  /** Scaled as the target scales them: [tokens, hidden]. */
  rows(tokens: readonly number[]): Float32Array<ArrayBuffer> {
    const { hiddenSize: size, embeddingScale } = this.spec
    const rows = new Float32Array(tokens.length * size)
    for (const [i, token] of tokens.entries()) {
      rows.set(this.table.subarray(token * size, (token + 1) * size), i * size)
    }
    if (embeddingScale !== 1) for (let i = 0; i < rows.length; i++) rows[i] *= embeddingScale
    return rows
  }
}
