import { arch, availableParallelism, cpus, release, totalmem, type } from 'node:os'
import type { Comparison } from '../report/comparison.js'
import { RUNTIME_VERSION } from '../runtime/version.js'

/** @param threads of the model, where the user says how many */
export function machineOf(threads = availableParallelism()): Comparison['machine'] {
  const processors = cpus()
  return {
    cpu: processors[0]?.model.trim() || arch(),
    cores: processors.length,
    memory: totalmem(),
    os: `${type()} ${release()} ${arch()}`,
    threads,
  }
}

/** @param llm the package's own */
export function versionsOf(llm: string): Comparison['versions'] {
  return { llm, node: process.versions.node, onnxruntime: RUNTIME_VERSION }
}

/** A command as a shell takes it. */
export function shellCommand(words: readonly string[]): string {
  const isPlain = (word: string) => /^[\w@%+=:,./-]+$/.test(word)
  return words.map((word) => (isPlain(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ')
}
