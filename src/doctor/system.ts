import { arch, availableParallelism, cpus, freemem, loadavg, platform, release, totalmem } from 'node:os'
import { formatBytes } from '../ui/format.js'
import type { Check } from './check.js'

/** By major version of Node the least minor one, as package.json's `engines` say; newer majors are taken as they come. */
const LEAST_NODE = new Map([
  [20, 19],
  [22, 12],
])
/** Bytes below which a model of some size no longer loads. */
const LITTLE_MEMORY = 1e9

/** @param version such as `20.20.2` */
export function nodeCheck(version: string): Check {
  const [major, minor] = version.split('.').map(Number)
  const isOld = major <= Math.max(...LEAST_NODE.keys()) && minor < (LEAST_NODE.get(major) ?? Infinity)
  const needed = [...LEAST_NODE].map((least) => least.join('.')).join(', or ')
  return {
    name: 'Node',
    state: isOld ? 'problem' : 'ok',
    found: `${version}; ${needed} or newer is needed`,
    ...(isOld && { advice: `Install Node ${needed} or newer.` }),
    details: { version, needed },
  }
}

export function versionCheck(llm: string): Check {
  return {
    name: 'llm',
    state: 'ok',
    found: `${llm}, ${platform()}-${arch()}`,
    details: { version: llm, platform: platform(), arch: arch(), release: release() },
  }
}

/** What of the processor the checks look at. */
export interface Processor {
  readonly model: string
  readonly cores: number
  /** Threads that a session has by default. */
  readonly threads: number
  /** Processes that want to run, as a mean over the last minute; 0 where the system does not tell. */
  readonly load: number
}

export function processor(): Processor {
  const [first] = cpus()
  const model = first?.model.trim() || 'unknown'
  return { model, cores: cpus().length, threads: availableParallelism(), load: loadavg()[0] }
}

export function processorCheck({ model, cores, threads, load }: Processor): Check {
  const isBusy = load > cores
  const count = (value: number, name: string) => `${value} ${name}${value === 1 ? '' : 's'}`
  return {
    name: 'CPU',
    state: isBusy ? 'note' : 'ok',
    found: `${model}, ${count(cores, 'core')}, ${count(threads, 'thread')} a session, load ${load.toFixed(1)}`,
    ...(isBusy && { advice: 'Other programs keep the cores busy: stop them for steady speeds.' }),
    details: { model, cores, threads, load },
  }
}

/** Bytes. */
export interface Memory {
  readonly total: number
  readonly free: number
  /** That the system grants the process, where it is less than there is. */
  readonly limit: number | null
}

export function memory(): Memory {
  const limit = process.constrainedMemory()
  return { total: totalmem(), free: freemem(), limit: limit > 0 && limit < totalmem() ? limit : null }
}

export function memoryCheck({ total, free, limit }: Memory): Check {
  const isLittle = Math.min(free, limit ?? free) < LITTLE_MEMORY
  const limited = limit === null ? '' : `, limited to ${formatBytes(limit)}`
  return {
    name: 'Memory',
    state: isLittle ? 'note' : 'ok',
    found: `${formatBytes(free)} of ${formatBytes(total)} free${limited}`,
    ...(isLittle && { advice: 'Close other programs, or use small models with --dtype int8 or int4.' }),
    details: { total, free, limit },
  }
}

/** The part of a stream that tells what it can show. */
type Output = Pick<NodeJS.WriteStream, 'isTTY' | 'columns' | 'getColorDepth'>

export function terminalCheck(stdout: Output, env: NodeJS.ProcessEnv = process.env): Check {
  const terminal = Boolean(stdout.isTTY)
  const colours = terminal && !env.NO_COLOR ? 2 ** stdout.getColorDepth(env) : 1
  const columns = terminal ? stdout.columns : null
  const shown = colours > 2 ? `${colours.toLocaleString('en-US')} colours` : 'no colours'
  return {
    name: 'Terminal',
    state: 'ok',
    found: terminal ? `${columns} columns, ${shown}` : 'stdout is no terminal: plain text as it comes',
    details: { terminal, columns, colours },
  }
}
