/** What a key, or several together, ask for. */
export type KeyName =
  | 'enter'
  | 'newline'
  | 'left'
  | 'right'
  | 'up'
  | 'down'
  | 'word-left'
  | 'word-right'
  | 'home'
  | 'end'
  | 'backspace'
  | 'delete'
  | 'kill-before'
  | 'kill-after'
  | 'kill-word'
  | 'interrupt'
  | 'end-of-input'

export type Key = { readonly name: KeyName } | { readonly name: 'text'; readonly text: string }

const ESC = '\u001b'
const PASTE = { begin: `${ESC}[200~`, end: `${ESC}[201~` }

/** Asks a terminal to mark what is pasted, or no longer. */
export const BRACKETED_PASTE = { on: `${ESC}[?2004h`, off: `${ESC}[?2004l` }

/** What terminals send, by name: xterm, rxvt and the Linux console, and Emacs' letters with Ctrl. */
const sent: Readonly<Record<KeyName, readonly string[]>> = {
  enter: ['\r'],
  newline: ['\n', `${ESC}\r`, `${ESC}\n`, `${ESC}[27;2;13~`, `${ESC}[13;2u`, `${ESC}[13;3u`],
  left: ['\u0002', `${ESC}[D`, `${ESC}OD`],
  right: ['\u0006', `${ESC}[C`, `${ESC}OC`],
  up: ['\u0010', `${ESC}[A`, `${ESC}OA`],
  down: ['\u000e', `${ESC}[B`, `${ESC}OB`],
  'word-left': [`${ESC}b`, `${ESC}[1;5D`, `${ESC}[1;3D`],
  'word-right': [`${ESC}f`, `${ESC}[1;5C`, `${ESC}[1;3C`],
  home: ['\u0001', `${ESC}[H`, `${ESC}OH`, `${ESC}[1~`, `${ESC}[7~`],
  end: ['\u0005', `${ESC}[F`, `${ESC}OF`, `${ESC}[4~`, `${ESC}[8~`],
  backspace: ['\u007f', '\b'],
  delete: [`${ESC}[3~`],
  'kill-before': ['\u0015'],
  'kill-after': ['\u000b'],
  'kill-word': ['\u0017', `${ESC}\u007f`, `${ESC}\b`],
  interrupt: ['\u0003'],
  'end-of-input': ['\u0004'],
}
const names = new Map(
  Object.entries(sent).flatMap(([name, codes]) => codes.map((code) => [code, name as KeyName])),
)

/** An escape sequence, a control character, or text. */
const PIECES = new RegExp(`${ESC}\\[[\\d;?]*[ -/]*[@-~]|${ESC}O.|${ESC}[^]?|\\p{Cc}|\\P{Cc}+`, 'gu')
const OPEN = new RegExp(`${ESC}(?:\\[[\\d;?]*|O)$`)

/** Turns what a terminal sends into keys; what is pasted is text, its newlines included. */
export class KeyDecoder {
  private held = ''
  private pasted: string | undefined

  push(chunk: string): Key[] {
    const input = this.held + chunk
    this.held = ''
    if (this.pasted !== undefined) return this.paste(input)
    const begin = input.indexOf(PASTE.begin)
    if (begin >= 0) {
      this.pasted = ''
      return [...this.keys(input.slice(0, begin)), ...this.paste(input.slice(begin + PASTE.begin.length))]
    }
    this.held = OPEN.exec(input)?.[0] ?? ''
    return this.keys(input.slice(0, input.length - this.held.length))
  }

  private paste(input: string): Key[] {
    this.pasted += input
    const end = this.pasted!.indexOf(PASTE.end)
    if (end < 0) return []
    const text = this.pasted!.slice(0, end)
    const rest = this.pasted!.slice(end + PASTE.end.length)
    this.pasted = undefined
    return [{ name: 'text', text: printable(text) }, ...this.push(rest)]
  }

  private keys(input: string): Key[] {
    return [...input.matchAll(PIECES)].flatMap(([piece]): Key[] => {
      const name = names.get(piece)
      if (name) return [{ name }]
      // What is no key that we know is no text either.
      return /^\p{Cc}/u.test(piece) ? [] : [{ name: 'text', text: piece }]
    })
  }
}

/** Terminals send a return for a pasted newline. */
function printable(text: string): string {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(/\t/g, '    ')
    .replace(/(?!\n)\p{Cc}/gu, '')
}
