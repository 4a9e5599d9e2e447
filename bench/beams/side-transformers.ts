import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Run, Side, Task } from './side.js'

const SCRIPT = fileURLToPath(new URL('./transformers_side.py', import.meta.url))

/**
 * HF transformers in a process of its own that lives as long as the benchmark. It reads and writes lines of JSON: first
 * it says its versions, then it answers each task with a run.
 * @throws Error where `python` or a package is not there
 */
export async function transformersSide(python: string, directory: string, threads: number): Promise<Side> {
  const child = spawn(python, [SCRIPT, directory, String(threads)], { stdio: ['pipe', 'pipe', 'inherit'] })
  const failed = once(child, 'error').then(([error]) => Promise.reject(error))
  failed.catch(() => {})
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  const answer = async () => {
    const { value, done } = await Promise.race([lines.next(), failed])
    if (done) throw new Error(`${python} ended with exit code ${await exitCode(child)}`)
    return JSON.parse(value)
  }
  const { description }: { description: string } = await answer()
  return {
    name: 'transformers',
    description,
    async run(task: Task): Promise<Run> {
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
