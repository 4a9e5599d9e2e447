import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Row } from '../batch/row.js'
import { runCommand } from '../child-command.js'
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
  const own = { LLM_ROW: undefined, LLM_ROW_FILE: undefined, ...variables }
  const given = { input: text, variables: own, mostOutput: MOST_OUTPUT, endsWhenFull: true, signal }
  const { code, output, isCut } = await runCommand(command, given).catch((error) => {
    throw refused(`cannot be run: ${systemReason(error)}`, error)
  })
  signal?.throwIfAborted()
  if (isCut) throw refused('writes without end: it may write one number')
  if (code === null || NOT_RUN.includes(code))
    throw refused(`cannot be run: it ended with ${code ?? 'a signal'}`)
  const written = output.trim()
  if (code !== 0) return 0
  return written !== '' && Number.isFinite(Number(written)) ? Number(written) : 1
}

function rowJson({ id, prompt, passed }: Row) {
  return { id, [typeof prompt === 'string' ? 'prompt' : 'messages']: prompt, ...passed }
}
