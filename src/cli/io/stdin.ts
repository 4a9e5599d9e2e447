import { fstatSync, readFileSync } from 'node:fs'
import { usageError } from '../../errors.js'
import { decodeText, MOST_TEXT, readAll, readText, STDIO } from '../../files.js'
import { tell } from '../../ui/printable.js'

/** Milliseconds after which it is said that stdin is waited for. */
const PATIENCE = 2000

/** Who has read a stdin: it can be read once. */
const readers = new WeakMap<object, string>()

/**
 * The text of stdin.
 * @param reader what it is for, for messages: `the prompt`
 * @throws UserError, exit code 2, where something else has read it, for a terminal that nobody writes to, and for bytes that are no UTF-8
 */
export async function readStdin(reader: string, most = MOST_TEXT): Promise<string> {
  const { stdin } = process
  const first = readers.get(stdin)
  if (first !== undefined) {
    throw usageError(`stdin comes twice, for ${first} and for ${reader}: give one of them another way.`)
  }
  readers.set(stdin, reader)
  return decodeText(await readAll(stdin, 'stdin', most), 'stdin')
}

/**
 * @param sources what may be `-`, by its name for messages
 * @throws UserError, exit code 2, where two of them are
 */
export function refuseStdinTwice(sources: Readonly<Record<string, string | undefined>>): void {
  const [first, second] = Object.keys(sources).filter((name) => sources[name] === STDIO)
  if (second)
    throw usageError(`stdin comes twice, for ${first} and for ${second}: give one of them another way.`)
}

/** Whether something else has read stdin. */
function isStdinTaken(): boolean {
  return readers.has(process.stdin)
}

/**
 * The text of a pipe or a file that stdin comes from beside something that was named; none where there is nothing. A terminal and a device such as
 * /dev/null are not read, and a file only from its beginning: the loop of a script reads the rest of it. A pipe is read to its end, which its
 * writer has to make: where that takes long, stderr says what is waited for.
 */
export async function readPiped(reader: string, most = MOST_TEXT): Promise<string> {
  if (isStdinTaken() || !isPiped()) return ''
  const timer = setTimeout(() => {
    tell(`Reading stdin, which belongs to ${reader}, too: end it, or give </dev/null for none.`)
  }, PATIENCE)
  try {
    return await readStdin(reader, most)
  } finally {
    clearTimeout(timer)
  }
}

function isPiped(): boolean {
  const { fd } = process.stdin as { fd?: number }
  if (fd === undefined) return false
  try {
    const file = fstatSync(fd)
    return file.isFIFO() || file.isSocket() || (file.isFile() && file.size > 0 && isAtBeginning(fd))
  } catch {
    // A descriptor that is closed.
    return false
  }
}

/** Whether nobody has read of a file yet, as far as the system tells. */
function isAtBeginning(fd: number): boolean {
  try {
    return /^pos:\s*0$/m.test(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))
  } catch {
    return true
  }
}

/** The text of a file, or of stdin for `-`. @throws UserError as `readText` and `readStdin` */
export function readTextOr(file: string, reader: string, most = MOST_TEXT): Promise<string> {
  return file === STDIO ? readStdin(reader, most) : readText(file, most)
}
