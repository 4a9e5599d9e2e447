import type { ValidatedResult } from '../engine/validated.js'
import type { GenerationResult } from '../generation/options.js'
import type { BestOf } from '../generation/scored-sample.js'
import { samplesJson, sequenceJson } from '../generation/sequence-json.js'
import { type BadRow, keyOf, type Row } from './row.js'

/** A line of the output, without its newline. */
export interface WrittenRow {
  readonly key: string
  /** Why it could not be served. */
  readonly error?: string
  /** Of what was drawn. */
  readonly seed?: number
  readonly text: string
}

/**
 * A row that was served: what was passed through, text and reason (all fields of `llm generate --json` under
 * return_dict_in_generate), what it cost, and the seed of what was drawn. Several sequences are a list.
 */
export function resultRow(
  row: Row,
  { sequences, config, statistics, ...rest }: GenerationResult & Partial<ValidatedResult>,
): WrittenRow {
  const { return_dict_in_generate: whole, do_sample, seed } = config
  const shown = sequences.map((sequence) => {
    const { text, value, finish_reason, logprobs } = sequence
    return whole ? sequenceJson(sequence) : { text, value, finish_reason, logprobs }
  })
  const fields = {
    ...row.passed,
    ...(config.num_return_sequences > 1 ? { sequences: shown } : shown[0]),
    ...chosenFrom(rest, whole),
    prompt_tokens: statistics.prompt_tokens,
    generated_tokens: statistics.generated_tokens,
    ...(do_sample && { seed }),
    attempts: rest.attempts,
    ...(rest.failures?.length && { failures: rest.failures }),
    error: errorOf(rest),
  }
  const { error } = fields
  return { key: keyOf(row), error, seed: do_sample ? seed : undefined, text: written(row, fields) }
}

/** What is wrong with an answer that did not pass; it is written all the same. */
function errorOf({ passed = true, attempts, failures = [] }: Partial<ValidatedResult>): string | undefined {
  return passed ? undefined : `None of ${attempts} answers is valid: ${failures.at(-1)?.failure}`
}

/** Of samples, unless all is wanted, what one reads and why one was chosen. */
function chosenFrom(best: Partial<BestOf>, whole: boolean) {
  const json = samplesJson(best)
  if (!json || whole) return json
  const samples = json.samples.map(({ text, value, finish_reason, score, answer }) => ({
    text,
    value,
    finish_reason,
    score,
    answer,
  }))
  return { ...json, samples }
}

export function errorRow(row: BadRow): WrittenRow {
  const place = row.id === null ? { line: row.line } : {}
  const fields = { ...place, ...row.passed, error: row.error }
  return { key: keyOf(row), error: row.error, text: written(row, fields) }
}

/** Every row begins with its id, whatever fields it has: so the rest of one that was cut off is known as such. */
export const ROW_START = '{"id":'

function written({ id }: Row | BadRow, fields: object): string {
  return `${ROW_START}${JSON.stringify(id)},${JSON.stringify(fields).slice(1)}`
}
