import type { Output } from '../model/model.js'
import type { Prefix } from '../model/prefix.js'
import { sampleIndex } from '../random.js'
import { noToken } from './no-token.js'
import { softmax } from './softmax.js'
import type { Choice, Random, Request } from './strategy.js'

/** Picks the next token by its processed scores, [vocab]. */
export type Choose = (scores: Float32Array, random: Random) => number

/** The token with the highest score; of equals the first. */
export const argmax: Choose = (scores) => {
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

/** Scores of a node that a model gives in place of its raw ones, [vocab]: a new array; undefined where it gives none. */
export function contrasted(
  output: Output,
  node: number,
  prefix: Prefix,
  { possible }: Pick<Request, 'possible'>,
): Float32Array | undefined {
  return output.scores?.(node, possible && ((logits) => possible(logits, prefix)))
}

/** A token chosen after a node of a pass. The hidden state is looked up where it is read alone, since it may not be wanted. */
export function choiceOf(token: number, output: Output, node: number, scores: Float32Array): Choice {
  return {
    token,
    logits: output.logits(node),
    scores,
    get hidden() {
      return output.hidden(node)
    },
  }
}
