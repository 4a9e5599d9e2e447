import { type GenerationField, generationConfigSchema } from '../config/index.js'
import { usageError } from '../errors.js'
import { nearest } from '../nearest.js'
import type { Input } from './input.js'
import type { RowOutput } from './output.js'
import { type BadRow, isBad, keyOf, type Row, SLIP } from './row.js'

/** A run of a batch, the first one or a later one that goes on. */
export interface BatchRun {
  readonly input: Input
  readonly output: RowOutput
  /** The batch's seed, where one was given. */
  readonly seed: number | undefined
}

/** The rows that are still to be done. */
export async function* remainingRows({ input, output }: BatchRun): AsyncGenerator<Row | BadRow> {
  for await (const row of input.rows()) if (!output.written.has(keyOf(row))) yield row
}

/** What a run has to do. */
export interface Survey {
  readonly remaining: number
  /** The values that its rows have for some fields, each once. */
  readonly values: ReadonlyMap<GenerationField, readonly unknown[]>
  /** Fields that are no settings, with the setting that each may be meant for. */
  readonly passed: ReadonlyMap<string, string | undefined>
}

/**
 * Reads an input file once, before its rows are served.
 * @throws UserError for an input that cannot be read, and for an output with rows that the input does not have
 */
export async function survey(run: BatchRun, fields: readonly GenerationField[]): Promise<Survey> {
  const found = new Map(fields.map((field) => [field, new Map<string, unknown>()]))
  const passed = new Set<string>()
  let remaining = 0
  let foreign = 0
  for await (const row of remainingRows(run)) {
    remaining++
    if (isBad(row) && row.isForeign) foreign++
    for (const field of Object.keys(row.passed)) passed.add(field)
    if (isBad(row)) continue
    for (const [field, values] of found) {
      const value = row.settings[field]
      if (value !== undefined && value !== null) values.set(JSON.stringify(value), value)
    }
  }
  const { input, output } = run
  if (remaining > 0 && foreign === remaining && output.written.size === 0) {
    throw usageError(
      `No line of the input is a JSON object: write a row a line, such as {"prompt": "Once upon a time"}. Of a text with a prompt a line, \`jq -Rc '{prompt: .}'\` makes them.`,
    )
  }
  const unknown = [...output.written.keys()].find((key) => !input.hasRow(key))
  if (unknown !== undefined) {
    throw usageError(
      `The output has the row ${unknown}, which the input lacks: name another file to write to.`,
    )
  }
  return {
    remaining,
    values: new Map([...found].map(([field, values]) => [field, [...values.values()]])),
    passed: new Map([...passed].map((field) => [field, settingMeantBy(field)])),
  }
}

/** Names that settings have elsewhere. */
const ELSEWHERE: Readonly<Record<string, GenerationField>> = {
  max_tokens: 'max_new_tokens',
  max_completion_tokens: 'max_new_tokens',
  max_output_tokens: 'max_new_tokens',
  num_predict: 'max_new_tokens',
  n: 'num_return_sequences',
  stop: 'stop_strings',
  stop_sequences: 'stop_strings',
  repeat_penalty: 'repetition_penalty',
  penalty_last_n: 'repeat_last_n',
  repetition_context_size: 'repeat_last_n',
  top_nsigma: 'top_n_sigma',
  dynatemp_exp: 'dynatemp_exponent',
  mirostat_ent: 'mirostat_tau',
  mirostat_lr: 'mirostat_eta',
  typical: 'typical_p',
}

function settingMeantBy(field: string): string | undefined {
  return (
    (Object.hasOwn(ELSEWHERE, field) ? ELSEWHERE[field] : undefined) ??
    nearest(field, Object.keys(generationConfigSchema.shape), SLIP)
  )
}
