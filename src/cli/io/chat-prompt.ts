import { usageError } from '../../errors.js'
import type { Prompt } from '../../generation/prompt.js'
import type { LanguageModel } from '../../language-model/load.js'
import type { Message } from '../../tokenizer/message.js'

export interface ChatFlags {
  readonly raw: boolean
  readonly system?: string
  readonly 'chat-template'?: string
}

/** @throws UserError, exit code 2, for what belongs to a chat where there is none */
export function refuseRawChat(flags: ChatFlags): void {
  const chatOnly = (['system', 'chat-template'] as const).find((flag) => flags[flag] !== undefined)
  if (flags.raw && chatOnly) {
    throw usageError(`--${chatOnly} has no effect with --raw: leave one of them out.`)
  }
}

/** A chat where the model has a template or one is given, unless `--raw`. */
export function promptFor(
  { tokenizer }: LanguageModel,
  text: string,
  { raw, system }: ChatFlags,
  chatTemplate: string | undefined,
): Prompt {
  const chats = !raw && (chatTemplate !== undefined || tokenizer.hasChatTemplate)
  if (!chats && system !== undefined) {
    throw usageError('--system needs a chat template, which this model lacks: give one with --chat-template.')
  }
  if (!chats) return text
  const message: Message = { role: 'user', content: text }
  return system === undefined ? [message] : [{ role: 'system', content: system }, message]
}
