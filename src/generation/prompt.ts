import { type ContextLength, contextReason } from '../config/length.js'
import { UserError, usageError } from '../errors.js'
import type { Message } from '../tokenizer/message.js'
import type { Tokenizer } from '../tokenizer/tokenizer.js'

/** A text as it is, token ids, or a chat, which the model's chat template turns into text. */
export type Prompt = string | readonly number[] | readonly Message[]

export interface PromptOptions extends ContextLength {
  readonly tokenizer: Tokenizer
  /** A Jinja chat template instead of the model's own, or the name of one of these. */
  readonly chatTemplate?: string
  /** The template's switch of the same name; by default the template says. */
  readonly enableThinking?: boolean
  /** Functions that the template tells the model of, as OpenAI has them. */
  readonly tools?: readonly Record<string, unknown>[]
  /** What an empty prompt starts with, as in HF. */
  readonly bosTokenId?: number
}

/**
 * A prompt's token ids.
 * @throws UserError for a chat of which the template makes nothing, a prompt without tokens where the model has no BOS to start from, and for a text so long that it need
 *   not be cut into tokens to see that they do not fit
 */
export function encodePrompt(prompt: Prompt, options: PromptOptions): number[] {
  const ids = isTokenIds(prompt) ? [...prompt] : encodeText(prompt, options)
  if (ids.length > 0) return ids
  if (options.bosTokenId !== undefined) return [options.bosTokenId]
  throw usageError('The prompt is empty, and the model has no beginning-of-sequence token: give some text.')
}

function encodeText(prompt: string | readonly Message[], options: PromptOptions): number[] {
  const { tokenizer, maxPositions } = options
  const isText = typeof prompt === 'string'
  const text = isText ? prompt : chatPrompt(prompt, options)
  if (!isText && text.trim() === '') {
    throw new UserError(
      'The chat template makes nothing of this conversation: give another one with --chat-template, or the prompt as it is with --raw.',
    )
  }
  if (text.length > maxPositions * longestToken(tokenizer)) {
    throw usageError(
      `The prompt has ${text.length} characters, but the model's context ends at ${maxPositions} tokens${contextReason(options)}: shorten the prompt.`,
    )
  }
  return tokenizer.encode(text, isText ? {} : { addSpecialTokens: false })
}

/**
 * What a chat template makes of a chat before the model's answer.
 * @throws UserError as `applyChatTemplate`, and for a template without a switch that is set
 */
export function chatPrompt(
  messages: readonly Message[],
  {
    tokenizer,
    chatTemplate,
    enableThinking,
    tools,
    addGenerationPrompt = true,
  }: Pick<PromptOptions, 'tokenizer' | 'chatTemplate' | 'enableThinking' | 'tools'> & {
    readonly addGenerationPrompt?: boolean
  },
): string {
  const render = (variables?: Readonly<Record<string, unknown>>) =>
    tokenizer.applyChatTemplate(messages, { addGenerationPrompt, chatTemplate, tools, variables })
  if (enableThinking === undefined) return render()
  const [on, off] = [true, false].map((enable_thinking) => render({ enable_thinking }))
  if (on !== off) return enableThinking ? on : off
  throw usageError(
    'enable_thinking has no effect: the chat template has no such switch. Leave it out, or bound the thinking by thinking_budget.',
  )
}

const longestTokens = new WeakMap<Tokenizer, number>()

/** Characters of the longest token. */
function longestToken(tokenizer: Tokenizer): number {
  let longest = longestTokens.get(tokenizer)
  if (longest === undefined) {
    longest = 1
    for (let id = 0; id < tokenizer.vocabSize; id++) {
      longest = Math.max(longest, tokenizer.idToToken(id)?.length ?? 0)
    }
    longestTokens.set(tokenizer, longest)
  }
  return longest
}

/** Whether a prompt goes through a chat template. */
export function isChat(prompt: Prompt): prompt is readonly Message[] {
  return typeof prompt !== 'string' && !isTokenIds(prompt)
}

function isTokenIds(prompt: Prompt): prompt is readonly number[] {
  return typeof prompt !== 'string' && prompt.every((item) => typeof item === 'number')
}
