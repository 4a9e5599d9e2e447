import type { Choice, Output } from './types.js'

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
