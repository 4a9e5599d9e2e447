import type { Config } from '@oclif/core'
import { usageError } from '../errors.js'
// Not from config.js, which takes as long to load as all else here.
import { nearest } from '../nearest.js'

/** A command and what is for it; without an id it is for oclif: help, and the version. */
interface CommandLine {
  readonly id?: string
  readonly words: string[]
}

const HELP = ['--help', '-h']
const VERSION = ['--version', '-v', 'version']

/**
 * The command of a command line.
 * @throws UserError, exit code 2, where there is none of that name
 */
export function commandOf(argv: readonly string[], config: Config): CommandLine {
  if (argv.length === 0) return { words: [] }
  if (VERSION.includes(argv[0])) return { words: ['--version'] }
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length
  const asksForHelp = argv.slice(0, end).some((word) => HELP.includes(word))
  const names = argv.slice(0, firstFlag(argv))
  if (asksForHelp && names.length === 0) return { words: ['--help'] }
  const { id, length } = namedCommand(names, config)
  if (asksForHelp || !config.findCommand(id)) return { words: [...id.split(':'), '--help'] }
  return { id, words: argv.slice(length) }
}

function firstFlag(argv: readonly string[]): number {
  const at = argv.findIndex((word) => word.startsWith('-'))
  return at < 0 ? argv.length : at
}

/**
 * The command or topic that words begin with, and how many of them name it.
 * @throws UserError, exit code 2, where there is none, and for more words after a topic
 */
export function namedCommand(
  names: readonly string[],
  config: Config,
): { readonly id: string; readonly length: number } {
  const { bin } = config
  let [id, length] = ['', 0]
  for (const [i, name] of names.entries()) {
    const longer = id === '' ? name : `${id}:${name}`
    if (!config.findCommand(longer) && !config.findTopic(longer)) break
    ;[id, length] = [longer, i + 1]
  }
  if (id !== '' && (config.findCommand(id) || length === names.length)) return { id, length }
  if (names.length === 0) {
    throw usageError(
      `The command comes first, as in \`${bin} generate 'Once upon a time'\`: see ${bin} --help.`,
    )
  }
  const candidates = namesBelow(id, config)
  const meant = nearest(names[length], candidates)
  const prefix = [bin, ...(id === '' ? [] : id.split(':'))].join(' ')
  const advice = meant ? `did you mean \`${prefix} ${meant}\`?` : `there are ${candidates.join(', ')}.`
  throw usageError(`${prefix} has no command ${names[length]}: ${advice}`)
}

/** The names of commands and topics right below a topic; of all where it is empty. */
function namesBelow(topic: string, config: Config): string[] {
  const prefix = topic === '' ? '' : `${topic}:`
  const below = config.commands
    .filter(({ id, hidden }) => id.startsWith(prefix) && !hidden)
    .map(({ id }) => id.slice(prefix.length).split(':')[0])
  return [...new Set(below)].sort()
}
