import { type ConfigLayer, withoutBookkeeping } from '../../config/index.js'
import { withLanguageFiles } from '../../config/language-files.js'
import { usageError } from '../../errors.js'
import { MOST_SETTINGS, STDIO } from '../../files.js'
import { parseJsonObject } from '../../json.js'
import { readChatTemplate } from '../../tokenizer/chat-template.js'
import { keepNumbers } from '../../tokenizer/exact-json.js'
import { readPiped, readStdin, readTextOr } from './stdin.js'

/** Bytes of a prompt at most: more than a model's context holds. */
const MOST_PROMPT = 64 * 2 ** 20

export interface TextSources {
  /** The argument on the command line; `-` for stdin. */
  readonly argument: string | undefined
  /** `-` for stdin. */
  readonly file: string | undefined
  /** The name of the flag that `file` came from. */
  readonly fileFlag: string
  /** What the text is, for messages: `prompt`. */
  readonly what: string
  /** Whether white space alone is a text. */
  readonly mayBeBlank?: boolean
}

/**
 * A text from the command line or a file, and from stdin: alone, or what is piped in after the other, on a line of its own. One trailing newline
 * of a file or of stdin is the shell's and not the text's.
 * @throws UserError, exit code 2, for an argument and a file, none of the three, or an empty text; exit code 1 for an unreadable file
 */
export async function readTextInput({
  argument,
  file,
  fileFlag,
  what,
  mayBeBlank = false,
}: TextSources): Promise<string> {
  if (argument !== undefined && file !== undefined) {
    throw usageError(`The ${what} comes twice, as an argument and with --${fileFlag}: leave one out.`)
  }
  const parts = await readParts(argument, file, `the ${what}`)
  const text = parts.filter((part) => part !== '').join('\n')
  if ((mayBeBlank ? text : text.trim()) !== '') return text
  throw usageError(`The ${what} is empty: give it as an argument, with --${fileFlag}, or on stdin.`)
}

async function readParts(argument: string | undefined, file: string | undefined, what: string) {
  const named = argument ?? file
  if (named === undefined && process.stdin.isTTY) {
    throw usageError(`There is no ${what.slice(4)}: give it as an argument or on stdin.`)
  }
  if (named === undefined || named === STDIO) return [withoutNewline(await readStdin(what, MOST_PROMPT))]
  const first = argument ?? withoutNewline(await readTextOr(file!, what, MOST_PROMPT))
  return [first, withoutNewline(await readPiped(what, MOST_PROMPT))]
}

function withoutNewline(text: string): string {
  return text.replace(/\r?\n$/, '')
}

/**
 * A JSON object from a file, or from stdin for `-`.
 * @throws UserError, exit code 2 for what is no JSON object, 1 for an unreadable file
 */
export async function readJsonObject(file: string): Promise<Record<string, unknown>> {
  const text = await readTextOr(file, 'the configuration', MOST_SETTINGS)
  return keepNumbers(text, { ...parseJsonObject(text, nameOf(file), 2) })
}

/**
 * A file as HF's `save_pretrained` writes generation_config.json, as settings of the user.
 * @throws UserError as `readJsonObject`
 */
export async function readConfigFile(file: string): Promise<ConfigLayer> {
  const values = withoutBookkeeping(await readJsonObject(file))
  return {
    values: await withLanguageFiles(values, (field) => `${field} in ${nameOf(file)}`),
    origin: nameOf(file),
  }
}

/** A chat template: from a file, from stdin for `-`, or itself. @throws UserError as `readChatTemplate` */
export async function readTemplate(template: string | undefined): Promise<string | undefined> {
  if (template === undefined) return undefined
  return template === STDIO ? readStdin('--chat-template', MOST_SETTINGS) : readChatTemplate(template)
}

function nameOf(file: string): string {
  return file === STDIO ? 'stdin' : file
}
