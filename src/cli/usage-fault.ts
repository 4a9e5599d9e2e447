import type { Command } from '@oclif/core'
import { type GenerationField, generationConfigSchema } from '../config/index.js'
import { fixedSettings, strategies } from '../drafting/table.js'
import { UserError, usageError } from '../errors.js'
import { nearest } from '../nearest.js'
import type { KnownFlags } from './arguments.js'
import { ownNames } from './foreign-names.js'

/** A command as its user meets it. */
export interface CommandFace {
  /** `llm generate greedy` */
  readonly name: string
  readonly args: Command.Class['args']
  readonly flags: KnownFlags
  /** Names of the commands below it: `sample`. */
  readonly children: readonly string[]
  /** Whether the command above it, `llm generate`, has a flag. */
  isFlagOfParent(name: string): boolean
}

interface ParseError extends Error {
  /** Flags that are none, arguments that are too many (texts) or missing (definitions). */
  readonly flags?: readonly string[]
  readonly args?: readonly (string | { readonly name: string; readonly description?: string })[]
  readonly parse?: { readonly output?: { readonly argv?: readonly string[] } }
}

/** The sentence for what oclif's parser refuses, where there is a better one than its own. */
export function usageFault(error: ParseError, command: CommandFace): Error {
  const { message, flags = [], args = [] } = error
  if (error instanceof UserError) return error
  if (message.startsWith('Nonexistent flag')) {
    return usageError(flags.map((flag) => unknownFlag(flag.split('=')[0], command)).join('\n'))
  }
  if (message.startsWith('Unexpected argument')) {
    return usageError(unexpectedArguments(args as string[], error.parse?.output?.argv ?? [], command))
  }
  const missing = args.find((arg) => typeof arg !== 'string')
  if (message.startsWith('Missing') && missing) {
    return usageError(`${command.name} needs ${missing.name.toUpperCase()}: ${missing.description}.`)
  }
  return error
}

function unknownFlag(written: string, command: CommandFace): string {
  return `${command.name} has no flag ${written}: ${adviceOn(written, command)}`
}

function adviceOn(written: string, { name, args, flags, isFlagOfParent }: CommandFace): string {
  const flag = written.replace(/^--?/, '').replaceAll('_', '-')
  const positive = flag.replace(/^no-/, '')
  if (flag !== positive && Object.hasOwn(flags, positive)) return `leave --${positive} out.`
  const own = ownNames(positive)
  const owned = own.find((each) => Object.hasOwn(flags, each))
  if (owned) return `did you mean --${owned}?`
  const argument = [positive, ...own].find((each) => Object.hasOwn(args, each))
  if (argument) return `give ${argument.toUpperCase()} without a flag.`
  if (!written.startsWith('--')) return 'put -- before a text that begins with a dash.'
  const ofParent = [positive, ...own].find(isFlagOfParent)
  if (ofParent) {
    const parent = name.split(' ').slice(0, -1).join(' ')
    const kinds = kindsWith(ofParent)
    return `use \`${kinds.length > 0 ? kinds.map((kind) => `${parent} ${kind}`).join(' or ') : parent}\`.`
  }
  const names = Object.entries(flags).flatMap(([each, { aliases = [], hidden }]) =>
    hidden ? [] : [each, ...aliases],
  )
  // Another tool's name is no slip of one of ours.
  const meant = own.length === 0 ? nearest(positive, names) : undefined
  return meant ? `did you mean --${meant}?` : 'see --help.'
}

/** Strategies that consist in a setting: `sample` for `do-sample`; where there are none, those whose drafts it sizes. */
function kindsWith(flag: string): string[] {
  const field = flag.replaceAll('-', '_') as GenerationField
  const plain = generationConfigSchema.parse({})[field]
  const rows = Object.entries(strategies)
  const consisting = rows.filter(([, strategy]) => {
    const value = { ...strategy.defaults, ...fixedSettings(strategy) }[field]
    return value !== undefined && value !== plain
  })
  const sized = rows.filter(([, { drafts }]) => drafts?.assistant?.includes(field))
  return (consisting.length > 0 ? consisting : sized).map(([name]) => name)
}

function unexpectedArguments(
  extra: readonly string[],
  given: readonly string[],
  { name, args, children }: CommandFace,
): string {
  const child = nearest(given[0] ?? '', children)
  if (child) {
    return `${name} has no command ${given[0]}: did you mean \`${name} ${child}\`? A prompt of several words is put in quotes.`
  }
  const quoted = extra.map((text) => JSON.stringify(text)).join(', ')
  if ('prompt' in args) {
    return `The prompt is one argument, but ${quoted} ${extra.length === 1 ? 'comes' : 'come'} after it: put the whole in quotes.`
  }
  return Object.keys(args).length === 0
    ? `${name} takes no argument: leave ${quoted} out.`
    : `${name} takes no more arguments after ${JSON.stringify(given.at(-1 - extra.length))}: leave ${quoted} out.`
}
