import { logSoftmax } from '../../strategies/softmax.js'
import type { LogitsProcessor } from '../../strategies/strategy.js'

const LARGEST_FLOAT32 = 3.4028234663852886e38

/** Divides every score by `temperature`, which is above 0 (HF TemperatureLogitsWarper). */
export function temperature(value: number): LogitsProcessor {
  return (logits) => {
    for (let i = 0; i < logits.length; i++) logits[i] /= value
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
