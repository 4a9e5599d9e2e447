import type { Message } from '../tokenizer/message.js'
import { isChat, type Prompt } from './prompt.js'

/**
 * A prompt that ends with what the answer has to be: the last message of the user has it, or the text. Token ids stay as they are.
 * @param instruction nothing where the model is told nothing
 */
export function toldLanguage(prompt: Prompt, instruction: string | undefined): Prompt {
  if (instruction === undefined) return prompt
  if (typeof prompt === 'string') return `${prompt}\n\n${instruction}\n\n`
  if (!isChat(prompt)) return prompt
  const last = prompt.findLastIndex(({ role }) => role === 'user')
  if (last < 0) return [...prompt, { role: 'user', content: instruction }]
  return prompt.map((message, i) => (i === last ? told(message, instruction) : message))
}

function told(message: Message, instruction: string): Message {
  const { content } = message
  if (Array.isArray(content)) {
    return { ...message, content: [...content, { type: 'text', text: `\n\n${instruction}` }] }
  }
  return { ...message, content: `${content ?? ''}\n\n${instruction}` }
}
