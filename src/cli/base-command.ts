import { Command } from '@oclif/core'
import { UserError } from '../errors.js'

const INTERRUPTED = 130

/** What every command shares: `--json`, errors as one sentence with their exit code, and Ctrl-C. */
export abstract class BaseCommand extends Command {
  static override enableJsonFlag = true

  #interrupt: AbortController | undefined

  /** Aborts on the first Ctrl-C, after which the command exits 130; a second one kills the process. */
  protected interruptSignal(): AbortSignal {
    const interrupt = new AbortController()
    this.#interrupt = interrupt
    process.once('SIGINT', this.#onInterrupt)
    return interrupt.signal
  }

  readonly #onInterrupt = () => this.#interrupt?.abort(new UserError('Interrupted.'))

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
        message: error.message,
        exitCode: this.#interrupt?.signal.aborted ? INTERRUPTED : error.exitCode,
      }
    }
    // oclif's own: unknown flags, missing arguments, values that are no option.
    if (error.oclif) {
      const message = error.message.replace(/\nSee more help with --help$/, '')
      return { message: `${message}\nSee --help.`, exitCode: error.oclif.exit || 2 }
    }
    const remedy = process.env.DEBUG ? '' : ' Set DEBUG=1 to see where.'
    return { message: `Unexpected: ${error.message}.${remedy}`, exitCode: 1 }
  }

  protected override async finally(error: Error | undefined): Promise<void> {
    process.removeListener('SIGINT', this.#onInterrupt)
    if (!error && this.#interrupt?.signal.aborted) process.exitCode = INTERRUPTED
    await super.finally(error)
  }
}
