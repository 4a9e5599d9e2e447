import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** A script that answers tasks. */
export interface ScriptPeer<Task, Answer> {
  /** Its versions, in its own words. */
  readonly description: string
  ask(task: Task): Promise<Answer>
  dispose(): Promise<void>
}

/**
 * Starts a script that lives as long as the benchmark, and reads and writes lines of JSON: first it says its versions
 * (`{description}`), then it answers each task.
 * @param command what runs it: a Python, or Node
 * @throws Error where `command` or a package is not there
 */
export async function scriptPeer<Task, Answer>(
  command: string,
  script: string,
  args: readonly string[],
): Promise<ScriptPeer<Task, Answer>> {
  const child = spawn(command, [script, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  const failed = once(child, 'error').then(([error]) => Promise.reject(error))
  failed.catch(() => {})
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  const answer = async () => {
    const { value, done } = await Promise.race([lines.next(), failed])
    if (done) throw new Error(`${command} ended with exit code ${await exitCode(child)}`)
    return JSON.parse(value)
  }
  const { description } = await answer()
  return {
    description,
    async ask(task) {
      child.stdin!.write(`${JSON.stringify(task)}\n`)
      return answer()
    },
    async dispose() {
      child.stdin!.end()
      await exitCode(child)
    },
  }
}

async function exitCode(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null) await once(child, 'exit')
  return child.exitCode
}
