import { createInterface } from 'node:readline'
import type { ChatSession } from '../chat/session.js'
import type { UserError } from '../errors.js'
import type { ChatPort } from './chat.js'
import { writer } from './plain-output.js'

/**
 * A chat through pipes: each line of `input` is a turn or a command; answers go to `output`, all else to stderr.
 * @param json for an object a line on `output`, once an answer is whole
 * @param signal ends the chat
 */
export function chatLines(
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream,
  { json, signal }: { json: boolean; signal: AbortSignal },
): ChatPort & { close(): void } {
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })
  const iterator = lines[Symbol.asyncIterator]()
  signal.addEventListener('abort', () => lines.close())
  const write = writer(output)
  const writeObject = (value: object) => write(`${JSON.stringify(value)}\n`)
  const tell = (text: string) => {
    process.stderr.write(`${text}\n`)
  }
  return {
    async next() {
      while (!signal.aborted) {
        const { value, done } = await iterator.next()
        if (done) return undefined
        if (value.trim() !== '') return value
      }
    },
    append: (text) => (json ? undefined : write(text)),
    endAnswer: (session) => (json ? writeObject(answerJson(session)) : write('\n')),
    note: tell,
    error(error: UserError) {
      if (json) void writeObject({ error: { message: error.message } })
      else tell(`Error: ${error.message}`)
    },
    replay() {},
    status() {},
    close: () => lines.close(),
  }
}

/** What `--json` says of an answer. */
function answerJson({ statistics: { last } }: ChatSession): object {
  const { text, finish_reason, seed, statistics } = last!
  return { text, finish_reason, seed, statistics }
}
