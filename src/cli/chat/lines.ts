import type { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { type Line, lines } from '../../batch/lines.js'
import type { ChatSession } from '../../chat/session.js'
import { decodeText } from '../../files.js'
import { tell } from '../../ui/printable.js'
import { writer } from '../io/plain-output.js'
import type { ChatPort } from './port.js'

/**
 * A chat through pipes: each line of `input` is a turn or a command; answers go to `output`, all else to stderr.
 * @param json for an object a line on `output`, once an answer is whole
 * @param signal ends the chat
 */
export function chatLines(
  input: Readable,
  output: NodeJS.WritableStream,
  { json, signal }: { json: boolean; signal: AbortSignal },
): ChatPort {
  const reader = lines(input)
  const interrupted = new Promise<undefined>((resolve) => {
    signal.addEventListener('abort', () => resolve(undefined))
  })
  const write = writer(output)
  const writeObject = (value: object) => write(`${JSON.stringify(value)}\n`)
  return {
    async next() {
      while (!signal.aborted) {
        // A Ctrl-C between lines that are refused at once is heard here.
        await setImmediate()
        const read = reader.next()
        // Of an input that is closed meanwhile.
        read.catch(() => undefined)
        const line = await Promise.race([read, interrupted])
        if (!line || line.done) return undefined
        const text = textOf(line.value)
        if (text.trim() !== '') return text
      }
    },
    append: (text) => (json ? undefined : write(text)),
    endAnswer: (session) => (json ? writeObject(answerJson(session)) : write('\n')),
    note: tell,
    error: ({ message }) => (json ? writeObject({ error: { message } }) : tell(`Error: ${message}`)),
    replay() {},
    status() {},
    // The next line is a turn.
    confirm: async (question) => {
      tell(`${question}? Nobody can be asked: add --yes.`)
      return false
    },
    async close() {
      input.destroy()
    },
  }
}

/** @throws UserError, exit code 2, for bytes that are no text */
function textOf({ bytes, number }: Line): string {
  return decodeText(bytes, `Line ${number} of stdin`).replace(/\r$/, '')
}

/** What `--json` says of an answer. */
function answerJson({ statistics: { last }, toolTurn: { calls } }: ChatSession): object {
  const { text, finish_reason, seed, statistics } = last!
  const tool_calls = calls.length > 0 ? calls : undefined
  return { text, tool_calls, finish_reason, seed, statistics }
}
