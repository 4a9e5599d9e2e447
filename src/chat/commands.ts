import { FIELDS_OF_FILES } from '../config/language-files.js'
import { excerpt, usageError } from '../errors.js'
import type { GenerationChunk } from '../generation/options.js'
import { nearest } from '../nearest.js'
import type { ChatMessage } from './chat-file.js'
import type { ChatSession } from './session.js'
import { CHAT_STRATEGIES } from './strategies.js'

/** What a line of input leads to. */
export interface Outcome {
  /** Sentences to show. */
  readonly notes?: readonly string[]
  /** Text to show as it comes. */
  readonly answer?: AsyncIterable<GenerationChunk>
  /** Messages that were said before, and are to be seen. */
  readonly replay?: readonly ChatMessage[]
  /** What the chat cost is to be shown. */
  readonly statistics?: boolean
  /** The chat ends. */
  readonly exit?: boolean
}

interface Command {
  /** What follows the name, as the help line has it. */
  readonly usage?: string
  readonly help: string
  /** Whether it cannot do without an argument, or takes none. */
  readonly argument?: 'required' | 'none'
  run(session: ChatSession, argument: string): Promise<Outcome> | Outcome
}

const commands: Readonly<Record<string, Command>> = {
  help: {
    help: 'this list',
    argument: 'none',
    run: () => ({ notes: [...helpLines(), 'Text that begins with a slash: //text.'] }),
  },
  strategy: {
    usage: '[NAME]',
    help: 'how answers are decoded, or which strategies there are',
    run: setStrategy,
  },
  set: {
    usage: '[FIELD [VALUE]]',
    help: 'set a generation field, such as temperature 0.7; `default` takes it back',
    run: setField,
  },
  schema: {
    usage: '[SCHEMA]',
    help: 'hold answers to a JSON schema: a file, JSON, or fields such as name, age int; `off` for free text',
    run: setSchema,
  },
  system: { usage: '[TEXT]', help: 'the system prompt, or a new one; `default` for none', run: setSystem },
  stats: {
    help: 'what the last answer cost, and all of them',
    argument: 'none',
    run: () => ({ statistics: true }),
  },
  save: {
    usage: 'FILE',
    help: 'write the chat to a file',
    argument: 'required',
    run: async (session, path) => {
      requireFileName(path)
      await session.save(path)
      return { notes: [`Saved ${messageCount(session)} to ${path}.`] }
    },
  },
  load: {
    usage: 'FILE',
    help: 'go on with a chat from a file',
    argument: 'required',
    run: async (session, path) => {
      requireFileName(path)
      const notes = await session.load(path)
      const loaded = `Loaded ${messageCount(session)} from ${path}.`
      return { replay: session.messages, notes: [...notes, loaded, ...session.notes] }
    },
  },
  regenerate: {
    help: 'answer the last message anew',
    argument: 'none',
    run: (session) => ({ answer: session.regenerate() }),
  },
  clear: {
    help: 'forget what was said',
    argument: 'none',
    run: (session) => {
      session.clear()
      return { notes: ['Cleared.'] }
    },
  },
  exit: { help: 'leave', argument: 'none', run: () => ({ exit: true }) },
}

/** Names that other programs have for these. */
const synonyms: Readonly<Record<string, string>> = { quit: 'exit', bye: 'exit', q: 'exit', '?': 'help' }

/** Characters of a language that are shown. */
const SHOWN = 60

/** File names of a chat are never `-`, since stdin and stdout are the chat's own. */
function requireFileName(path: string): void {
  if (path === '-') throw usageError('- is stdin or stdout, which the chat itself has: give a file.')
}

/**
 * Takes a line of input: a command where it begins with a slash, and else a message.
 * @throws UserError for commands that do not exist or are not used as they should, and what they throw
 */
export async function takeInput(session: ChatSession, input: string): Promise<Outcome> {
  if (!input.startsWith('/')) return { answer: session.send(input) }
  if (input.startsWith('//')) return { answer: session.send(input.slice(1)) }
  const [, written, argument] = /^\/(\S*)\s*(.*)$/s.exec(input)!
  const name = Object.hasOwn(synonyms, written) ? synonyms[written] : written
  if (!Object.hasOwn(commands, name)) {
    const meant = nearest(name, [...Object.keys(commands), ...Object.keys(synonyms)])
    const advice = meant ? `did you mean /${meant}?` : 'see /help.'
    throw usageError(`There is no command /${name}: ${advice} A message of that beginning is //${name}.`)
  }
  const command = commands[name]
  const text = argument.trim()
  if (command.argument === 'required' && text === '') {
    throw usageError(`/${name} needs ${command.usage}.`)
  }
  if (command.argument === 'none' && text !== '')
    throw usageError(`/${name} stands alone: leave the rest out.`)
  return command.run(session, text)
}

function helpLines(): string[] {
  const names = Object.entries(commands).map(([name, { usage = '' }]) => `/${name} ${usage}`.trim())
  return aligned(Object.values(commands).map(({ help }, i) => [names[i], help]))
}

async function setStrategy(session: ChatSession, name: string): Promise<Outcome> {
  if (name === '') {
    return { notes: [...aligned(CHAT_STRATEGIES), `Answers are decoded with ${session.strategyName}.`] }
  }
  await session.setStrategy(name)
  return { notes: [`Strategy: ${session.strategyName}.`, ...session.notes] }
}

async function setField(session: ChatSession, argument: string): Promise<Outcome> {
  const [, written, value] = /^(\S*)\s*(.*)$/s.exec(argument)!
  // As the flag is named, too.
  const field = written.replace(/^--/, '').replaceAll('-', '_')
  if (field === '') {
    const set = Object.entries({ ...session.settings, seed: session.seed })
    return { notes: set.map(([name, value]) => told(name, value)) }
  }
  if (value !== '') await session.set(field, value)
  const now = told(field, session.valueOf(field))
  return { notes: value === '' ? [now] : [now, ...session.notes] }
}

/** A field with its value; a language, which may be long, with its beginning. */
function told(field: string, value: unknown): string {
  const text = JSON.stringify(value) ?? 'not set'
  return `${field}: ${(FIELDS_OF_FILES as readonly string[]).includes(field) ? excerpt(text, SHOWN) : text}`
}

async function setSchema(session: ChatSession, text: string): Promise<Outcome> {
  if (text !== '') await session.set('schema', text)
  const schema = session.valueOf('schema')
  const written = (typeof schema === 'string' ? schema : (JSON.stringify(schema) ?? '')).trim()
  // What is not the text that was given is of the file that it names.
  const isOfFile = text !== '' && text !== written
  const shown = isOfFile ? text : excerpt(written.replace(/\s+/g, ' '), SHOWN)
  const now = schema === undefined ? 'Answers are free.' : `Answers keep to the schema ${shown}.`
  return { notes: text === '' ? [now] : [now, ...session.notes] }
}

function setSystem(session: ChatSession, text: string): Outcome {
  if (text === '') return { notes: [session.system ?? 'There is no system prompt.'] }
  session.setSystem(text === 'default' ? undefined : text)
  return { notes: [text === 'default' ? 'No system prompt.' : 'The system prompt is another one now.'] }
}

function messageCount({ messages: { length } }: ChatSession): string {
  return `${length} message${length === 1 ? '' : 's'}`
}

function aligned(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, text]) => `${name.padEnd(width)}  ${text}`)
}
