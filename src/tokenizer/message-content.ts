import { keepKeyOrder } from '../jinja/key-order.js'
import { Float } from '../jinja/values.js'
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

const STRING_OR_NUMBER = /("(?:[^"\\]|\\.)*")(\s*:)?|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g
/** Keys that JavaScript puts before all others, in the order of their numbers. */
const INDEX = /^(?:0|[1-9]\d{0,9})$/
const isFloat = (number: string) => /[.eE]/.test(number)

/**
 * A JSON text's value as Python reads it: 1.0 is a float (`Float`), -0 is 0, whole numbers have no largest one (bigint), and keys stay in
 * the order in which they are written. A template prints all of it as it is, say as arguments of a tool call, where JavaScript makes
 * 1 of 1.0, rounds what is large and puts the key "10" before "a".
 * @param value what `JSON.parse` made of the text, which is returned where nothing differs
 */
export function exactJson<T>(json: string, value: T): T {
  let mark: string | undefined
  const marked = json.replace(STRING_OR_NUMBER, (token, text?: string, colon = '') => {
    const key = text !== undefined && colon !== '' ? (JSON.parse(text) as string) : undefined
    if (key === undefined ? text !== undefined || isExact(token) : !INDEX.test(key)) return token
    mark ??= unsaid(value)
    return key === undefined
      ? `{${JSON.stringify(mark)}:"${token}"}`
      : `${JSON.stringify(mark + key)}${colon}`
  })
  if (mark === undefined) return value
  return JSON.parse(marked, (_, part: unknown) => (isJsonObject(part) ? unmarked(part, mark!) : part)) as T
}

/** Whether JavaScript's number is the one that is written. */
function isExact(token: string): boolean {
  const number = Number(token)
  return isFloat(token) ? !Number.isInteger(number) : Number.isSafeInteger(number) && !Object.is(number, -0)
}

/** A text that no key of a value begins with. */
function unsaid(value: unknown): string {
  const runs = JSON.stringify(value).match(/(?:\\u0000)+/g) ?? []
  return '\0'.repeat(1 + runs.reduce((most, run) => Math.max(most, run.length / 6), 0))
}

/** A number that was marked, or an object whose keys were; any other as it is. */
function unmarked(part: Readonly<Record<string, unknown>>, mark: string): unknown {
  const token = part[mark]
  if (typeof token === 'string') return isFloat(token) ? new Float(Number(token)) : BigInt(token)
  const keys = Object.keys(part)
  if (!keys.some((key) => key.startsWith(mark))) return part
  const entries = keys.map((key) => [key.startsWith(mark) ? key.slice(mark.length) : key, part[key]] as const)
  const object = Object.fromEntries(entries)
  keepKeyOrder(
    object,
    entries.map(([key]) => key),
  )
  return object
}
