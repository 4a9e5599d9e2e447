import { stripVTControlCharacters } from 'node:util'
import { UserError } from '../errors.js'
import { systemReason } from '../files.js'

/** How a command failed. */
export interface Failure {
  /** One sentence, or one a line. */
  readonly message: string
  readonly exitCode: number
}

interface OclifError extends Error {
  readonly oclif?: { readonly exit?: number | false }
}

/** What is said of an error: our own sentences as they are, oclif's made to one, and a system's in words. */
export function failureOf(error: OclifError): Failure {
  if (error instanceof UserError) {
    // oclif wraps what a flag's parser throws; our own sentence names the flag.
    const message = withoutHelpHint(error.message).replace(/^Parsing --\S+ \n\t/, '')
    return { message, exitCode: error.exitCode }
  }
  // oclif's own: unknown flags, missing arguments, values that are no option.
  if (error.oclif) return { message: oneSentence(error.message), exitCode: error.oclif.exit || 2 }
  const { syscall, path } = error as NodeJS.ErrnoException
  if (syscall === 'uv_cwd') {
    return { message: 'The working directory has been removed: change to another one.', exitCode: 1 }
  }
  if (syscall !== undefined) return { message: `${path ?? syscall}: ${systemReason(error)}.`, exitCode: 1 }
  const remedy = process.env.DEBUG ? '' : ' Set DEBUG=1 to see where.'
  return { message: `Unexpected: ${error.message}.${remedy}`, exitCode: 1 }
}

function withoutHelpHint(message: string): string {
  return message.replace(/\nSee more help with --help$/, '')
}

/** oclif's messages have a heading, lists and a hint, each on lines of its own. */
function oneSentence(message: string): string {
  const text = withoutHelpHint(stripVTControlCharacters(message))
    .replace(/^The following errors? occurred:\s+/, '')
    .replace(/^Parsing (--\S+)\s+/, '$1: ')
  return `${text.replace(/\s+/g, ' ').replace(/\.$/, '')}. See --help.`
}
