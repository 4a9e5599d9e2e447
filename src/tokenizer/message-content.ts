import { isJsonObject, kindOf } from '../json.js'
import type { Message } from './message.js'

/** A part of a message's content, as OpenAI's API has it; text is the one type that models here read. */
export interface TextPart {
  readonly type: 'text'
  readonly text: string
}

/**
 * What is wrong with the content of a message, as the end of a sentence; undefined where it is a text, a list of text parts, or
 * not there, as beside tool calls.
 */
function contentFault({ content }: Message): string | undefined {
  if (content === undefined || content === null || typeof content === 'string') return undefined
  const wanted = 'give a text, or a list of {"type": "text", "text": "..."}'
  if (!Array.isArray(content)) return `has ${kindOf(content)} for its content: ${wanted}.`
  for (const part of content) {
    if (!isJsonObject(part)) return `has ${kindOf(part)} among the parts of its content: ${wanted}.`
    if (part.type !== 'text') {
      return `has a part of type ${JSON.stringify(part.type ?? null)} in its content, but text alone is read here: ${wanted}.`
    }
    if (typeof part.text !== 'string') return `has a part of type "text" without a text: ${wanted}.`
  }
  return undefined
}

/** What is wrong with the first message of which something is; undefined where nothing is. */
export function messagesFault(messages: readonly Message[]): string | undefined {
  for (const [i, message] of messages.entries()) {
    const fault = contentFault(message)
    if (fault !== undefined) return `Message ${i + 1} (${message.role}) ${fault}`
  }
  return undefined
}

/** Messages whose parts are one text, a line each, as vLLM and llama.cpp have it for a template that reads texts alone. */
export function withJoinedParts(messages: readonly Message[]): Message[] {
  return messages.map((message) =>
    Array.isArray(message.content) ? { ...message, content: joined(message.content) } : message,
  )
}

/** Messages whose texts are a list of one part, for a template that reads parts alone. */
export function withTextsAsParts(messages: readonly Message[]): Message[] {
  return messages.map((message) => {
    const { content } = message
    return typeof content === 'string' ? { ...message, content: [{ type: 'text', text: content }] } : message
  })
}

/** The text of a message, without the space around it that templates trim; undefined where it is in several parts, or there is none. */
export function onlyText({ content }: Message): string | undefined {
  const text =
    Array.isArray(content) && content.length === 1 ? (content as readonly TextPart[])[0].text : content
  return typeof text === 'string' ? text.trim() : undefined
}

/** A message with another text in place of its one. */
export function withText(message: Message, text: string): Message {
  return { ...message, content: Array.isArray(message.content) ? [{ type: 'text', text }] : text }
}

const joined = (parts: readonly TextPart[]) => parts.map(({ text }) => text).join('\n')
