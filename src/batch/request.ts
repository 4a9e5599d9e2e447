import { createHash } from 'node:crypto'
import {
  type ConfigLayer,
  type GenerationConfig,
  lengthLimit,
  resolveGenerationConfig,
} from '../config/index.js'
import { usageError } from '../errors.js'
import type { GenerationModel } from '../generation/options.js'
import { encodePrompt, type Prompt } from '../generation/prompt.js'
import type { Row, RowId } from './row.js'

/** What all rows of a batch have in common. */
export interface RunSettings {
  /** Of which a row's own are on top. */
  readonly layers: readonly ConfigLayer[]
  /** The seeds of rows that have none follow from it. */
  readonly seed: number
  /** A row's text or messages as the model is given them; by default as they are. */
  readonly promptOf?: (row: Row) => Prompt
  readonly chatTemplate?: string
  /** Tokens that all rows in flight may come to have. */
  readonly maxTokensInFlight?: number
}

/** A row that is ready to be decoded. */
export interface Request {
  readonly row: Row
  /** Tokens of the prompt. */
  readonly ids: readonly number[]
  readonly layers: readonly ConfigLayer[]
  readonly config: GenerationConfig
  /** The most tokens that it will have in the cache: the prompt's, and all new ones of each sequence or beam. */
  readonly tokens: number
}

/** @throws UserError for settings or a prompt that cannot be served, and for more tokens than may be in flight */
export function prepare(
  row: Row,
  { model, tokenizer, generationConfig }: GenerationModel,
  { promptOf = ({ prompt }) => prompt, chatTemplate, maxTokensInFlight = Infinity, ...run }: RunSettings,
): Request {
  const layers: ConfigLayer[] = [
    ...run.layers.map((layer) => ({ ...layer, isShared: true })),
    { values: { seed: rowSeed(run.seed, row.id) }, origin: 'the batch', isShared: true },
    { values: row.settings, origin: 'the row' },
  ]
  const { config, warnings } = resolveGenerationConfig(generationConfig, ...layers)
  // As with flags: a setting is honoured or refused.
  if (warnings.length > 0) throw usageError(warnings.join('\n'))
  const { vocabSize, maxPositions } = model
  const ids = encodePrompt(promptOf(row), {
    tokenizer,
    chatTemplate,
    bosTokenId: config.bos_token_id,
    maxPositions,
  })
  const unknown = ids.find((id) => id >= vocabSize)
  if (unknown !== undefined) {
    throw usageError(`The prompt has the token ${unknown}, but the model's vocabulary has ${vocabSize}.`)
  }
  const tokens = tokensInFlight(config, ids.length, maxPositions)
  if (tokens > maxTokensInFlight) {
    throw usageError(
      `The row may come to ${tokens} tokens, but only ${maxTokensInFlight} may be in flight: allow more of them, or lower max_new_tokens.`,
    )
  }
  return { row, ids, layers, config, tokens }
}

/** Beams and sequences share the prompt; guidance follows another one beside each. */
function tokensInFlight(config: GenerationConfig, promptLength: number, maxPositions: number): number {
  const sides = (config.guidance_scale ?? 1) === 1 ? 1 : 2
  const sequences = Math.max(config.num_beams, config.num_return_sequences)
  const newTokens = lengthLimit(config, promptLength, maxPositions) - promptLength
  return promptLength + sides * sequences * newTokens
}

/** The seed of a row: 48 bits of a hash of the batch's seed and the row's id, whatever other rows there are. */
export function rowSeed(seed: number, id: RowId): number {
  const hash = createHash('sha256').update(`${seed} ${JSON.stringify(id)}`)
  return hash.digest().readUIntBE(0, 6)
}
