import type { SampleScore } from '../selection/select.js'
import type { BestOf, ScoredSample } from './scored-sample.js'
import type { GeneratedSequence } from './sequence.js'

export type { SampleScore }

type Plain<T> = T extends Float32Array ? (number | string)[] : T extends readonly (infer I)[] ? Plain<I>[] : T

/** A sequence as JSON has it. */
export type SequenceJson = { [Field in keyof GeneratedSequence]: Plain<GeneratedSequence[Field]> }

export function sequenceJson(sequence: GeneratedSequence): SequenceJson {
  const { scores, logits, hidden_states } = sequence
  return {
    ...(sequence as SequenceJson),
    ...(scores && { scores: scores.map(numbers) }),
    ...(logits && { logits: logits.map(numbers) }),
    ...(hidden_states && { hidden_states: hidden_states.map(numbers) }),
  }
}

/** JSON has no infinities, and null would hide which one it was. */
function numbers(values: Float32Array): (number | string)[] {
  return Array.from(values, (value) => (Number.isFinite(value) ? value : String(value)))
}

/** The samples of a result and the place of the best one; nothing where none was chosen. */
export function samplesJson({ samples, chosen }: Partial<BestOf>) {
  return samples && { samples: samples.map(sampleJson), chosen }
}

function sampleJson({ score, answer, ...sequence }: ScoredSample): SequenceJson & SampleScore {
  return { ...sequenceJson(sequence), score, ...(answer !== undefined && { answer }) }
}
