import type { GenerationConfig } from '../generation/config.js'
import type { GenerationResult } from '../generation/generate.js'
import type { GeneratedSequence } from '../generation/sequence.js'
import type { Statistics } from '../generation/statistics.js'
import type { Baseline } from './baseline.js'

type Plain<T> = T extends Float32Array ? (number | string)[] : T extends readonly (infer I)[] ? Plain<I>[] : T

type SequenceJson = { [Field in keyof GeneratedSequence]: Plain<GeneratedSequence[Field]> }

/** The object of `--json`: the first sequence's fields, all sequences where there are several, and what they cost. */
export interface GenerationJson extends SequenceJson {
  readonly sequences?: readonly SequenceJson[]
  readonly config: GenerationConfig
  readonly statistics: Statistics
  /** With `--baseline`. */
  readonly baseline?: Baseline
}

export function generationJson({ sequences, config, statistics }: GenerationResult): GenerationJson {
  const plain = sequences.map(sequenceJson)
  return { ...plain[0], ...(plain.length > 1 ? { sequences: plain } : {}), config, statistics }
}

function sequenceJson(sequence: GeneratedSequence): SequenceJson {
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
