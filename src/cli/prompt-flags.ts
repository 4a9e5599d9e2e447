import { Flags } from '@oclif/core'
import { usageError } from '../errors.js'
import type { LanguageModel } from '../generation/load-model.js'
import type { Prompt } from '../generation/prompt.js'
import type { Message } from '../tokenizer/chat-template.js'

/** Where a prompt comes from, and how it becomes one. */
export const promptFlags = {
  'prompt-file': Flags.string({
    helpValue: 'FILE',
    description: 'read the prompt from a file',
    helpGroup: 'PROMPT',
  }),
  system: Flags.string({ helpValue: 'TEXT', description: 'system message of the chat', helpGroup: 'PROMPT' }),
  raw: Flags.boolean({
    description: 'pass the prompt as it is, without the chat template',
    helpGroup: 'PROMPT',
  }),
  'chat-template': Flags.string({
    helpValue: 'FILE|JINJA',
    description: "chat template in place of the model's own",
    helpGroup: 'PROMPT',
  }),
  'negative-prompt': Flags.string({
    helpValue: 'TEXT',
    description: 'what guidance moves away from (with --guidance-scale)',
    helpGroup: 'PROMPT',
  }),
}

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
  const chats = !raw && (chatTemplate ?? tokenizer.chatTemplate) !== undefined
  if (!chats && system !== undefined) {
    throw usageError('--system needs a chat template, which this model lacks: give one with --chat-template.')
  }
  if (!chats) return text
  const message: Message = { role: 'user', content: text }
  return system === undefined ? [message] : [{ role: 'system', content: system }, message]
}
