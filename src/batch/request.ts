import { createHash } from 'node:crypto'
import type { ConfigLayer, GenerationConfig, GenerationField } from '../config/index.js'
import { type PreparedRequest, prepareRequest } from '../engine/request.js'
import type { Validate } from '../engine/validated.js'
import { type UserError, usageError } from '../errors.js'
import type { Assistant } from '../generation/assistant.js'
import type { GenerateOptions, GenerationModel } from '../generation/options.js'
import type { Prompt } from '../generation/prompt.js'
import { firstLayers } from '../language-model/load.js'
import { isLoadedFor } from '../scores/dola.js'
import type { Row, RowId } from './row.js'

/** Drafters and strategies that all rows share beside the model. */
export interface SharedOptions {
  /** A model that drafts. */
  readonly assistant?: Assistant
  /** The first layers of the model, by their number, for rows with `assistant_early_exit`. */
  readonly earlyExits?: ReadonlyMap<number, Assistant>
  /** Drafters, a strategy, a negative prompt. */
  readonly generateOptions?: GenerateOptions
}

/** How the answers of rows are judged. */
export interface RowValidation {
  /** Attempts after the first one, at most. */
  readonly retries: number
  validatorsOf(config: GenerationConfig): Promise<readonly Validate[]>
}

/** Settings that all rows of a batch have in common. */
export interface RowSettings extends SharedOptions {
  /** Of which a row's own are on top. */
  readonly layers: readonly ConfigLayer[]
  /** The seeds of rows that have none follow from it. */
  readonly seed: number
  /** Chooses among the samples of a row. */
  readonly scorerOf?: (row: Row) => Pick<GenerateOptions, 'scoreSample'>
  /** Judges of the answers, which are asked for again where they do not pass. */
  readonly validation?: RowValidation
  /** A row's text or messages as the model is given them; by default as they are. */
  readonly promptOf?: (row: Row) => Prompt
  readonly chatTemplate?: string
}

/** @throws UserError for settings or a prompt that cannot be served, and for layers that were not loaded */
export function requestOf(
  row: Row,
  target: GenerationModel,
  { promptOf = ({ prompt }) => prompt, chatTemplate, ...run }: RowSettings,
): PreparedRequest {
  const settings: ConfigLayer[] = [
    ...run.layers.map((layer) => ({ ...layer, isShared: true })),
    { values: { seed: rowSeed(run.seed, row.id) }, origin: 'the batch', isShared: true },
    { values: row.settings, origin: 'the row' },
  ]
  const options = { chatTemplate, ...run.generateOptions, ...run.scorerOf?.(row) }
  // Settings without effect are refused below, and told of the model's once for all rows.
  const silent = { ...options, onWarning: undefined }
  const request = prepareRequest(target, { prompt: promptOf(row), settings, options: silent })
  const { config, warnings } = request
  // As with flags: a setting is honoured or refused.
  if (warnings.length > 0) throw usageError(warnings.join('\n'))
  requireExits(config, target)
  return { ...request, options: { ...options, assistant: assistantFor(config, target, run) } }
}

/** @throws UserError for an early exit beside another model that drafts, and for one that is not there */
function assistantFor(
  { assistant_early_exit: layers }: GenerationConfig,
  { spec }: GenerationModel,
  { assistant, earlyExits }: SharedOptions,
): Assistant | undefined {
  if (layers === undefined) return assistant
  if (assistant) {
    throw usageError('An assistant model and assistant_early_exit both draft: leave one of them out.')
  }
  const exit = earlyExits?.get(layers)
  if (exit) return exit
  if (spec) firstLayers(spec, layers)
  throw notLoaded('assistant_early_exit', layers)
}

/** @throws UserError for DoLa with layers that were not loaded as exits */
function requireExits(config: GenerationConfig, { spec, model }: GenerationModel): void {
  if (spec && !isLoadedFor({ spec, model }, config)) throw notLoaded('dola_layers', config.dola_layers)
}

/** Rows of a stream are not known before they come. */
function notLoaded(field: GenerationField, value: unknown): UserError {
  return usageError(
    `${field} is ${JSON.stringify(value)}, but that was not known when the model was loaded: give the rows as a file, or set it for all of them.`,
  )
}

/** The seed of a row: 48 bits of a hash of the batch's seed and the row's id, whatever other rows there are. */
export function rowSeed(seed: number, id: RowId): number {
  const hash = createHash('sha256').update(`${seed} ${JSON.stringify(id)}`)
  return hash.digest().readUIntBE(0, 6)
}
