import { realpath } from 'node:fs/promises'
import { resolve } from 'node:path'
import { usageError } from '../../errors.js'
import { extractionPage } from '../../extract/page.js'
import { requireWritableFile, STDIO, writeFileWhole } from '../../files.js'
import { batchLine, failureLines } from '../batch/batch.js'
import { refuseStdinTwice } from '../io/stdin.js'
import { readTexts } from './documents.js'
import { type ExtractFlags, extract, removeProgress } from './extract.js'
import { written } from './output.js'
import { taskOf } from './task.js'

interface Run {
  readonly signal: () => AbortSignal
  readonly version: string
  /** Writes a line to stderr. */
  readonly tell: (line: string) => void
}

/**
 * Extracts records of files, or of stdin where there are none, and writes them.
 * @throws UserError as `extract`
 */
export async function runExtraction(
  files: readonly string[],
  flags: ExtractFlags & Readonly<Record<string, unknown>>,
  { signal: interruptSignal, version, tell }: Run,
): Promise<void> {
  const sources = files.length > 0 ? files : [STDIO]
  refuseStdinTwice({
    'the documents': sources.find((source) => source === STDIO),
    '--schema': flags.schema,
    '--config': flags.config,
    '--chat-template': flags['chat-template'],
    '--examples': flags.examples,
  })
  if (files.length === 0 && process.stdin.isTTY)
    throw usageError('There are no documents: give files, or pipe a text in. See --help.')
  await checkOutputs(sources, flags)
  const task = await taskOf(flags)
  const documents = await readTexts(sources, flags.field)
  // Only now: while stdin is waited for, Ctrl-C ends the process itself.
  const signal = interruptSignal()
  const extraction = await extract(documents, task, flags, { signal, version })
  if (!extraction) {
    tell(flags.output === STDIO ? 'Interrupted.' : 'Interrupted: the same command goes on from here.')
    return
  }
  const { rows, batch } = extraction
  const text = written(rows, task, flags)
  if (flags.output === STDIO) process.stdout.write(text)
  else await writeFileWhole(flags.output, text)
  if (flags.html !== undefined)
    await writeFileWhole(flags.html, extractionPage(titleOf(sources), documents, rows))
  for (const line of failureLines(batch.failures)) tell(line)
  const records = rows.flatMap((row) => row.records)
  const conflicts = records.filter((each) => each.conflicts).length
  if (conflicts > 0)
    tell(
      `${counted(conflicts, 'record')} with conflicts: chunks tell different values, of which the first counts.`,
    )
  const counts = [counted(documents.length, 'document'), counted(records.length, 'record')]
  tell(`${counts.join(' · ')} · chunks: ${batchLine(batch.json)}`)
  if (rows.some(({ errors }) => errors)) process.exitCode = 1
  else await removeProgress(flags.output)
}

/** Refuses outputs that would overwrite a document or each other, and those that cannot be written, before any model is run. */
async function checkOutputs(sources: readonly string[], { output, html }: ExtractFlags): Promise<void> {
  if (html === STDIO) throw usageError('--html needs a file: stdout is for the records.')
  const taken = new Map<string, string>()
  for (const source of sources) if (source !== STDIO) taken.set(await placeOf(source), 'a document')
  for (const [flag, path] of Object.entries({ '--output': output, '--html': html })) {
    if (path === undefined || path === STDIO) continue
    const place = await placeOf(path)
    const other = taken.get(place)
    if (other) throw usageError(`${flag} is ${path}, which is ${other} too: give another file.`)
    taken.set(place, flag)
    await requireWritableFile(path)
  }
}

/** The path of a file without links, where it is there. */
function placeOf(path: string): Promise<string> {
  return realpath(path).catch(() => resolve(path))
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

function titleOf(sources: readonly string[]): string {
  return sources.length === 1 && sources[0] !== STDIO ? `Extracted from ${sources[0]}` : 'Extracted records'
}
