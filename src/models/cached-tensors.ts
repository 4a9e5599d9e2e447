import type { DecoderSpec } from './spec.js'

/** What a cache holds of each token for one layer: a row of `width` numbers by head. */
export interface CachedTensor {
  readonly name: string
  readonly heads: number
  readonly width: number
  /** Earlier rows that a token reads; undefined for all that it sees. */
  readonly reach?: number
}

/**
 * Everything that a cache holds of a token: by layer its key and value, or what a short convolution reads of it, which is a row without
 * heads.
 */
export function cachedTensors({
  layers,
  kvHeads,
  headDim,
  hiddenSize,
  convolution,
}: DecoderSpec): CachedTensor[] {
  return layers.flatMap((kind, layer): CachedTensor[] => {
    if (kind === 'conv') {
      return [{ name: `conv.${layer}`, heads: 1, width: hiddenSize, reach: convolution!.kernel - 1 }]
    }
    return ['key', 'value'].map((name) => ({ name: `${name}.${layer}`, heads: kvHeads, width: headDim }))
  })
}

/** Numbers of a token in a cache. */
export function cachedNumbers(spec: DecoderSpec): number {
  return cachedTensors(spec).reduce((sum, { heads, width }) => sum + heads * width, 0)
}

/** Numbers of a cache that a token reads with so many tokens before it. */
export function numbersRead(spec: DecoderSpec, context: number): number {
  return cachedTensors(spec).reduce(
    (sum, { heads, width, reach = context }) => sum + heads * width * Math.min(context, reach),
    0,
  )
}
