import { Command, type Interfaces } from '@oclif/core'
import { UserError } from '../errors.js'
import { systemReason } from '../files.js'
import { printableOn, tell } from '../ui/printable.js'
import { type KnownFlags, readableArguments } from './arguments.js'
import { type Failure, failureOf } from './failure.js'

/** Exit codes of what ends a command from outside: 128 and the signal's number. */
const SIGNALS: Readonly<Partial<Record<NodeJS.Signals, number>>> = { SIGINT: 130, SIGTERM: 143 }

type Output = Interfaces.OutputFlags<Interfaces.FlagInput>

// Before oclif's own listener, which throws where no one can catch it. A reader that has gone (`| head`) wants no
// more text, so there is nothing left to do.
process.stdout.prependListener('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  tell(`Error: stdout cannot be written (${systemReason(error)}): send it elsewhere.`)
  process.exit(1)
})

/** Base of every command: `--json`, errors as one sentence with their exit code, Ctrl-C, and text that is fit for a terminal. */
export abstract class BaseCommand extends Command {
  static override enableJsonFlag = true

  #interrupt: AbortController | undefined
  #interruptCode: number | undefined

  /**
   * Aborts on the first Ctrl-C or SIGTERM, after which the command exits with 130 or 143; a second one ends the process. Neither is heard
   * while a loop of JavaScript or a pass of the model runs.
   */
  protected interruptSignal(): AbortSignal {
    if (this.#interrupt) return this.#interrupt.signal
    this.#interrupt = new AbortController()
    for (const signal of Object.keys(SIGNALS)) process.on(signal, this.#onInterrupt)
    return this.#interrupt.signal
  }

  /** Stays until the command ends: ink would take an interrupt that no one else listens to for the end. */
  readonly #onInterrupt = (signal: NodeJS.Signals = 'SIGINT') => {
    this.#interruptCode = SIGNALS[signal]
    if (this.#interrupt?.signal.aborted) process.exit(this.#interruptCode)
    this.#interrupt?.abort(new UserError('Interrupted.'))
  }

  protected override async parse<
    F extends Output,
    B extends Output,
    A extends Interfaces.OutputArgs<Interfaces.ArgInput>,
  >(
    options?: Interfaces.Input<F, B, A>,
    argv: string[] = this.argv,
  ): Promise<Interfaces.ParserOutput<F, B, A>> {
    const own = { ...this.ctor.flags, ...(this.ctor.enableJsonFlag && { json: JSON_FLAG }) } as KnownFlags
    try {
      this.argv = readableArguments(argv, own)
      return await super.parse(options, this.argv)
    } catch (error) {
      // What it needs to know of settings takes a while to load.
      const { usageFault } = await import('./usage-fault.js')
      throw usageFault(error as Error, this.#face(own))
    }
  }

  #face(flags: KnownFlags) {
    const { id = '', config } = this
    const [parent] = id.split(':')
    const above = parent === id ? undefined : config.findCommand(parent)
    return {
      name: [config.bin, ...id.split(':')].join(' '),
      args: this.ctor.args,
      flags,
      children: config.commandIDs
        .filter((other) => other.startsWith(`${id}:`))
        .map((other) => other.slice(id.length + 1)),
      isFlagOfParent: (name: string) => Object.hasOwn(above?.flags ?? {}, name),
    }
  }

  override log(message = ''): void {
    super.log(printableOn(process.stdout, message))
  }

  override logToStderr(message = ''): void {
    if (!this.jsonEnabled()) tell(message)
  }

  /** JSON escapes only some of the control characters. */
  protected override logJson(value: unknown): void {
    process.stdout.write(`${printableOn(process.stdout, JSON.stringify(value, null, 2))}\n`)
  }

  protected override async catch(error: Error): Promise<void> {
    const { message, exitCode } = this.#failure(error)
    if (this.jsonEnabled()) this.logJson({ error: { message, exitCode } })
    else tell(`Error: ${message}`)
    if (process.env.DEBUG) tell(`${error.stack}`)
    this.exit(exitCode)
  }

  #failure(error: Error): Failure {
    const failure = failureOf(error)
    return error instanceof UserError && this.#interruptCode !== undefined
      ? { ...failure, exitCode: this.#interruptCode }
      : failure
  }

  protected override async finally(error: Error | undefined): Promise<void> {
    for (const signal of Object.keys(SIGNALS)) process.removeListener(signal, this.#onInterrupt)
    if (!error && this.#interruptCode !== undefined) process.exitCode = this.#interruptCode
    await super.finally(error)
  }
}

/** oclif's own, which a command that has it does not list. */
const JSON_FLAG = { type: 'boolean', allowNo: false }
