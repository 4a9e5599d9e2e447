import { arch, availableParallelism, cpus, release, totalmem, type } from 'node:os'
import { RUNTIME_VERSION } from './version.js'

/** What a measurement was made on. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  /** Bytes. */
  readonly memory: number
  readonly os: string
  /** Of an operator of the model. */
  readonly threads: number
}

export interface Versions {
  readonly llm: string
  readonly node: string
  readonly onnxruntime: string
}

/** @param threads of the model, where the user says how many */
export function machineOf(threads = availableParallelism()): Machine {
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
export function versionsOf(llm: string): Versions {
  return { llm, node: process.versions.node, onnxruntime: RUNTIME_VERSION }
}
