import { generationConfigSchema } from '../config/index.js'
import { decodeText } from '../files.js'
import { isJsonObject } from '../json.js'
import { nearest } from '../nearest.js'
import { exactJson } from '../tokenizer/exact-json.js'
import type { Message } from '../tokenizer/message.js'
import { messagesFault } from '../tokenizer/message-content.js'
import type { Line } from './lines.js'

export type RowId = string | number

interface AnyRow {
  /** Of the input, from 1. */
  readonly line: number
  /** Null where the line has none that could be used. */
  readonly id: RowId | null
  /** Fields that are none of ours: they come out as they went in. */
  readonly passed: Readonly<Record<string, unknown>>
}

/** A prompt with what is to be done with it. */
export interface Row extends AnyRow {
  /** The line number where the line names none. */
  readonly id: RowId
  readonly prompt: string | readonly Message[]
  /** GenerationConfig fields, as they are written. */
  readonly settings: Readonly<Record<string, unknown>>
}

/** A line that is no row, or one that could not be served. */
export interface BadRow extends AnyRow {
  readonly error: string
  /** Whether the line is no JSON object. */
  readonly isForeign?: boolean
}

export function isBad(row: Row | BadRow): row is BadRow {
  return 'error' in row
}

/** What tells a row from all others of an input. */
export function keyOf({ id, line }: Pick<AnyRow, 'id' | 'line'>): string {
  return id === null ? `line ${line}` : JSON.stringify(id)
}

/** Fields of the output that are ours. */
export const RESULT_FIELDS = [
  'text',
  'value',
  'finish_reason',
  'sequence_score',
  'logprobs',
  'masked_mass',
  'ids',
  'tokens',
  'beam_indices',
  'scores',
  'transition_scores',
  'logits',
  'hidden_states',
  'sequences',
  'samples',
  'chosen',
  'prompt_tokens',
  'generated_tokens',
  'line',
  'error',
] as const

/** Reads a line; what is wrong with it is said in the row. */
export function parseRow(line: Line): Row | BadRow {
  const bad = (error: string, isForeign?: boolean): BadRow => ({
    line: line.number,
    id: null,
    passed: {},
    error,
    ...(isForeign && { isForeign }),
  })
  let text: string
  try {
    text = decodeText(line.bytes, `Line ${line.number}`)
  } catch (error) {
    return bad((error as Error).message)
  }
  try {
    const value: unknown = JSON.parse(text)
    if (isJsonObject(value)) {
      const { messages } = value
      const exact = Array.isArray(messages) ? { messages: exactJson(text, value).messages } : {}
      return rowOf({ ...value, ...exact }, line.number)
    }
  } catch (error) {
    return bad(`Line ${line.number} is not valid JSON: ${(error as Error).message}.`, true)
  }
  return bad(
    `Line ${line.number} holds no JSON object: write one row a line, such as {"id": 1, "prompt": "..."}.`,
    true,
  )
}

/** Fields that are null are those that a table has for other rows. */
function rowOf({ id, prompt, messages, ...rest }: Record<string, unknown>, line: number): Row | BadRow {
  const isSetting = (field: string) => Object.hasOwn(generationConfigSchema.shape, field)
  const settings = pick(rest, isSetting)
  const isOurs = (field: string) => (RESULT_FIELDS as readonly string[]).includes(field)
  const passed = pick(rest, (field) => !isSetting(field) && !isOurs(field))
  const taken = Object.keys(rest).find(isOurs)
  if (!isRowId(id ?? line)) {
    const error = `The id of line ${line} is ${JSON.stringify(id)}: give a text or a whole number, or leave it out.`
    return { line, id: null, passed, error }
  }
  const row = { line, id: (id ?? line) as RowId, passed }
  const fault =
    promptFault(prompt ?? undefined, messages ?? undefined) ??
    roleFault(messages) ??
    (taken && `The row has a field ${taken}, which is one of the output: give it another name.`)
  if (fault) return { ...row, error: fault }
  return { ...row, prompt: (prompt ?? messages) as Row['prompt'], settings }
}

function promptFault(prompt: unknown, messages: unknown): string | undefined {
  if (prompt === undefined && messages === undefined) {
    return 'The row has neither prompt nor messages: give one of them.'
  }
  if (prompt !== undefined && messages !== undefined) {
    return 'The row has both prompt and messages: leave one of them out.'
  }
  if (messages === undefined) return typeof prompt === 'string' ? undefined : 'The prompt is no text.'
  const isMessage = (message: unknown) => isJsonObject(message) && typeof message.role === 'string'
  if (Array.isArray(messages) && messages.length > 0 && messages.every(isMessage))
    return messagesFault(messages)
  return 'messages is no list of messages: give at least one {"role": "...", "content": "..."}.'
}

/** Most edits of a slip, as a share: fields and roles of one's own may look like ours. */
export const SLIP = 0.25

/** Roles that templates know. A template may have others of its own, but none that is one of these, misspelt. */
const ROLES = ['system', 'developer', 'user', 'assistant', 'model', 'tool', 'function', 'ipython']

function roleFault(messages: unknown): string | undefined {
  if (!Array.isArray(messages)) return undefined
  for (const [i, { role }] of (messages as { role: string }[]).entries()) {
    const meant = ROLES.includes(role) ? undefined : nearest(role, ROLES, SLIP)
    if (meant) return `Message ${i + 1} has the role ${JSON.stringify(role)}: did you mean "${meant}"?`
  }
  return undefined
}

export function isRowId(value: unknown): value is RowId {
  return typeof value === 'string' || Number.isSafeInteger(value)
}

function pick(fields: Record<string, unknown>, isWanted: (field: string) => boolean) {
  return Object.fromEntries(Object.entries(fields).filter(([field]) => isWanted(field)))
}
