import { fileURLToPath } from 'node:url'
import { scriptPeer } from '../script-peer.js'
import type { Run, Side, Task } from './side.js'

const SCRIPT = fileURLToPath(new URL('./transformers_side.py', import.meta.url))

/**
 * HF transformers in a process of its own.
 * @throws Error where `python` or a package is not there
 */
export async function transformersSide(python: string, directory: string, threads: number): Promise<Side> {
  const { description, ask, dispose } = await scriptPeer<Task, Run>(python, SCRIPT, [
    directory,
    String(threads),
  ])
  return { name: 'transformers', description, run: ask, dispose }
}
