import { sampleIndex } from '../random.js'
import { noToken } from '../strategies/no-token.js'
import { softmax } from '../strategies/softmax.js'
import type { Choose } from '../strategies/verifiers.js'

/** The token with the highest score; of equals the first. */
export const best: Choose = (scores) => {
  let best = -1
  let highest = -Infinity
  for (let i = 0; i < scores.length; i++) {
    if (scores[i] > highest) {
      best = i
      highest = scores[i]
    }
  }
  if (best >= 0) return best
  throw noToken()
}

/** Draws from softmax(scores), with a buffer of its own. */
export function sampler(): Choose {
  let probabilities = new Float32Array(0)
  return (scores, random) => {
    if (probabilities.length !== scores.length) probabilities = new Float32Array(scores.length)
    return sampleIndex(softmax(scores, probabilities), random)
  }
}
