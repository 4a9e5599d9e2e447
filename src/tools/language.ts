import type { ToolFormat } from '../config/structured.js'
import { usageError } from '../errors.js'
import { DEAD } from '../grammar/automaton.js'
import { compileSchema } from '../grammar/schema/index.js'
import { SpelledReader } from '../grammar/spelling/reader.js'
import { SpelledAutomaton } from '../grammar/spelling/spelled.js'
import type { GrammarVocabulary } from '../grammar/token-expressions.js'
import type { ToolChoice, ToolDefinition } from './definitions.js'
import { callFormat } from './families.js'
import { TurnSpelling } from './turn.js'

export interface ToolLanguageOptions {
  readonly format: ToolFormat
  readonly choice: ToolChoice
  /** Whether an answer may have several calls. */
  readonly isParallel: boolean
}

/**
 * The answers of a family that have text and calls as they may: the JSON of their parts is judged by a schema, which has the parameters of each
 * tool.
 * @throws UserError, exit code 2, for parameters that cannot be held, with the tool's name
 */
export function toolLanguage(
  { format, choice, isParallel }: ToolLanguageOptions,
  vocabulary: Pick<GrammarVocabulary, 'idOf' | 'controls'>,
): SpelledAutomaton {
  for (const tool of choice.tools) checkParameters(tool)
  const json = compileSchema(JSON.stringify(partsSchema(choice, isParallel)))
  const automaton = new SpelledAutomaton(new TurnSpelling(callFormat(format, vocabulary)), json)
  if (automaton.start !== DEAD) return automaton
  throw usageError(
    `No call of ${choice.tools.map(({ name }) => name).join(', ')} can be written in the format ${format}: its parameters have names or texts that it has no spelling for.`,
  )
}

function checkParameters({ name, parameters }: ToolDefinition): void {
  try {
    compileSchema(JSON.stringify(parameters))
  } catch (error) {
    throw usageError(`The parameters of the tool ${name} cannot be held. ${(error as Error).message}`, {
      cause: error,
    })
  }
}

/** Parts of an answer: texts, and calls. */
function partsSchema({ mode, tools }: ToolChoice, isParallel: boolean) {
  const calls = tools.map(({ name, parameters }) => {
    const { $defs, definitions, $schema: _, ...own } = parameters
    return {
      call: {
        type: 'object',
        properties: { name: { const: name }, arguments: relocated(own, name) },
        required: ['name', 'arguments'],
        additionalProperties: false,
      },
      shared: { ...($defs as object), ...(definitions as object) },
    }
  })
  const shared = calls.map(
    ({ shared: defs }, i) => [tools[i].name, { $defs: relocated(defs, tools[i].name) }] as const,
  )
  const $defs = Object.fromEntries(shared)
  const anyCall = { anyOf: calls.map(({ call }) => call) }
  const text = { type: 'string' }
  if (mode === 'none') return { type: 'array', items: text }
  if (mode === 'required')
    return { type: 'array', items: anyCall, minItems: 1, ...(!isParallel && { maxItems: 1 }), $defs }
  const items = { anyOf: [text, ...anyCall.anyOf] }
  return {
    type: 'array',
    items,
    $defs,
    ...(!isParallel && { contains: { type: 'object' }, minContains: 0, maxContains: 1 }),
  }
}

/** A schema whose references lead to where its tool's definitions are. */
function relocated(schema: unknown, name: string): unknown {
  if (Array.isArray(schema)) return schema.map((each) => relocated(each, name))
  if (typeof schema !== 'object' || schema === null) return schema
  return Object.fromEntries(
    Object.entries(schema).map(([key, each]) => {
      const pointer = typeof each === 'string' ? /^#\/(?:\$defs|definitions)(\/.*)$/.exec(each) : null
      if (key === '$ref' && pointer) return [key, `#/$defs/${escaped(name)}/$defs${pointer[1]}`]
      return [key, relocated(each, name)]
    }),
  )
}

const escaped = (name: string) => name.replaceAll('~', '~0').replaceAll('/', '~1')

/** A call as OpenAI has it. */
export interface ToolCall {
  readonly id: string
  readonly type: 'function'
  /** Arguments as JSON text. */
  readonly function: { readonly name: string; readonly arguments: string }
}

/** An answer: its text, and its calls. */
export interface ToolMessage {
  readonly content: string
  readonly tool_calls: readonly ToolCall[]
}

/** The parts of an answer; undefined where it is not of the language. @param symbols bytes, and `CONTROL` + id for control tokens */
export function readAnswer(automaton: SpelledAutomaton, symbols: Iterable<number>): ToolMessage | undefined {
  const reader = new SpelledReader(automaton)
  reader.push(symbols)
  const json = reader.finish()
  return json === undefined ? undefined : messageOf(json)
}

function messageOf(json: string): ToolMessage {
  const parts = partsOf(json)
  const calls = parts.filter(({ kind }) => kind === 'call')
  return {
    content: parts
      .filter(({ kind }) => kind === 'text')
      .map(({ text }) => text)
      .join(''),
    tool_calls: calls.map(({ name = '', text }, i) => ({
      id: callId(i),
      type: 'function',
      function: { name, arguments: text },
    })),
  }
}

/** An id of nine letters and digits, as Mistral's templates want them; the same for the same place. */
export function callId(place: number): string {
  return `call${String(place).padStart(5, '0')}`
}

/** What is new of an answer. */
export type ToolDelta =
  | { readonly type: 'text'; readonly text: string }
  /** A call whose name is known. */
  | { readonly type: 'call'; readonly index: number; readonly id: string; readonly name: string }
  /** More of a call's arguments: together they are the JSON text of the arguments. */
  | { readonly type: 'arguments'; readonly index: number; readonly text: string }

/** A whole answer, told at once. */
export function deltasOf({ content, tool_calls }: ToolMessage): readonly ToolDelta[] {
  const text: readonly ToolDelta[] = content === '' ? [] : [{ type: 'text', text: content }]
  const calls = tool_calls.flatMap(
    ({ id, function: { name, arguments: given } }, index): readonly ToolDelta[] => [
      { type: 'call', index, id, name },
      { type: 'arguments', index, text: given },
    ],
  )
  return [...text, ...calls]
}

/** An answer that is read as it comes. */
export class ToolStream {
  private readonly reader: SpelledReader
  private told = ''

  constructor(automaton: SpelledAutomaton) {
    this.reader = new SpelledReader(automaton)
  }

  /** Reads more symbols, and tells what is known by them. */
  push(symbols: Iterable<number>): readonly ToolDelta[] {
    this.reader.push(symbols)
    return this.tell(this.reader.json)
  }

  /** Tells the rest of an answer that has ended. */
  finish(): readonly ToolDelta[] {
    return this.tell(this.reader.finish() ?? this.reader.json)
  }

  private tell(json: string): readonly ToolDelta[] {
    const before = partsOf(this.told)
    const after = partsOf(json)
    this.told = json
    let index = -1
    return after.flatMap((part, i): readonly ToolDelta[] => {
      const old = before[i]
      if (part.kind === 'text') {
        const text = part.text.slice(old?.text.length ?? 0)
        return text === '' ? [] : [{ type: 'text', text }]
      }
      index++
      const deltas: ToolDelta[] = []
      if (part.name !== undefined && old?.name === undefined)
        deltas.push({ type: 'call', index, id: callId(index), name: part.name })
      const text = part.text.slice(old?.text.length ?? 0)
      if (text !== '') deltas.push({ type: 'arguments', index, text })
      return deltas
    })
  }
}

interface PartSoFar {
  readonly kind: 'text' | 'call'
  /** Of a call, once it is whole. */
  readonly name?: string
  /** The text, or the JSON of the arguments, as far as it is known. */
  readonly text: string
}

const CALL = /^\{"name":"([\w.-]*)(?:","arguments":)?/

/** Parts of a JSON list that may end anywhere. */
function partsOf(json: string): readonly PartSoFar[] {
  const parts: PartSoFar[] = []
  for (let at = 1; at < json.length; ) {
    const end = partEnd(json, at)
    const part = json.slice(at, end)
    if (part.startsWith('"')) parts.push({ kind: 'text', text: textSoFar(part) })
    else if (part.startsWith('{')) {
      const [head, name] = CALL.exec(part) ?? ['', '']
      const isNamed = head.endsWith('":') && head.includes('","arguments":')
      const isWhole = end < json.length || depthOf(part) === 0
      const given = isNamed ? part.slice(head.length, isWhole ? -1 : undefined) : ''
      parts.push({ kind: 'call', text: given, ...(isNamed && { name }) })
    }
    at = end + 1
  }
  return parts
}

/** The place after a part: the comma or bracket that follows it, or the end. */
function partEnd(json: string, start: number): number {
  let depth = 0
  let isString = false
  for (let at = start; at < json.length; at++) {
    const character = json[at]
    if (isString) {
      if (character === '\\') at++
      else if (character === '"') isString = false
    } else if (character === '"') isString = true
    else if (character === '{' || character === '[') depth++
    else if (character === '}' || character === ']') {
      if (depth === 0) return at
      depth--
    } else if (character === ',' && depth === 0) return at
  }
  return json.length
}

function depthOf(json: string): number {
  let depth = 0
  let isString = false
  for (let at = 0; at < json.length; at++) {
    const character = json[at]
    if (isString) {
      if (character === '\\') at++
      else if (character === '"') isString = false
    } else if (character === '"') isString = true
    else if (character === '{' || character === '[') depth++
    else if (character === '}' || character === ']') depth--
  }
  return isString ? depth + 1 : depth
}

/** The text of a JSON string that may not be whole, up to its last whole character. */
function textSoFar(json: string): string {
  const body = json.slice(1).replace(/\\(?:u[\da-fA-F]{0,3})?$/, '')
  for (const text of [json, `"${body}"`]) {
    try {
      return JSON.parse(text) as string
    } catch {
      // It is not whole.
    }
  }
  return ''
}
