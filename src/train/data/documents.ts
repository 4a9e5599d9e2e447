import { usageError } from '../../errors.js'
import { STDIO } from '../../files.js'
import { parseJsonObject } from '../../json.js'
import { exactJson } from '../../tokenizer/exact-json.js'
import type { Message } from '../../tokenizer/message.js'
import { messagesFault } from '../../tokenizer/message-content.js'
import { openSources, type SourceFile, type SourceOptions, sourceName } from './source-file.js'
import { type DocumentPart, textParts } from './text-parts.js'

/** A prompt and the answer that is learnt; the text is one after the other. */
export interface PromptExample {
  readonly kind: 'prompt'
  readonly prompt: string
  readonly completion: string
  /** File and line, for messages. */
  readonly origin: string
}

/** A conversation, of which the assistant's messages are learnt. */
export interface ChatExample {
  readonly kind: 'chat'
  readonly messages: readonly Message[]
  /** File and line, for messages. */
  readonly origin: string
}

/** Text documents come in parts, examples for supervised tuning whole. */
export type TrainingDocument = DocumentPart | PromptExample | ChatExample

export interface DocumentOptions extends SourceOptions {
  /** What stands between the documents of a text file; without it a file is one document. */
  readonly separator?: string
}

/**
 * Reads text files (UTF-8) and JSONL files (`.jsonl`), each also compressed (`.br`, `.gz`), without holding more than
 * a part of a text or a line; `-` is stdin, of JSONL where it begins with a brace. Blank documents and lines are left out. A line of JSONL has one of
 * - `text`: a document;
 * - `prompt` and `completion`, as in TRL;
 * - `question` and `answer`, as in GSM8K: the answer comes on a line of its own;
 * - `messages`: a list of `{role, content}`, one from the assistant at least.
 * @throws UserError for a file without text, that cannot be read, or is no UTF-8, and a line that is none of these
 */
export async function* readDocuments(
  files: readonly string[],
  { separator, ...options }: DocumentOptions = {},
): AsyncGenerator<TrainingDocument> {
  if (separator === '') throw usageError('The separator of documents is empty: leave it out, or give a text.')
  for await (const source of openSources(files, options)) {
    let isEmpty = true
    const { isLines, text } = await withKind(source)
    for await (const document of isLines ? jsonLines({ ...source, text }) : textParts(text, separator)) {
      isEmpty = false
      yield document
    }
    if (isEmpty)
      throw usageError(`${sourceName(source.path)} holds no text: leave it out, or give one that does.`)
  }
}

/** Whether a source is JSONL: by its name, which stdin has not. */
async function withKind({
  path,
  text,
}: SourceFile): Promise<{ isLines: boolean; text: AsyncIterable<string> }> {
  if (path !== STDIO) return { isLines: isJsonLines(path), text }
  const chunks = text[Symbol.asyncIterator]()
  const first = await chunks.next()
  async function* whole() {
    if (first.done) return
    yield first.value
    yield* { [Symbol.asyncIterator]: () => chunks }
  }
  return { isLines: !first.done && /^\s*\{/.test(first.value), text: whole() }
}

export function isJsonLines(path: string): boolean {
  return /\.jsonl(\.br|\.gz)?$/i.test(path)
}

async function* jsonLines({ path, text }: SourceFile): AsyncGenerator<TrainingDocument> {
  let number = 0
  for await (const line of lines(text, path)) {
    number++
    if (line.trim() === '') continue
    const document = parseLine(line, `${sourceName(path)}, line ${number}`)
    if (document.kind !== 'text' || document.text.trim() !== '') yield document
  }
}

/** Characters of a line at most: far more than a document has, and than are easily held. */
const LONGEST_LINE = 2 ** 26

async function* lines(chunks: AsyncIterable<string>, path: string): AsyncGenerator<string> {
  let begun: string[] = []
  let length = 0
  let number = 1
  for await (const chunk of chunks) {
    const [rest, ...next] = chunk.split('\n')
    begun.push(rest)
    length += rest.length
    if (length > LONGEST_LINE) {
      throw usageError(
        `${sourceName(path)}, line ${number}, is longer than ${LONGEST_LINE} characters: cut the document into several.`,
      )
    }
    if (next.length === 0) continue
    number += next.length
    yield begun.join('')
    begun = [next.pop()!]
    length = begun[0].length
    yield* next
  }
  yield begun.join('')
}

function parseLine(line: string, origin: string): TrainingDocument {
  const value = parseJsonObject(line, origin, 2)
  if (typeof value.text === 'string') return { kind: 'text', text: value.text, start: true, end: true }
  const { prompt, completion, question, answer, messages } = value
  if (typeof prompt === 'string' && isFilled(completion))
    return { kind: 'prompt', prompt, completion, origin }
  if (typeof question === 'string' && isFilled(answer)) {
    return { kind: 'prompt', prompt: `${question}\n`, completion: answer, origin }
  }
  if (isConversation(messages)) {
    const fault = messagesFault(messages)
    if (fault !== undefined) throw usageError(`${origin}: ${fault}`)
    return { kind: 'chat', messages: exactJson(line, value).messages as Message[], origin }
  }
  throw usageError(
    `${origin} is no training document: it needs a "text", a "prompt" and a "completion", a "question" and an "answer", or "messages" with role and content and one from the assistant.`,
  )
}

function isFilled(text: unknown): text is string {
  return typeof text === 'string' && text !== ''
}

function isConversation(value: unknown): value is Message[] {
  if (!Array.isArray(value)) return false
  const isMessage = (message: Partial<Message> | null) => typeof message?.role === 'string'
  return value.every(isMessage) && value.some(({ role }) => role === 'assistant')
}
