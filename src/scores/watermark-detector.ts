import { UserError } from '../errors.js'
import { Greenlist, type WatermarkingConfig } from './processors/watermark.js'

export interface WatermarkDetectorOptions {
  /** The settings that the text was generated with. */
  readonly config: WatermarkingConfig
  /** The model's vocabulary size, as generation saw it. */
  readonly vocabSize: number
  /** A leading token with this id is not scored. */
  readonly bosTokenId?: number
  /** Counts each different n-gram once (HF `ignore_repeated_ngrams`). */
  readonly ignoreRepeatedNgrams?: boolean
  /** Above this the text is taken for watermarked (HF: 3). */
  readonly zThreshold?: number
}

/** HF's WatermarkDetectorOutput for one sequence. */
export interface WatermarkDetection {
  readonly num_tokens_scored: number
  readonly num_green_tokens: number
  readonly green_fraction: number
  /** Standard deviations of the green count above what unmarked text has. */
  readonly z_score: number
  /** Probability of such a z-score without a watermark. */
  readonly p_value: number
  readonly prediction: boolean
  /** 1 - p_value. */
  readonly confidence: number
}

/**
 * Tests whether `tokens` carry the watermark of `config`: counts the green tokens and compares them with a
 * binomial distribution (Kirchenbauer et al. 2023, eq. 3; HF WatermarkDetector). Leave the prompt out.
 * @throws UserError where the text is too short to score one token.
 */
export function detectWatermark(
  tokens: readonly number[],
  { config, vocabSize, bosTokenId, ignoreRepeatedNgrams = false, zThreshold = 3 }: WatermarkDetectorOptions,
): WatermarkDetection {
  const text = bosTokenId !== undefined && tokens[0] === bosTokenId ? tokens.slice(1) : tokens
  if (text.length <= config.context_width) {
    throw new UserError(
      `The text has ${text.length} tokens, but this watermark needs more than ${config.context_width} to be detected.`,
    )
  }
  const counts = countNgrams(text, config)
  const greenlist = new Greenlist(config, vocabSize)
  let scored = 0
  let green = 0
  for (const { ngram, count } of counts) {
    const weight = ignoreRepeatedNgrams ? 1 : count
    scored += weight
    if (isGreen(greenlist, ngram, config)) green += weight
  }
  const ratio = config.greenlist_ratio
  const zScore = (green - ratio * scored) / Math.sqrt(scored * ratio * (1 - ratio))
  const pValue = complementaryErrorFunction(zScore / Math.SQRT2) / 2
  return {
    num_tokens_scored: scored,
    num_green_tokens: green,
    green_fraction: green / scored,
    z_score: zScore,
    p_value: pValue,
    prediction: zScore > zThreshold,
    confidence: 1 - pValue,
  }
}

function countNgrams(text: readonly number[], config: WatermarkingConfig) {
  const size = config.context_width + (config.seeding_scheme === 'selfhash' ? 0 : 1)
  const counts = new Map<string, { ngram: number[]; count: number }>()
  for (let i = 0; i + size <= text.length; i++) {
    const ngram = text.slice(i, i + size)
    const key = ngram.join()
    const entry = counts.get(key)
    if (entry) entry.count++
    else counts.set(key, { ngram, count: 1 })
  }
  return counts.values()
}

function isGreen(greenlist: Greenlist, ngram: readonly number[], config: WatermarkingConfig): boolean {
  const context = config.seeding_scheme === 'selfhash' ? ngram : ngram.slice(0, -1)
  return greenlist.includes(ngram.at(-1)!, context)
}

/**
 * erfc(x), to 12 significant digits: the Taylor series of erf for |x| < 2, beyond it the continued
 * fraction (Abramowitz and Stegun 7.1.5 and 7.1.14).
 */
function complementaryErrorFunction(x: number): number {
  if (x < 0) return 2 - complementaryErrorFunction(-x)
  if (x < 2) {
    let term = x
    let sum = x
    for (let n = 1; Math.abs(term) > 1e-17 * sum; n++) {
      term *= (-x * x) / n
      sum += term / (2 * n + 1)
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * sum
  }
  let fraction = x
  for (let k = 100; k > 0; k--) fraction = x + k / 2 / fraction
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / fraction
}
