import { type ChildProcess, spawn } from 'node:child_process'

export interface CommandOptions {
  /** A text for its stdin. */
  readonly input?: string
  /** Variables beside those that are inherited. */
  readonly variables?: Readonly<Record<string, string | undefined>>
  /** Milliseconds after which it is ended; by default never. */
  readonly limitMs?: number
  /** Bytes of its output that are kept: what comes after them is read and dropped, unless `endsWhenFull`. */
  readonly mostOutput: number
  readonly endsWhenFull?: boolean
  /** Whether what it writes to stderr is kept among its output; by default it goes to our own. */
  readonly keepsErrors?: boolean
  readonly signal?: AbortSignal
}

/** How a command ended. */
export interface CommandEnd {
  /** Null where a signal ended it. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** The beginning of what it wrote. */
  readonly output: string
  /** Whether it wrote more than is kept. */
  readonly isCut: boolean
  /** Whether it was ended because its time was over. */
  readonly isLate: boolean
}

/**
 * Runs a command: a text is one of the shell, a list of words is a program and its arguments. What it has started ends with it.
 * @throws the system's error where it cannot be started
 */
export async function runCommand(
  command: string | readonly string[],
  { input = '', variables, limitMs, mostOutput, endsWhenFull, keepsErrors, signal }: CommandOptions,
): Promise<CommandEnd> {
  const [program, ...words] = typeof command === 'string' ? [command] : command
  // A process group of its own, so that what it started ends with it.
  const child = spawn(program, words, {
    shell: typeof command === 'string',
    env: { ...process.env, ...variables },
    detached: true,
    stdio: ['pipe', 'pipe', keepsErrors ? 'pipe' : 'inherit'],
  })
  const end = () => endGroup(child)
  const state = { isLate: false, isCut: false, bytes: 0 }
  const kept: Buffer[] = []
  const keep = (chunk: Buffer) => {
    if (state.isCut) return
    kept.push(chunk)
    state.bytes += chunk.length
    state.isCut = state.bytes > mostOutput
    if (state.isCut && endsWhenFull) end()
  }
  child.stdout!.on('data', keep)
  child.stderr?.on('data', keep)
  // A command that does not read its input closes its stdin.
  child.stdin!.on('error', () => {})
  child.stdin!.end(input)
  signal?.addEventListener('abort', end)
  const timer =
    limitMs === undefined
      ? undefined
      : setTimeout(() => {
          state.isLate = true
          end()
        }, limitMs)
  try {
    const [code, ended] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.on('error', reject)
      // Children that it left behind may hold its output open.
      child.on('exit', end)
      child.on('close', (...how) => resolve(how))
    })
    const { isCut, isLate } = state
    const output = new TextDecoder().decode(Buffer.concat(kept).subarray(0, mostOutput), { stream: true })
    return { code, signal: ended, output, isCut, isLate }
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', end)
  }
}

function endGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}
