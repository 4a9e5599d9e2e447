import { UserError, usageError } from '../errors.js'
import { MOST_SETTINGS, readTextIfThere } from '../files.js'
import { JinjaError } from '../jinja/errors.js'
import { Template } from '../jinja/template.js'
import { Watched } from '../jinja/watched.js'
import type { Message } from './message.js'
import { messagesFault, onlyText, withJoinedParts, withText, withTextsAsParts } from './message-content.js'

export interface TemplateOptions {
  /** Ends the prompt with the beginning of the assistant's answer; default false, as in HF. */
  readonly addGenerationPrompt?: boolean
  /** JSON schemas of the functions that the model may call. */
  readonly tools?: readonly Record<string, unknown>[]
  /** Further variables of the template (`enable_thinking`, `documents`, `bos_token`). */
  readonly variables?: Readonly<Record<string, unknown>>
}

/**
 * Renders a chat template as HF's `apply_chat_template` does, in the same Jinja (`src/jinja`) and with the same variables.
 * Content parts are given to the template as HF gives them; where it cannot read them, they are one text. A template that reads
 * parts alone is given texts as parts.
 * @throws UserError in the words of the template (`raise_exception`), exit code 2; for a template that is no Jinja, uses what is
 *   not understood here, fails or does not end, exit code 1, with the line; for one that leaves out of a prompt what was said, exit
 *   code 1; for content that is no text, exit code 2
 */
export function renderChatTemplate(
  template: string,
  messages: readonly Message[],
  { addGenerationPrompt = false, tools, variables }: TemplateOptions = {},
): string {
  const fault = messagesFault(messages)
  if (fault !== undefined) throw usageError(fault)
  const render = (given: readonly Message[]) =>
    compiled(template).render({
      ...variables,
      messages: given.map(normalized),
      tools: tools ?? null,
      documents: variables?.documents ?? null,
      add_generation_prompt: addGenerationPrompt,
    })
  try {
    return withAllSaid(messages, (given) => withParts(given, render), addGenerationPrompt)
  } catch (error) {
    throw error instanceof JinjaError ? explained(error) : error
  }
}

/** Characters of a text that no template has among its own words by chance. */
const UNLIKELY_IN_TEMPLATE = 16

type Render = (messages: readonly Message[]) => string

/**
 * What a template makes of messages, with nothing of what was said left out: one that goes through parts finds none in a text, where
 * HF drops it, and is given texts as parts. An empty prompt is left to the caller.
 * @param isPrompt the model is to answer: where something is left out still, that is an error
 */
function withAllSaid(messages: readonly Message[], render: Render, isPrompt: boolean): string {
  const prompt = render(messages)
  if (prompt.trim() === '') return prompt
  const unheard = firstUnheard(messages, prompt, render)
  if (unheard === -1) return prompt
  const given = withTextsAsParts(messages)
  const other = attempt(() => render(given))
  if (other !== undefined && firstUnheard(given, other, render) === -1) return other
  if (!isPrompt) return prompt
  throw new UserError(
    `The chat template leaves out message ${unheard + 1} (${messages[unheard].role}): give another one with --chat-template, or the prompt as it is with --raw.`,
  )
}

/**
 * The index of the first message that a prompt does not depend on, -1 where there is none, of those that are there to be read: the
 * last one of the user, and the system's where that one is the end (Mistral's templates write the system's text at the end alone). A
 * template may drop earlier turns.
 */
function firstUnheard(messages: readonly Message[], prompt: string, render: Render): number {
  const lastOfUser = messages.findLastIndex(({ role }) => role === 'user')
  return messages.findIndex(({ role }, i) => {
    if (i !== lastOfUser && (role !== 'system' || lastOfUser !== messages.length - 1)) return false
    const text = onlyText(messages[i])
    if (!text || (text.length >= UNLIKELY_IN_TEMPLATE && prompt.includes(text))) return false
    const changed = messages.with(i, withText(messages[i], `x${text}x`))
    return attempt(() => render(changed)) === prompt
  })
}

/** What a template makes; undefined where it fails. */
function attempt(render: () => string): string | undefined {
  try {
    return render()
  } catch (error) {
    if (error instanceof JinjaError) return undefined
    throw error
  }
}

/**
 * What a template makes of messages with their parts as they are, as HF gives them. A template that takes them for a text, or does
 * not look at them, is written for texts, and is given one for each message: HF fails there, or drops what was said.
 */
function withParts(messages: readonly Message[], render: Render): string {
  const parts: Watched[] = []
  const given = messages.map((message) => {
    if (!Array.isArray(message.content)) return message
    const content = new Watched(message.content)
    parts.push(content)
    return { ...message, content }
  })
  try {
    const prompt = render(given)
    if (parts.every(({ isRead, items }) => isRead || items.length === 0)) return prompt
  } catch (error) {
    if (parts.length === 0 || !(error instanceof JinjaError) || error.kind !== 'runtime') throw error
  }
  return render(withJoinedParts(messages))
}

const REASONING = ['reasoning_content', 'thinking', 'reasoning'] as const

/** A message as HF hands it to a template: without fields that are null, and with its reasoning under the names that templates read. */
function normalized(message: Message): Message {
  const entries = Object.entries(message).filter(([, value]) => value !== null && value !== undefined)
  const given = Object.fromEntries(entries) as Message
  const reasoning = REASONING.map((field) => given[field]).find((value) => value !== undefined)
  return reasoning === undefined ? given : { thinking: reasoning, ...given, reasoning_content: reasoning }
}

let last: { readonly source: string; readonly template: Template } | undefined

/** The template of a source; the last one is kept, since a batch and training render it again and again. */
function compiled(source: string): Template {
  if (last?.source !== source) last = { source, template: new Template(source) }
  return last.template
}

/** What a template's error says to a user. */
function explained(error: JinjaError): UserError {
  const { kind, message, line } = error
  const place = line === undefined ? '' : ` in line ${line}`
  if (kind === 'raised') {
    return usageError(`The chat template refuses this conversation: ${message}`, { cause: error })
  }
  const sentence = {
    syntax: `The chat template is not valid Jinja${place}: ${message}.`,
    unsupported: `The chat template uses ${message}, which is not understood here${place && ` (${place.slice(4)})`}.`,
    runtime: `The chat template fails${place}: ${message}.`,
    limit: `The chat template is stopped${place}: ${message}.`,
  }[kind]
  return new UserError(sentence, 1, { cause: error })
}

/** Whether a text is a template, and no path or name. */
export function isTemplate(text: string): boolean {
  return /\{[{%#]/.test(text)
}

/**
 * The value of `--chat-template`: a template as it is where it holds a Jinja tag, the template of a file, or else the name of one
 * of the model's templates, which `applyChatTemplate` looks up.
 * @throws UserError for a file that cannot be read
 */
export async function readChatTemplate(pathOrTemplate: string): Promise<string> {
  if (isTemplate(pathOrTemplate)) return pathOrTemplate
  const text = await readTextIfThere(pathOrTemplate, MOST_SETTINGS)
  if (text !== undefined) return text
  if (/^[\w-]+$/.test(pathOrTemplate)) return pathOrTemplate
  throw usageError(`The chat template "${pathOrTemplate}" is neither a readable file nor a Jinja template.`)
}
