import { stripVTControlCharacters } from 'node:util'
import { Command } from '@oclif/core'
import { UserError } from '../errors.js'

/** Exit codes after signals, as of a process that they end. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const
type Interrupt = keyof typeof SIGNALS

// Before oclif's own listener, which throws where no one can catch it. A reader that has gone (`| head`) wants no
// more text, so there is nothing left to do.
process.stdout.prependListener('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  process.stderr.write(`Error: stdout cannot be written (${error.message}): send it elsewhere.\n`)
  process.exit(1)
})

/** What every command shares: `--json`, errors as one sentence with their exit code, and Ctrl-C. */
export abstract class BaseCommand extends Command {
  static override enableJsonFlag = true

  #interrupt: AbortController | undefined
  #interruptCode: number = SIGNALS.SIGINT

  /** Aborts on the first Ctrl-C, after which the command exits 130; a second one kills the process. */
  protected interruptSignal(signals: readonly Interrupt[] = ['SIGINT']): AbortSignal {
    if (this.#interrupt) return this.#interrupt.signal
    this.#interrupt = new AbortController()
    for (const name of signals) process.on(name, this.#onInterrupt)
    return this.#interrupt.signal
  }

  /** Stays until the command ends: ink would take an interrupt that no one else listens to for the end. */
  readonly #onInterrupt = (name: Interrupt = 'SIGINT') => {
    if (this.#interrupt?.signal.aborted) process.exit(SIGNALS[name])
    this.#interruptCode = SIGNALS[name]
    this.#interrupt?.abort(new UserError('Interrupted.'))
  }

  protected override async catch(error: Error): Promise<void> {
    const { message, exitCode } = this.#describe(error)
    if (this.jsonEnabled()) this.logJson({ error: { message, exitCode } })
    else process.stderr.write(`Error: ${message}\n`)
    if (process.env.DEBUG) process.stderr.write(`${error.stack}\n`)
    this.exit(exitCode)
  }

  #describe(error: Error & { oclif?: { exit?: number | false } }): { message: string; exitCode: number } {
    if (error instanceof UserError) {
      return {
        // oclif wraps what a flag's parser throws; our own sentence names the flag.
        message: withoutHelpHint(error.message).replace(/^Parsing --\S+ \n\t/, ''),
        exitCode: this.#interrupt?.signal.aborted ? this.#interruptCode : error.exitCode,
      }
    }
    // oclif's own: unknown flags, missing arguments, values that are no option.
    if (error.oclif) return { message: oneSentence(error.message), exitCode: error.oclif.exit || 2 }
    const remedy = process.env.DEBUG ? '' : ' Set DEBUG=1 to see where.'
    return { message: `Unexpected: ${error.message}.${remedy}`, exitCode: 1 }
  }

  protected override async finally(error: Error | undefined): Promise<void> {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.removeListener(name, this.#onInterrupt)
    if (!error && this.#interrupt?.signal.aborted) process.exitCode = this.#interruptCode
    await super.finally(error)
  }
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
