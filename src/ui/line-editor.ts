import type { Key } from './keys.js'

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** Text that is being written, in one line or several, with a history of what was entered. */
export class LineEditor {
  text = ''
  /** Where the next character goes: an index of `text`, between two graphemes. */
  cursor = 0
  private readonly history: string[] = []
  /** The entry of the history that is shown; behind the last one lies what is being written. */
  private entry = 0
  private draft = ''

  /** Takes a key; gives the text where it enters one. */
  press(key: Key): string | undefined {
    if (key.name === 'text') this.insert(key.text)
    else if (key.name === 'enter') return this.enter()
    else this.actions[key.name]?.()
    return undefined
  }

  clear(): void {
    this.set('')
    this.entry = this.history.length
  }

  private readonly actions: Readonly<Partial<Record<Key['name'], () => void>>> = {
    newline: () => this.insert('\n'),
    left: () => this.move(this.before()),
    right: () => this.move(this.after()),
    'word-left': () => this.move(this.wordBefore()),
    'word-right': () => this.move(this.wordAfter()),
    home: () => this.move(this.lineStart()),
    end: () => this.move(this.lineEnd()),
    up: () => this.vertical(-1),
    down: () => this.vertical(1),
    backspace: () => this.erase(this.before(), this.cursor),
    delete: () => this.erase(this.cursor, this.after()),
    'end-of-input': () => this.erase(this.cursor, this.after()),
    'kill-before': () => this.erase(this.lineStart(), this.cursor),
    'kill-after': () => this.erase(this.cursor, this.lineEnd()),
    'kill-word': () => this.erase(this.wordBefore(), this.cursor),
  }

  /** A backslash at the end asks for another line. */
  private enter(): string | undefined {
    if (this.text.endsWith('\\')) {
      this.set(`${this.text.slice(0, -1)}\n`)
      return undefined
    }
    const { text } = this
    if (text.trim() === '') return undefined
    if (this.history.at(-1) !== text) this.history.push(text)
    this.clear()
    return text
  }

  private insert(text: string): void {
    this.text = this.text.slice(0, this.cursor) + text + this.text.slice(this.cursor)
    this.cursor += text.length
  }

  private erase(from: number, to: number): void {
    this.text = this.text.slice(0, from) + this.text.slice(to)
    this.cursor = from
  }

  private move(to: number): void {
    this.cursor = to
  }

  private set(text: string): void {
    this.text = text
    this.cursor = text.length
  }

  private before(): number {
    return this.cursor - (lastGrapheme(this.text.slice(0, this.cursor))?.length ?? 0)
  }

  private after(): number {
    return this.cursor + (firstGrapheme(this.text.slice(this.cursor))?.length ?? 0)
  }

  private wordBefore(): number {
    return this.text.slice(0, this.cursor).replace(/\S+\s*$|\s+$/, '').length
  }

  private wordAfter(): number {
    return this.cursor + /^\s*\S*/.exec(this.text.slice(this.cursor))![0].length
  }

  private lineStart(): number {
    return this.text.lastIndexOf('\n', this.cursor - 1) + 1
  }

  private lineEnd(): number {
    const end = this.text.indexOf('\n', this.cursor)
    return end < 0 ? this.text.length : end
  }

  /** To the line above or below, or through the history where there is none. */
  private vertical(step: 1 | -1): void {
    const start = this.lineStart()
    const column = [...graphemes.segment(this.text.slice(start, this.cursor))].length
    if (step < 0 && start > 0) {
      this.move(start - 1)
      this.toColumn(column)
    } else if (step > 0 && this.lineEnd() < this.text.length) {
      this.move(this.lineEnd() + 1)
      this.toColumn(column)
    } else this.recall(this.entry + step)
  }

  private toColumn(column: number): void {
    const line = this.text.slice(this.lineStart(), this.lineEnd())
    const kept = [...graphemes.segment(line)].slice(0, column)
    this.move(this.lineStart() + kept.reduce((sum, { segment }) => sum + segment.length, 0))
  }

  private recall(entry: number): void {
    if (entry < 0 || entry > this.history.length) return
    if (this.entry === this.history.length) this.draft = this.text
    this.entry = entry
    this.set(this.history[entry] ?? this.draft)
  }
}

export function firstGrapheme(text: string): string | undefined {
  return graphemes.segment(text)[Symbol.iterator]().next().value?.segment
}

function lastGrapheme(text: string): string | undefined {
  return [...graphemes.segment(text)].at(-1)?.segment
}

/** A text in rows, and where its cursor stands. */
export interface InputRows {
  readonly rows: readonly string[]
  readonly row: number
  /** An index of the row's text. */
  readonly column: number
}

/** Cuts a text into rows of `width` columns, in which wide characters take two. */
export function inputRows(text: string, cursor: number, width: number): InputRows {
  const rows = ['']
  let used = 0
  let at = { row: 0, column: 0 }
  const here = () => ({ row: rows.length - 1, column: rows[rows.length - 1].length })
  for (const { segment, index } of graphemes.segment(text)) {
    const columns = columnsOf(segment)
    const isNewline = segment === '\n'
    if (!isNewline && used + columns > width) {
      rows.push('')
      used = 0
    }
    if (index === cursor) at = here()
    if (isNewline) {
      rows.push('')
      used = 0
    } else {
      rows[rows.length - 1] += segment
      used += columns
    }
  }
  return { rows, ...(cursor >= text.length ? here() : at) }
}

/** East Asian wide characters and emoji. */
const WIDE =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}]/u

function columnsOf(grapheme: string): number {
  return WIDE.test(grapheme) || grapheme.includes('\ufe0f') ? 2 : 1
}
