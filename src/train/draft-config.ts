import { usageError } from '../errors.js'
import { parameterCount } from '../models/parameters.js'
import { type DecoderSpec, specFromConfig } from '../models/spec.js'
import { llamaConfig } from './new-model.js'

/** What is asked of a draft model; the rest follows from its target. */
export interface DraftSizes {
  readonly hiddenSize?: number
  readonly layers?: number
  readonly heads?: number
  readonly kvHeads?: number
  readonly intermediateSize?: number
}

type Config = Readonly<Record<string, unknown>>

/** The share of its target's parameters that a draft has at most, where its width is not given. */
const SHARE = 0.1
/** Widths are multiples of a head's. */
const HEAD_DIM = 32

/**
 * HF's LlamaConfig of a draft: a sixth of the target's layers, and as wide as a tenth of its parameters allows.
 * @param config of the target, for the tokens that begin and end a text
 * @throws UserError, exit code 2, where not even the narrowest draft is small enough, or the sizes do not fit together
 */
export function draftConfig(target: DecoderSpec, config: Config, sizes: DraftSizes): Config {
  const layers = sizes.layers ?? Math.max(1, Math.round(target.layers.length / 6))
  const ofWidth = (hiddenSize: number) =>
    llamaConfig({
      ...sizes,
      layers,
      hiddenSize,
      heads: sizes.heads ?? (hiddenSize % HEAD_DIM === 0 ? hiddenSize / HEAD_DIM : 1),
      vocabSize: target.vocabSize,
      maxPositions: target.maxPositions,
      bosTokenId: config.bos_token_id,
      eosTokenId: config.eos_token_id,
    })
  if (sizes.hiddenSize !== undefined) return ofWidth(sizes.hiddenSize)
  const limit = parameterCount(target) * SHARE
  const widths = [HEAD_DIM / 2]
  for (let width = HEAD_DIM; width <= target.hiddenSize; width += HEAD_DIM) widths.push(width)
  const fits = (width: number) => parameterCount(specFromConfig(ofWidth(width), 'the flags')) <= limit
  const widest = widths.findLast(fits)
  if (widest !== undefined) return ofWidth(widest)
  throw usageError(
    `No draft of ${layers} layers has at most a tenth of the target's ${parameterCount(target)} parameters: give its size with --hidden-size.`,
  )
}
