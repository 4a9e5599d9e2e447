import { Command } from '@oclif/core'
import { UserError } from './errors.js'

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

  protected override async catch(error: Error & { exitCode?: number }): Promise<void> {
    if (!(error instanceof UserError)) return super.catch(error)
    const exitCode = this.#interrupt?.signal.aborted ? INTERRUPTED : error.exitCode
    if (this.jsonEnabled()) this.logJson({ error: { message: error.message, exitCode } })
    else process.stderr.write(`Error: ${error.message}\n`)
    if (process.env.DEBUG) process.stderr.write(`${error.stack}\n`)
    this.exit(exitCode)
  }

  protected override async finally(error: Error | undefined): Promise<void> {
    process.removeListener('SIGINT', this.#onInterrupt)
    await super.finally(error)
  }
}
