import { entropy, exponentiator, logSoftmax } from '../../strategies/softmax.js'
import type { LogitsProcessor } from '../../strategies/strategy.js'

const LARGEST_FLOAT32 = 3.4028234663852886e38

/** Divides every score by `temperature`, which is above 0 (HF TemperatureLogitsWarper). */
export function temperature(value: number): LogitsProcessor {
  return (logits) => {
    for (let i = 0; i < logits.length; i++) logits[i] /= value
  }
}

/** Below it a temperature leaves the best token alone. */
const LEAST_TEMPERATURE = 1e-9

/**
 * Divides scores by a temperature that follows their entropy H: lo + (hi - lo) (H / ln n)^exponent, where n tokens are possible, lo and hi
 * are `value` less and more `range`, and lo is at least 0 (llama.cpp's `llama_sampler_temp_ext_apply`). Scores are less the best one's.
 */
export function dynamicTemperature(value: number, range: number, exponent: number): LogitsProcessor {
  const low = Math.max(0, value - range)
  const high = value + range
  const exponentiate = exponentiator()
  return (logits) => {
    const possible = logits.reduce((count, score) => (score === -Infinity ? count : count + 1), 0)
    if (possible < 2) return
    const distribution = exponentiate(logits)
    const share = entropy(logits, distribution) / Math.log(possible)
    const adapted = low + (high - low) * Math.max(0, share) ** exponent
    const divisor = Math.max(adapted, LEAST_TEMPERATURE)
    for (let i = 0; i < logits.length; i++) logits[i] = (logits[i] - distribution.best) / divisor
  }
}

/** Replaces NaN by 0 and ±Infinity by the largest float32 of that sign (HF InfNanRemoveLogitsProcessor). */
export function removeInvalidValues(): LogitsProcessor {
  return (logits) => {
    for (let i = 0; i < logits.length; i++) {
      const score = logits[i]
      if (Number.isNaN(score)) logits[i] = 0
      else if (score === Infinity) logits[i] = LARGEST_FLOAT32
      else if (score === -Infinity) logits[i] = -LARGEST_FLOAT32
    }
  }
}

/** Turns scores into log-probabilities (HF LogitNormalization). */
export function normaliseLogits(): LogitsProcessor {
  return (logits) => {
    logSoftmax(logits)
  }
}

/**
 * Classifier-free guidance (Sanchez et al. 2023, eq. 7; HF UnbatchedClassifierFreeGuidanceLogitsProcessor):
 * moves the log-probabilities away from the unconditional ones, u + scale (c - u). Both arrays are [vocab];
 * `conditional` takes the result, `unconditional` its log-probabilities.
 */
export function combineGuidance(
  conditional: Float32Array,
  unconditional: Float32Array,
  scale: number,
): Float32Array {
  logSoftmax(conditional)
  if (scale === 1) return conditional
  logSoftmax(unconditional)
  for (let i = 0; i < conditional.length; i++) {
    conditional[i] = unconditional[i] + scale * (conditional[i] - unconditional[i])
  }
  return conditional
}
