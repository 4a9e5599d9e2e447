import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { usageError } from '../../errors.js'
import { type Chunk, chunksOf } from '../../extract/chunks.js'
import type { Descriptor } from '../../extract/describe.js'
import type { JsonRecord } from '../../extract/json.js'
import { type ExtractionFormat, type ExtractionPrompt, extractionPrompt } from '../../extract/prompt.js'
import { type ChunkResult, type Document, type DocumentRow, documentRow } from '../../extract/rows.js'
import { type ExtractionTask, outputSchema, quoting } from '../../extract/task.js'
import { isMissing, STDIO } from '../../files.js'
import { valueWriter } from '../../generation/language.js'
import type { Tokenizer } from '../../tokenizer/tokenizer.js'
import { type BatchFlags, type BatchResult, serveBatch } from '../batch/batch.js'
import { loadTokenizerShown } from '../io/load-tokenizer.js'
import { readTemplate } from '../io/text-input.js'

export interface ExtractFlags extends BatchFlags {
  readonly schema: string
  readonly many: boolean
  readonly key?: string
  readonly format: string
  readonly descriptor: string
  readonly instructions?: string
  readonly examples?: string
  readonly spans: boolean
  readonly nullable: boolean
  readonly 'chunk-tokens': number
  readonly 'chunk-overlap': number
  readonly field?: string
  readonly csv: boolean
  readonly table: boolean
  readonly html?: string
}

/** Tokens of an answer where nothing bounds it. */
const ANSWER_TOKENS = 512

/** Flags of which one says whether answers are drawn. */
const SAMPLING = ['do-sample', 'temperature', 'top-p', 'top-k', 'min-p', 'config']

export interface Extraction {
  readonly rows: readonly DocumentRow[]
  readonly batch: BatchResult
}

/** A chunk as a row of a batch. */
interface ChunkRow {
  readonly id: string
  readonly row: JsonRecord
}

/**
 * Extracts records of documents: their chunks are the rows of a batch, which share the beginning of the prompt, and are merged when all are there.
 * What the batch has written so far lies beside the output, so that a run that was stopped goes on.
 * @throws UserError as `serveBatch`
 */
export async function extract(
  documents: readonly Document[],
  task: ExtractionTask,
  flags: ExtractFlags & Readonly<Record<string, unknown>>,
  run: { readonly signal: AbortSignal; readonly version: string },
): Promise<Extraction | undefined> {
  const options = { isMany: task.isMany, keys: keysOf(task, flags.key), hasSpans: flags.spans }
  const tokenizer = await loadTokenizerShown(flags.model, run.signal)
  const template = await readTemplate(flags['chat-template'])
  const isChat = !flags.raw && (template !== undefined || tokenizer.hasChatTemplate)
  const chunks = documents.map(({ text }) => chunksOf(text, chunkOptions(tokenizer, flags)))
  const rows = documents.map((document, i) => chunkRows(document, chunks[i], rowMaker(task, flags, isChat)))
  const directory = await mkdtemp(join(tmpdir(), 'llm-extract-'))
  try {
    const input = join(directory, 'chunks.jsonl')
    await writeFile(
      input,
      rows
        .flat()
        .map(({ row }) => `${JSON.stringify(row)}\n`)
        .join(''),
    )
    const output = flags.output === STDIO ? join(directory, 'out.jsonl') : `${flags.output}.chunks.jsonl`
    const { schema: _, format: __, ...given } = flags
    const isBounded = ['max-new-tokens', 'max-length', 'config'].some((flag) => flags[flag] !== undefined)
    const isDrawn = SAMPLING.some((flag) => flags[flag] !== undefined)
    const shared = {
      ...given,
      ...(!isBounded && { 'max-new-tokens': ANSWER_TOKENS }),
      // Records are the likeliest ones, also where the model's author draws.
      ...(!isDrawn && { 'do-sample': false }),
    }
    const batch = await serveBatch(input, { ...shared, output, order: 'done' }, run)
    if (run.signal.aborted) return undefined
    const results = await resultsOf(output)
    const merged = documents.map((document, i) => {
      const found = rows[i].map(({ id }) => results.get(id) ?? { error: 'The chunk was not served.' })
      return documentRow(document, chunks[i], found, options)
    })
    return { rows: merged, batch }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Files of a run that has come to its end. */
export async function removeProgress(output: string): Promise<void> {
  if (output === STDIO) return
  const path = `${output}.chunks.jsonl`
  for (const name of [path, `${path}.run.json`]) await rm(name, { force: true })
}

function chunkOptions(tokenizer: Tokenizer, flags: ExtractFlags) {
  const { 'chunk-tokens': most, 'chunk-overlap': overlap } = flags
  if (overlap >= most)
    throw usageError(
      `--chunk-overlap is ${overlap}, but a chunk has ${most} tokens: make it less, or raise --chunk-tokens.`,
    )
  return {
    most,
    overlap,
    count: (text: string) => tokenizer.encode(text, { addSpecialTokens: false }).length,
  }
}

/** Makes the row of a chunk's text. */
function rowMaker(task: ExtractionTask, flags: ExtractFlags, isChat: boolean): (text: string) => JsonRecord {
  const format = flags.format as ExtractionFormat
  const whole = outputSchema(task)
  const prompt: ExtractionPrompt = extractionPrompt(task, {
    format,
    descriptor: flags.descriptor as Descriptor,
    instructions: flags.instructions,
    write: valueWriter(JSON.stringify(whole), format),
  })
  return (text) => ({
    ...(isChat ? { messages: prompt.messages(text) as never } : { prompt: prompt.plain(text) }),
    schema: flags.spans ? quoting(whole, text) : whole,
    format,
    schema_in_prompt: false,
  })
}

/** The rows of a document's chunks; their ids say what they were made of, so that others are made anew. */
function chunkRows(
  { id }: Document,
  chunks: readonly Chunk[],
  rowOf: (text: string) => JsonRecord,
): readonly ChunkRow[] {
  return chunks.map(({ text }, i) => {
    const row = rowOf(text)
    const hash = createHash('sha256').update(JSON.stringify(row)).digest('hex').slice(0, 16)
    const name = `${JSON.stringify(id)} ${i} ${hash}`
    return { id: name, row: { id: name, ...row } }
  })
}

async function resultsOf(path: string): Promise<ReadonlyMap<string, ChunkResult>> {
  const written = await readFile(path, 'utf8').catch((error) => {
    if (isMissing(error)) return ''
    throw error
  })
  const lines = written.split('\n').filter((line) => line !== '')
  return new Map(lines.map((line) => JSON.parse(line)).map(({ id, value, error }) => [id, { value, error }]))
}

function keysOf({ record }: ExtractionTask, key: string | undefined): readonly string[] {
  const keys = (key ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
  const fields = Object.keys((record.properties ?? {}) as object)
  const unknown = keys.find((each) => fields.length > 0 && !fields.includes(each))
  if (unknown !== undefined)
    throw usageError(
      `--key names ${JSON.stringify(unknown)}, which is no field: give one of ${fields.join(', ')}.`,
    )
  return keys
}
