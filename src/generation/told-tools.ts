import type { GenerationConfig } from '../config/index.js'
import type { Message } from '../tokenizer/message.js'
import type { Tokenizer } from '../tokenizer/tokenizer.js'
import { toolInstructions, toolsOf } from '../tools/asked.js'
import { toolFormatOf } from '../tools/detect.js'
import { isChat, type Prompt } from './prompt.js'

/** A prompt that tells of tools, and how their calls are written. */
export interface ToldTools {
  readonly prompt: Prompt
  readonly config: GenerationConfig
  /** For a chat template that tells of them itself. */
  readonly tools?: readonly Record<string, unknown>[]
}

/**
 * Tells a model of the tools that settings name: by its chat template where that does, and otherwise at the beginning of the prompt. Calls are
 * written as the template's family does.
 * @throws UserError as `toolsOf`
 */
export function toldTools(
  prompt: Prompt,
  config: GenerationConfig,
  tokenizer: Tokenizer,
  chatTemplate: string | undefined,
): ToldTools {
  const tools = toolsOf(config)
  if (!tools) return { prompt, config }
  const definitions = tools.map(({ definition }) => ({ ...definition }))
  if (isChat(prompt)) {
    const template = chatTemplate?.includes('{') ? chatTemplate : tokenizer.chatTemplate
    const format = config.tool_format ?? toolFormatOf(template)
    const render = (given?: readonly Record<string, unknown>[]) =>
      tokenizer.applyChatTemplate(prompt, { addGenerationPrompt: true, chatTemplate, tools: given })
    if (format !== 'generic' && render(definitions) !== render())
      return { prompt, config: { ...config, tool_format: format }, tools: definitions }
  }
  const format = config.tool_format ?? 'generic'
  const told = { ...config, tool_format: format }
  return { prompt: instructed(prompt, toolInstructions(tools, format)), config: told }
}

function instructed(prompt: Prompt, instructions: string): Prompt {
  if (typeof prompt === 'string') return `${instructions}\n\n${prompt}`
  if (!isChat(prompt)) return prompt
  const first = prompt.findIndex(({ role }) => role === 'system' || role === 'user')
  return prompt.map((message, i) => (i === first ? begun(message, instructions) : message))
}

function begun(message: Message, instructions: string): Message {
  const { content } = message
  if (Array.isArray(content))
    return { ...message, content: [{ type: 'text', text: `${instructions}\n\n` }, ...content] }
  return { ...message, content: `${instructions}\n\n${content ?? ''}` }
}
