import { readFile } from 'node:fs/promises'
import { UserError, usageError } from '../errors.js'

export interface TextSources {
  /** The argument on the command line. */
  readonly argument: string | undefined
  readonly file: string | undefined
  /** The name of the flag that `file` came from. */
  readonly fileFlag: string
  /** What the text is, for messages: `prompt`. */
  readonly what: string
}

/**
 * A text from the command line, a file or stdin, in this order; one trailing newline of a file or of stdin is the
 * shell's and not the text's.
 * @throws UserError, exit code 2, for two sources, none, or an empty text; exit code 1 for an unreadable file
 */
export async function readText({ argument, file, fileFlag, what }: TextSources): Promise<string> {
  if (argument !== undefined && file !== undefined) {
    throw usageError(`The ${what} comes twice, as an argument and with --${fileFlag}: leave one out.`)
  }
  const text = argument ?? (await readBytes(file, what)).replace(/\r?\n$/, '')
  if (text.trim() !== '') return text
  throw usageError(`The ${what} is empty: give it as an argument, with --${fileFlag}, or on stdin.`)
}

async function readBytes(file: string | undefined, what: string): Promise<string> {
  if (file !== undefined) return decode(await readFrom(file), file)
  if (process.stdin.isTTY) throw usageError(`There is no ${what}: give it as an argument or on stdin.`)
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
  return decode(Buffer.concat(chunks), 'stdin')
}

async function readFrom(file: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (error) {
    throw new UserError(`${file} cannot be read: ${(error as Error).message}.`, 1, { cause: error })
  }
}

function decode(bytes: Buffer, origin: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw new UserError(`The text from ${origin} is not valid UTF-8: convert it first.`, 2, { cause: error })
  }
}

/**
 * A JSON object from a file.
 * @throws UserError, exit code 2 for what is no JSON object, 1 for an unreadable file
 */
export async function readJsonObject(file: string): Promise<Record<string, unknown>> {
  const text = decode(await readFrom(file), file)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw usageError(`${file} is not valid JSON: ${(error as Error).message}.`, { cause: error })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw usageError(`${file} holds no JSON object: it needs the fields of a GenerationConfig in braces.`)
  }
  return value as Record<string, unknown>
}
