import { usageError } from '../errors.js'
import { readText, writeJson } from '../files.js'
import { isJsonObject, parseJson } from '../json.js'
import type { Message } from '../tokenizer/message.js'

/** What was said, and by whom. */
export interface ChatMessage extends Message {
  readonly role: 'user' | 'assistant' | 'tool'
  readonly content: string
}

/** All that a chat consists in, but for its model. */
export interface ChatState {
  readonly system: string | undefined
  readonly messages: readonly ChatMessage[]
  /** A strategy's name. */
  readonly strategy: string
  /** GenerationConfig fields that the user has set. */
  readonly settings: Readonly<Record<string, unknown>>
  readonly seed: number
  /** Answers that were given so far, each with a seed of its own. */
  readonly answers: number
}

export interface ChatModel {
  readonly name: string
  readonly fingerprint: string
}

const FORMAT = 'llm-chat'
const VERSION = 1

/** @throws UserError if the file cannot be written */
export function writeChatFile(
  path: string,
  model: ChatModel,
  { system, ...state }: ChatState,
): Promise<void> {
  return writeJson(path, { format: FORMAT, version: VERSION, model, system: system ?? null, ...state })
}

/** @throws UserError for a file that cannot be read, is no chat, or is one of a later version */
export async function readChatFile(path: string): Promise<ChatState & { readonly model: ChatModel }> {
  const value = parseJson(await readText(path), path, 2)
  if (!isJsonObject(value) || value.format !== FORMAT)
    throw usageError(`${path} is no chat that /save has written.`)
  if (value.version !== VERSION) {
    throw usageError(
      `${path} is a chat of version ${JSON.stringify(value.version)}, but only ${VERSION} can be read.`,
    )
  }
  const wrong = Object.keys(parts).find((name) => !parts[name as keyof typeof parts](value[name]))
  if (wrong) throw usageError(`${path} is a damaged chat: its ${wrong} cannot be read.`)
  const { model, system, messages, strategy, settings, seed, answers } = value as unknown as Parts
  return { model, system: system ?? undefined, messages, strategy, settings, seed, answers }
}

type Parts = Omit<ChatState, 'system'> & { readonly model: ChatModel; readonly system: string | null }

const isCount = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0
const isMessage = (value: unknown) =>
  isJsonObject(value) &&
  ['user', 'assistant', 'tool'].includes(value.role as string) &&
  typeof value.content === 'string'

/** Whether a part is what it has to be. */
const parts: Readonly<Record<keyof Parts, (value: unknown) => boolean>> = {
  model: (value) =>
    isJsonObject(value) && typeof value.name === 'string' && typeof value.fingerprint === 'string',
  system: (value) => value === null || typeof value === 'string',
  messages: (value) => Array.isArray(value) && value.every(isMessage),
  strategy: (value) => typeof value === 'string',
  settings: isJsonObject,
  seed: isCount,
  answers: isCount,
}
