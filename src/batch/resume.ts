import { usageError } from '../errors.js'
import type { GenerationField } from '../generation/config.js'
import type { Input } from './input.js'
import type { Output } from './output.js'
import { rowSeed } from './request.js'
import { type BadRow, isBad, keyOf, type Row } from './row.js'

/** A run of a batch, the first one or a later one that goes on. */
export interface Run {
  readonly input: Input
  readonly output: Output
  /** The batch's seed, where one was given. */
  readonly seed: number | undefined
}

/**
 * The rows that are still to be done.
 * @throws UserError, exit code 2, where one that is done was drawn with another seed than it would be now
 */
export async function* remainingRows({ input, output, seed }: Run): AsyncGenerator<Row | BadRow> {
  for await (const row of input.rows()) {
    const written = output.written.get(keyOf(row))
    if (!written) {
      yield row
      continue
    }
    if (isBad(row) || written.seed === undefined) continue
    const wanted = row.settings.seed ?? (seed === undefined ? written.seed : rowSeed(seed, row.id))
    if (wanted === written.seed) continue
    throw usageError(
      `The row ${keyOf(row)} was written with the seed ${written.seed}, but now has ${wanted}: go on with the settings of the first run, or name another file to write to.`,
    )
  }
}

/** What a run has to do. */
export interface Survey {
  readonly remaining: number
  /** The values that its rows have for some fields, each once. */
  readonly values: ReadonlyMap<GenerationField, readonly unknown[]>
  /** Fields that are no settings. */
  readonly passed: readonly string[]
}

/**
 * Reads an input file once, before its rows are served.
 * @throws UserError as `remainingRows`, and for an output with rows that the input does not have
 */
export async function survey(run: Run, fields: readonly GenerationField[]): Promise<Survey> {
  const found = new Map(fields.map((field) => [field, new Map<string, unknown>()]))
  const passed = new Set<string>()
  let remaining = 0
  for await (const row of remainingRows(run)) {
    remaining++
    for (const field of Object.keys(row.passed)) passed.add(field)
    if (isBad(row)) continue
    for (const [field, values] of found) {
      const value = row.settings[field]
      if (value !== undefined && value !== null) values.set(JSON.stringify(value), value)
    }
  }
  const { input, output } = run
  const foreign = [...output.written.keys()].find((key) => !input.hasRow(key))
  if (foreign !== undefined) {
    throw usageError(
      `The output has the row ${foreign}, which the input lacks: name another file to write to.`,
    )
  }
  return {
    remaining,
    values: new Map([...found].map(([field, values]) => [field, [...values.values()]])),
    passed: [...passed],
  }
}
