import { DelegatingModel } from './delegate.js'
import type { ForwardOptions, KVCache, Output } from './model.js'

/** Tokens of a pass: a multiple of these. */
export const PASS_WIDTH = 16

/**
 * A model whose passes are all filled up to a multiple of `PASS_WIDTH` tokens, with tokens that nothing sees and that the cache
 * forgets. ONNX Runtime multiplies a single row by quantised weights with another kernel than several rows, which rounds
 * otherwise; with passes of one shape the scores of a token are the same however many are run with it, and drafts change no text.
 */
export class EvenPasses extends DelegatingModel {
  override async forward(
    cache: KVCache,
    tokens: readonly number[],
    parents: readonly number[],
    nodes: readonly number[] = tokens.map((_, i) => i),
    options?: ForwardOptions,
  ): Promise<Output> {
    const missing = (PASS_WIDTH - (tokens.length % PASS_WIDTH)) % PASS_WIDTH
    if (missing === 0) return this.inner.forward(cache, tokens, parents, nodes, options)
    const end = cache.length + tokens.length
    // Each begins a sequence of its own.
    const output = await this.inner.forward(
      cache,
      [...tokens, ...Array<number>(missing).fill(tokens[0])],
      [...parents, ...Array<number>(missing).fill(-1)],
      nodes,
      options,
    )
    cache.keep([...Array(end).keys()])
    return output
  }
}
