import { randomInt } from 'node:crypto'
import { resolveGenerationConfig } from '../config/index.js'
import { Engine } from '../engine/engine.js'
import { UserError, usageError } from '../errors.js'
import type { GenerationModel } from '../generation/options.js'
import { strategyFor } from '../generation/strategy.js'
import { Feeder, type FeederOptions, type Progress } from './feeder.js'
import { type RowSettings, requestOf } from './request.js'
import type { WrittenRow } from './result.js'
import { type BatchRun, remainingRows } from './resume.js'
import type { Row } from './row.js'
import { validatedRow } from './validated-row.js'

export interface BatchOptions extends FeederOptions, Omit<RowSettings, 'seed'> {
  /** Prompts that are decoded at a time. */
  readonly maxBatch: number
  /** Tokens that they may come to have together. */
  readonly maxTokensInFlight?: number
  /** Ends with the first row that cannot be served. */
  readonly failFast?: boolean
  /** Called with each row that could not be served, by its key. */
  readonly onError?: (row: string, error: string) => void
}

/**
 * Checks what all rows have in common; gives notices about the model's own settings.
 * @throws UserError, exit code 2, for settings that no row could be served with
 */
export function checkSettings(
  { generationConfig, tokenizer }: GenerationModel,
  { layers, assistant, generateOptions }: Pick<BatchOptions, 'layers' | 'assistant' | 'generateOptions'>,
): readonly string[] {
  const { config, warnings, notices } = resolveGenerationConfig(generationConfig, ...layers)
  if (warnings.length > 0) throw usageError(warnings.join('\n'))
  if (config.assistant_early_exit === undefined) {
    strategyFor(config, { eosTokenIds: tokenizer.eosTokenIds, ...generateOptions, assistant })
  }
  return notices
}

/** A seed for a batch to which none is given. */
export function freshSeed(): number {
  return randomInt(2 ** 48 - 1)
}

/**
 * Serves the rows of an input that its output lacks, several at a time, and writes each as a line. The same seed gives a row
 * the same text, whatever other rows there are and in whatever order they come: in float32 their scores differ in the last
 * bits at most.
 * @throws UserError for an input or output that cannot be read or written, and with `failFast` for the first row that could
 *   not be served, which is written before
 */
export async function runBatch(
  model: GenerationModel,
  run: BatchRun,
  options: BatchOptions,
): Promise<Progress> {
  const settings: RowSettings = { ...options, seed: run.seed ?? freshSeed() }
  const write = async (row: WrittenRow) => {
    await run.output.write(row)
    if (row.error === undefined) return
    options.onError?.(row.key, row.error)
    if (options.failFast) {
      throw new UserError(`The row ${row.key} could not be served: ${row.error}`)
    }
  }
  const submit = (row: Row, engine: Engine) =>
    settings.validation
      ? validatedRow(row, model, settings, engine)
      : engine.submit(requestOf(row, model, settings))
  const feeder = new Feeder(remainingRows(run), submit, write, options)
  const { maxBatch, maxTokensInFlight } = options
  // Rows are gone for good: nothing is kept for those that are not read yet.
  const limits = { maxBatch, maxTokensInFlight, prefixCacheTokens: 0 }
  const engine: Engine = new Engine(model, { ...limits, onTurn: () => feeder.turn(engine) })
  try {
    // An engine that fails takes no further turn.
    return await Promise.race([feeder.finished, engine.ended.then(() => feeder.finished)])
  } finally {
    feeder.close()
    await engine.close()
  }
}
