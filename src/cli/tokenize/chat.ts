import { usageError } from '../../errors.js'
import { MOST_SETTINGS, STDIO } from '../../files.js'
import { chatPrompt } from '../../generation/prompt.js'
import { isJsonObject, parseJson } from '../../json.js'
import { exactJson } from '../../tokenizer/exact-json.js'
import type { Message } from '../../tokenizer/message.js'
import type { Tokenizer } from '../../tokenizer/tokenizer.js'
import { readTextOr } from '../io/stdin.js'

/**
 * The messages of a JSON file: a list, or an object with `messages`, as a row of a batch has them.
 * @throws UserError, exit code 2, for what is no chat; exit code 1 for an unreadable file
 */
export async function readMessages(file: string): Promise<Message[]> {
  const name = file === STDIO ? 'stdin' : file
  const text = await readTextOr(file, '--messages', MOST_SETTINGS)
  const value = exactJson(text, parseJson(text, name, 2))
  const messages = isJsonObject(value) ? value.messages : value
  const isMessage = (message: unknown) => isJsonObject(message) && typeof message.role === 'string'
  if (Array.isArray(messages) && messages.length > 0 && messages.every(isMessage)) return messages
  throw usageError(`${name} is no list of messages: give at least one {"role": "...", "content": "..."}.`)
}

interface ChatTextOptions {
  readonly system?: string
  /** In place of the model's own. */
  readonly template?: string
  readonly enableThinking?: boolean
  /** Whether it ends with the beginning of the model's answer. */
  readonly ends: boolean
}

/**
 * Text that a chat template makes of messages, or of a text as the user's message.
 * @throws UserError as `chatPrompt`
 */
export function chatText(
  tokenizer: Tokenizer,
  chat: string | readonly Message[],
  { system, template, enableThinking, ends }: ChatTextOptions,
): string {
  const own = system === undefined ? [] : [{ role: 'system', content: system }]
  const messages = typeof chat === 'string' ? [...own, { role: 'user', content: chat }] : chat
  return chatPrompt(messages, {
    tokenizer,
    chatTemplate: template,
    enableThinking,
    addGenerationPrompt: ends,
  })
}
