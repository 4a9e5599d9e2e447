import { Box, render, Static, Text } from 'ink'
import { printable } from '../printable.js'
import { coloured, Dim, type Span, type TextRow, textRows } from './generation-view.js'
import { BRACKETED_PASTE, type Key, KeyDecoder } from './keys.js'
import { firstGrapheme, type InputRows, inputRows, LineEditor } from './line-editor.js'

/** A terminal's view of a chat, and its lines of input. */
export interface ChatView {
  /** The next text that is entered; undefined where the user leaves. */
  next(): Promise<string | undefined>
  /** Adds text to the answer, of which the first characters may come from drafts: these are coloured. */
  append(text: string, drafted?: number): void
  /** The answer is whole, or was stopped. */
  endAnswer(chat: ChatLike): void
  note(text: string): void
  error(error: Error): void
  /** Shows what was said before. */
  replay(messages: readonly { readonly role: string; readonly content: string }[]): void
  status(text: string): void
  /** Whether the user says yes. */
  confirm(question: string): Promise<boolean>
  close(): Promise<void>
}

interface ChatLike {
  readonly statistics: { readonly last: { readonly finish_reason: string } | undefined }
}

/** A part of the scrollback, which is printed once. */
export interface ChatLine {
  readonly kind: 'user' | 'answer' | 'note' | 'error'
  readonly row: TextRow
  readonly drafts?: readonly Span[]
}

interface ChatState {
  readonly lines: readonly ChatLine[]
  /** The last row of the answer under way, which may grow. */
  readonly open: ChatLine | undefined
  readonly input: InputRows
  readonly status: string
  /** Rows that the input may take. */
  readonly rows: number
}

export interface Terminal {
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
}

const FRAME_MS = 33
const PROMPT = '> '
const INDENT = ' '.repeat(PROMPT.length)
/** Rows for the answer's last one, the status and the cursor: ink clears the terminal where a view is as high as it. */
const SPARE_ROWS = 5
const LEAVE = 'Ctrl-C again, Ctrl-D or /exit leaves.'

interface ChatViewOptions {
  /** Called where the user stops an answer. */
  readonly onStop: () => void
  /** Ends the chat. */
  readonly signal: AbortSignal
}

/** Renders a chat on a terminal. */
export function chatView({ onStop, signal }: ChatViewOptions, terminal: Terminal = process): ChatView {
  const chat = new TerminalChat(onStop, terminal)
  signal.addEventListener('abort', () => chat.leave())
  return chat
}

class TerminalChat implements ChatView {
  private readonly lines: ChatLine[] = []
  private readonly editor = new LineEditor()
  private readonly decoder = new KeyDecoder()
  private readonly app: ReturnType<typeof render>
  private timer: NodeJS.Timeout | undefined
  /** The answer under way, cut into rows of a width that does not change: what is settled stays so. */
  private answer:
    | { text: string; readonly drafts: Span[]; settled: number; readonly width: number }
    | undefined
  private statusText = ''
  private isLeaving = false
  private hasEnded = false
  /** Entered while an answer was under way. */
  private entered: string[] = []
  private waiting: ((text: string | undefined) => void) | undefined

  constructor(
    private readonly onStop: () => void,
    private readonly terminal: Terminal,
  ) {
    const { stdin, stdout } = terminal
    this.app = render(this.view(), { stdout, exitOnCtrlC: false, patchConsole: false })
    stdin.setRawMode(true)
    stdin.setEncoding('utf8')
    stdin.on('data', this.onData)
    stdin.on('end', this.leave)
    stdin.resume()
    stdout.on('resize', this.drawSoon)
    stdout.write(BRACKETED_PASTE.on)
  }

  next(): Promise<string | undefined> {
    return new Promise((resolve) => {
      this.waiting = (text) => {
        this.waiting = undefined
        if (text !== undefined) this.print('user', text)
        resolve(text)
      }
      if (this.hasEnded) this.waiting(undefined)
      else if (this.entered.length > 0) this.waiting(this.entered.shift())
      this.drawSoon()
    })
  }

  append(text: string, drafted = 0): void {
    this.answer ??= { text: '', drafts: [], settled: 0, width: this.width }
    const { length } = this.answer.text
    if (drafted > 0) this.answer.drafts.push([length, length + printable(text.slice(0, drafted)).length])
    this.answer.text += printable(text)
    this.drawSoon()
  }

  endAnswer({ statistics: { last } }: ChatLike): void {
    this.settle(true)
    if (last?.finish_reason === 'interrupted') this.print('note', 'Stopped.')
  }

  note(text: string): void {
    this.print('note', text)
  }

  error({ message }: Error): void {
    this.settle(true)
    this.print('error', `Error: ${message}`)
  }

  replay(messages: readonly { readonly role: string; readonly content: string }[]): void {
    for (const { role, content } of messages) this.print(role === 'user' ? 'user' : 'answer', content)
  }

  async confirm(question: string): Promise<boolean> {
    this.note(`${question}? [y/N]`)
    return /^\s*y(es)?\s*$/i.test((await this.next()) ?? '')
  }

  status(text: string): void {
    this.statusText = printable(text)
    this.drawSoon()
  }

  async close(): Promise<void> {
    const { stdin, stdout } = this.terminal
    this.editor.clear()
    this.draw()
    stdin.off('data', this.onData)
    stdin.off('end', this.leave)
    stdout.off('resize', this.drawSoon)
    stdin.setRawMode(false)
    stdin.pause()
    stdout.write(BRACKETED_PASTE.off)
    this.app.unmount()
    await this.app.waitUntilExit()
    clearTimeout(this.timer)
  }

  private readonly onData = (chunk: string | Buffer): void => {
    for (const key of this.decoder.push(String(chunk))) this.press(key)
    this.drawSoon()
  }

  private press(key: Key): void {
    const wasLeaving = this.isLeaving
    this.isLeaving = false
    if (key.name === 'interrupt') this.interrupt(wasLeaving)
    else if (key.name === 'end-of-input' && this.editor.text === '') this.leave()
    else this.enter(this.editor.press(key))
  }

  private enter(text: string | undefined): void {
    if (text === undefined) return
    if (this.waiting) this.waiting(text)
    else this.entered.push(text)
  }

  /** Ctrl-C stops an answer, or else takes back what is being written, or else is asked for again. */
  private interrupt(wasLeaving: boolean): void {
    if (!this.waiting) {
      this.entered = []
      this.onStop()
    } else if (this.editor.text !== '') this.editor.clear()
    else if (wasLeaving) this.leave()
    else this.isLeaving = true
  }

  /** The user leaves, or the terminal is gone. */
  readonly leave = (): void => {
    this.hasEnded = true
    if (this.waiting) this.waiting(undefined)
    else this.onStop()
  }

  private print(kind: ChatLine['kind'], text: string): void {
    let start = 0
    for (const line of printable(text).split('\n')) {
      this.lines.push({ kind, row: { text: line, start } })
      start += line.length + 1
    }
    this.drawSoon()
  }

  /** Moves the answer's rows that are settled into the scrollback, all of them where it has ended. */
  private settle(hasEnded = false): ChatLine | undefined {
    if (!this.answer) return undefined
    const { text, drafts, settled, width } = this.answer
    const rows = textRows(text, width)
    const lines = rows.map((row): ChatLine => ({ kind: 'answer', row, drafts }))
    const open = hasEnded ? undefined : lines.pop()
    this.lines.push(...lines.slice(settled))
    this.answer.settled = Math.max(settled, lines.length)
    if (hasEnded) this.answer = undefined
    return open
  }

  private get width(): number {
    return this.terminal.stdout.columns || 80
  }

  private readonly drawSoon = (): void => {
    // Drawing for each token would slow small models down.
    this.timer ??= setTimeout(() => this.draw(), FRAME_MS)
  }

  private draw(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    this.app.rerender(this.view())
  }

  private view() {
    const { text, cursor } = this.editor
    const open = this.settle()
    return (
      <Chat
        lines={[...this.lines]}
        open={open}
        input={inputRows(text, cursor, Math.max(2, this.width - PROMPT.length - 1))}
        status={this.isLeaving ? LEAVE : this.statusText}
        rows={Math.max(1, (this.terminal.stdout.rows || 24) - SPARE_ROWS)}
      />
    )
  }
}

/** The scrollback, the row that the answer has come to, the input and the status. */
export function Chat({ lines, open, input, status, rows }: ChatState) {
  return (
    <>
      <Static items={[...lines]}>{(line, i) => <Line key={i} {...line} />}</Static>
      <Box flexDirection="column">
        {open && <Line {...open} />}
        <Input input={input} rows={rows} />
        {status !== '' && <Dim text={status} />}
      </Box>
    </>
  )
}

function Line({ kind, row, drafts }: ChatLine) {
  const plain = Boolean(process.env.NO_COLOR)
  if (kind === 'note') return <Dim text={row.text || ' '} />
  if (kind === 'error') return <Text color={plain ? undefined : 'red'}>{row.text || ' '}</Text>
  if (kind === 'user') return <Text bold={!plain}>{(row.start === 0 ? PROMPT : INDENT) + row.text}</Text>
  return <Text>{row.text === '' ? ' ' : coloured(row, drafts)}</Text>
}

/** The rows around the cursor, as many as there is room for. */
function Input({ input, rows: room }: { input: InputRows; rows: number }) {
  const { rows, row, column } = input
  const first = Math.max(0, Math.min(row - room + 1, rows.length - room))
  const shown = rows.slice(first, first + room)
  return <>{shown.map((text, i) => inputRow(text, first + i, first + i === row ? column : undefined))}</>
}

/** @param cursor where it stands, an index of the text; undefined in the other rows */
function inputRow(text: string, index: number, cursor: number | undefined) {
  const prompt = index === 0 ? PROMPT : INDENT
  if (cursor === undefined) return <Text key={index}>{prompt + text}</Text>
  const under = firstGrapheme(text.slice(cursor)) ?? ''
  return (
    <Text key={index}>
      {prompt + text.slice(0, cursor)}
      <Text inverse>{under || ' '}</Text>
      {text.slice(cursor + under.length)}
    </Text>
  )
}
