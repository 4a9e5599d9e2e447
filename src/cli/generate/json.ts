import type { GenerationConfig } from '../../config/index.js'
import type { FailedAttempt, ValidatedResult } from '../../engine/validated.js'
import type { GenerationResult } from '../../generation/options.js'
import {
  type SampleScore,
  type SequenceJson,
  samplesJson,
  sequenceJson,
} from '../../generation/sequence-json.js'
import type { Statistics } from '../../generation/statistics.js'
import type { Baseline } from './baseline.js'

/** The object of `--json`: the first sequence's fields, all sequences where there are several, and what they cost. */
export interface GenerationJson extends SequenceJson {
  readonly sequences?: readonly SequenceJson[]
  readonly config: GenerationConfig
  readonly statistics: Statistics
  /** With `best_of`: all samples with their scores, and the place of the one that was chosen. */
  readonly samples?: readonly (SequenceJson & SampleScore)[]
  readonly chosen?: number
  /** With `--retries` or `--validate`. */
  readonly passed?: boolean
  readonly attempts?: number
  readonly failures?: readonly FailedAttempt[]
  /** With `--baseline`. */
  readonly baseline?: Baseline
}

export function generationJson({
  sequences,
  config,
  statistics,
  ...rest
}: GenerationResult & Partial<ValidatedResult>): GenerationJson {
  const plain = sequences.map(sequenceJson)
  return {
    ...plain[0],
    ...(plain.length > 1 ? { sequences: plain } : {}),
    ...samplesJson(rest),
    ...(rest.attempts !== undefined && validationJson(rest)),
    config,
    statistics,
  }
}

function validationJson({ passed, attempts, failures }: Partial<ValidatedResult>) {
  return { passed, attempts, failures }
}
