import { createContext, Script } from 'node:vm'
import { UserError } from '../errors.js'

const global: { work: () => unknown } = { work: () => undefined }
const script = new Script('work()')
let context: object | undefined

/**
 * The result of work that code from a model's files may draw out without end, such as a regex that backtracks. It ends after
 * some seconds, or at Ctrl-C, which the process's own handlers hear of afterwards.
 * @param what the work is, for the message: `The regex of …`
 * @throws UserError where the time is over, and where Ctrl-C was pressed
 */
export function withinTime<Result>(
  work: () => Result,
  what: string,
  milliseconds: number,
  advice = "the model's files are at fault",
): Result {
  context ??= createContext(global)
  global.work = work
  try {
    return script.runInContext(context, { timeout: milliseconds, breakOnSigint: true }) as Result
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') {
      throw new UserError(`${what} takes more than ${(milliseconds / 1000).toFixed(1)} seconds: ${advice}.`)
    }
    if (code !== 'ERR_SCRIPT_EXECUTION_INTERRUPTED') throw error
    // Listeners of the process were not called while the script ran.
    process.kill(process.pid, 'SIGINT')
    throw new UserError('Interrupted.', 1, { cause: error })
  }
}
