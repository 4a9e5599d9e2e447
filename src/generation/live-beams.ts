import { tokensOf } from '../model/prefix.js'
import type { Beam } from '../strategies/search.js'
import type { Tokenizer } from '../tokenizer/tokenizer.js'
import type { SequenceOptions } from './sequence.js'
import { TextStream } from './text-stream.js'

/** A sequence that a beam search follows, for the eye. */
export interface LiveBeam {
  /** Its generated text so far; computed when asked for. */
  text(): string
  /** Sum of its log-probabilities; of one that has ended its final score. */
  readonly score: number
  readonly finished: boolean
}

/** A listener to beams from one to their texts. */
export function beamTexts(
  onBeams: (beams: readonly LiveBeam[]) => void,
  tokenizer: Tokenizer,
  { prompt, context, overlap }: Pick<SequenceOptions, 'prompt' | 'context' | 'overlap'>,
): (beams: readonly Beam[]) => void {
  return (beams) =>
    onBeams(
      beams.map(({ prefix, score, finished }) => ({
        score,
        finished,
        text() {
          const stream = new TextStream(tokenizer, context, [], overlap)
          for (const id of tokensOf(prefix, prefix.length - prompt.length)) stream.push(id)
          stream.end(false)
          return stream.text
        },
      })),
    )
}
