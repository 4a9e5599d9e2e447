import { Template } from '@huggingface/jinja'
import { usageError } from '../errors.js'
import { readTextIfThere } from '../files.js'

/**
 * A chat message: `role` (system, user, assistant, tool), mostly `content`, and whatever a template reads.
 */
export interface Message {
  readonly role: string
  readonly content?: unknown
  readonly [field: string]: unknown
}

export interface ChatOptions {
  /** Ends the prompt with the beginning of the assistant's answer; default false, as in HF. */
  readonly addGenerationPrompt?: boolean
  /** JSON schemas of the functions that the model may call. */
  readonly tools?: readonly Record<string, unknown>[]
  /** Further variables of the template (`enable_thinking`, `documents`, `bos_token`). */
  readonly variables?: Readonly<Record<string, unknown>>
}

/**
 * Renders a chat template with the variables and functions that HF's `apply_chat_template` gives it:
 * messages, tools, add_generation_prompt, raise_exception, strftime_now. Two things differ from Python's
 * Jinja, as Hugging Face's JavaScript one has them: a boolean, list or object that is printed as it is
 * (without `tojson`) comes in JSON's spelling, and an item beyond the end of a list is no error.
 * @throws UserError in the words of the template (`raise_exception`) or of its syntax error.
 */
export function renderChatTemplate(
  template: string,
  messages: readonly Message[],
  { addGenerationPrompt = false, tools, variables }: ChatOptions = {},
): string {
  try {
    return new Template(rebindClock + template).render({
      ...variables,
      our_strftime_now: (format: string) => strftime(new Date(), format),
      messages,
      tools: tools ?? null,
      documents: variables?.documents ?? null,
      add_generation_prompt: addGenerationPrompt,
    })
  } catch (error) {
    const reason = (error as Error).message
    throw usageError(`The chat template refuses this conversation: ${reason}`, { cause: error })
  }
}

/**
 * The package refuses a variable with the name of one of its functions; trim_blocks takes the newline away.
 */
const rebindClock = '{% set strftime_now = our_strftime_now %}\n'

/** Bytes of a template's file at most. */
const MOST_TEMPLATE = 2 ** 24

/**
 * The value of `--chat-template`: a template as it is where it holds a Jinja tag, else the path of a file.
 * @throws UserError for a file that cannot be read.
 */
export async function readChatTemplate(pathOrTemplate: string): Promise<string> {
  if (/\{[{%#]/.test(pathOrTemplate)) return pathOrTemplate
  const text = await readTextIfThere(pathOrTemplate, MOST_TEMPLATE)
  if (text !== undefined) return text
  throw usageError(`The chat template "${pathOrTemplate}" is neither a readable file nor a Jinja template.`)
}

/**
 * Python's `strftime` in the C locale, which the package's own lacks: it speaks the machine's language and
 * knows no weekdays. A directive that is not here stays as it is.
 */
export function strftime(date: Date, format: string): string {
  return format.replace(
    /%([a-zA-Z%])/g,
    (directive, letter: string) => directives[letter]?.(date) ?? directive,
  )
}

const name = (options: Intl.DateTimeFormatOptions) => {
  return (date: Date) => new Intl.DateTimeFormat('en-US', options).format(date)
}
const digits = (value: number, length = 2) => String(value).padStart(length, '0')

const directives: Readonly<Record<string, (date: Date) => string>> = {
  Y: (date) => String(date.getFullYear()),
  y: (date) => digits(date.getFullYear() % 100),
  m: (date) => digits(date.getMonth() + 1),
  d: (date) => digits(date.getDate()),
  B: name({ month: 'long' }),
  b: name({ month: 'short' }),
  A: name({ weekday: 'long' }),
  a: name({ weekday: 'short' }),
  H: (date) => digits(date.getHours()),
  I: (date) => digits(((date.getHours() + 11) % 12) + 1),
  p: (date) => (date.getHours() < 12 ? 'AM' : 'PM'),
  M: (date) => digits(date.getMinutes()),
  S: (date) => digits(date.getSeconds()),
  '%': () => '%',
}
