import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Row } from '../batch/row.js'
import { excerpt, UserError } from '../errors.js'
import { systemReason } from '../files.js'

/** What a shell says where it finds no command, or may not run it. */
const NOT_RUN = [126, 127]
/** Bytes that an environment variable may have: Linux takes 128 KiB, Windows 32. */
const MOST_VARIABLE = 30_000
/** Bytes of a command's output that can be a number. */
const MOST_OUTPUT = 2 ** 16

/**
 * The score that a shell command gives a text: a number on stdout, or else whether its exit code is 0. The text is on stdin; the
 * row is JSON in the variable LLM_ROW or, where it is too long for one, in the file that LLM_ROW_FILE names.
 * @throws UserError where the command cannot be run, or writes without end; the signal's reason
 */
export async function scoreOfCommand(
  command: string,
  text: string,
  row: Row,
  signal?: AbortSignal,
): Promise<number> {
  signal?.throwIfAborted()
  const json = JSON.stringify(rowJson(row))
  if (Buffer.byteLength(json) <= MOST_VARIABLE) return run(command, text, { LLM_ROW: json }, signal)
  const directory = await mkdtemp(join(tmpdir(), 'llm-row-'))
  try {
    const file = join(directory, 'row.json')
    await writeFile(file, json)
    return await run(command, text, { LLM_ROW_FILE: file }, signal)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function run(
  command: string,
  text: string,
  variables: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<number> {
  const refused = (why: string, cause?: unknown) =>
    new UserError(`The scorer ${excerpt(command, 200)} ${why}.`, 1, { cause })
  const ended = await started(command, text, variables, signal).catch((error) => {
    throw refused(`cannot be run: ${systemReason(error)}`, error)
  })
  signal?.throwIfAborted()
  const { code, output } = ended
  if (output === undefined) throw refused('writes without end: it may write one number')
  if (code === null || NOT_RUN.includes(code))
    throw refused(`cannot be run: it ended with ${code ?? 'a signal'}`)
  const written = output.trim()
  if (code !== 0) return 0
  return written !== '' && Number.isFinite(Number(written)) ? Number(written) : 1
}

/** How a command ended; `output` is undefined where it wrote more than can be a number, and was ended for it. */
async function started(
  command: string,
  text: string,
  variables: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<{ readonly code: number | null; readonly output: string | undefined }> {
  const { LLM_ROW: _, LLM_ROW_FILE: __, ...inherited } = process.env
  const env = { ...inherited, ...variables }
  // A process group of its own, so that what the shell started ends with it.
  const child = spawn(command, { shell: true, env, detached: true, stdio: ['pipe', 'pipe', 'inherit'] })
  const end = () => endGroup(child)
  signal?.addEventListener('abort', end)
  let output = ''
  let isEndless = false
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    if (isEndless) return
    output += chunk
    isEndless = output.length > MOST_OUTPUT
    if (isEndless) end()
  })
  // A command that does not read the text closes its stdin.
  child.stdin.on('error', () => {})
  child.stdin.end(text)
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', resolve)
    })
    return { code, output: isEndless ? undefined : output }
  } finally {
    signal?.removeEventListener('abort', end)
  }
}

function endGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid)
  } catch {
    // It has ended by itself.
  }
}

function rowJson({ id, prompt, passed }: Row) {
  return { id, [typeof prompt === 'string' ? 'prompt' : 'messages']: prompt, ...passed }
}
