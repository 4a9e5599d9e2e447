import { spawn } from 'node:child_process'
import type { Row } from '../batch/row.js'
import { UserError, usageError } from '../errors.js'

/** Says how good a text is. */
export interface Scorer {
  /** As the user wrote it. */
  readonly name: string
  /** Whether each row has to say what is expected. */
  readonly needsExpected: boolean
  score(text: string, row: Row, signal?: AbortSignal): number | Promise<number>
}

/**
 * Reads `exact`, `regex:/…/flags`, `json` or `command:CMD`.
 * @throws UserError, exit code 2, for another one, and for an expression that is none
 */
export function parseScorer(name: string): Scorer {
  const at = name.indexOf(':')
  const [kind, rest] = at < 0 ? [name, undefined] : [name.slice(0, at), name.slice(at + 1)]
  const scorer = { name, needsExpected: false }
  if (name === 'exact') return { ...scorer, needsExpected: true, score: exact }
  if (name === 'json') return { ...scorer, score: isJson }
  if (kind === 'regex' && rest !== undefined) {
    const expression = expressionOf(rest, name)
    // Some flags carry a place from one text to the next.
    return { ...scorer, score: (text) => Number(text.search(expression) >= 0) }
  }
  if (kind === 'command' && rest?.trim()) {
    return { ...scorer, score: (text, row, signal) => runCommand(rest, text, row, signal) }
  }
  throw usageError(
    `${JSON.stringify(name)} is no scorer: give exact, regex:/…/, json, or command: and a command.`,
  )
}

/**
 * @param file of the rows
 * @throws UserError, exit code 2, for rows without what the scorers compare with
 */
export function requireExpected(scorers: readonly Scorer[], rows: readonly Row[], file: string): void {
  const scorer = scorers.find(({ needsExpected }) => needsExpected)
  const row = scorer && rows.find(({ passed }) => typeof passed.expected !== 'string')
  if (row) throw usageError(`Line ${row.line} of ${file} has no text "expected", which ${scorer.name} needs.`)
}

/** Space around a text does not count. */
function exact(text: string, { passed }: Row): number {
  return Number(text.trim() === String(passed.expected).trim())
}

function isJson(text: string): number {
  try {
    JSON.parse(text)
    return 1
  } catch {
    return 0
  }
}

function expressionOf(text: string, name: string): RegExp {
  const [, source, flags] = /^\/(.+)\/([a-z]*)$/s.exec(text) ?? []
  if (source === undefined) throw usageError(`${name} is no regular expression: write it as regex:/…/.`)
  try {
    return new RegExp(source, flags)
  } catch (error) {
    throw usageError(`${name} is no regular expression: ${(error as Error).message}.`)
  }
}

/** What a shell says where it finds no command, or may not run it. */
const NOT_RUN = [126, 127]

/** A number on stdout, or else whether the exit code is 0; the text is on stdin, the row in the variable LLM_ROW. */
async function runCommand(command: string, text: string, row: Row, signal?: AbortSignal): Promise<number> {
  signal?.throwIfAborted()
  const env = { ...process.env, LLM_ROW: JSON.stringify(rowJson(row)) }
  // A process group of its own, so that what the shell started ends with it.
  const child = spawn(command, { shell: true, env, detached: true, stdio: ['pipe', 'pipe', 'inherit'] })
  const end = () => child.pid && process.kill(-child.pid)
  signal?.addEventListener('abort', end)
  const output: Buffer[] = []
  child.stdout.on('data', (chunk) => output.push(chunk))
  // A command that does not read the text closes its stdin.
  child.stdin.on('error', () => {})
  child.stdin.end(text)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  }).catch((error) => {
    throw new UserError(`The scorer ${command} cannot be run: ${error.message}.`, 1, { cause: error })
  })
  signal?.removeEventListener('abort', end)
  signal?.throwIfAborted()
  if (code === null || NOT_RUN.includes(code)) {
    throw new UserError(`The scorer ${command} cannot be run: it ended with ${code ?? 'a signal'}.`)
  }
  const written = Buffer.concat(output).toString().trim()
  if (code !== 0) return 0
  return written !== '' && Number.isFinite(Number(written)) ? Number(written) : 1
}

function rowJson({ id, prompt, passed }: Row) {
  return { id, [typeof prompt === 'string' ? 'prompt' : 'messages']: prompt, ...passed }
}
