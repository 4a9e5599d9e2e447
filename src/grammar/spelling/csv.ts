import { isLiteralByte, jsonByte } from './bytes.js'
import { bytesText, type Reading, type Spelling } from './spelling.js'

type Mode =
  /** The header line. */
  | 'header'
  /** Where a cell begins; a cell of text, in quotation marks, or of a number, true or false; a quotation mark within; the end of a cell. */
  | 'cell'
  | 'text'
  | 'quoted'
  | 'quote'
  | 'literal'
  | 'ended'

interface CsvState {
  readonly mode: Mode
  /** Bytes of the header that were read; the number of the cell. */
  readonly at: number
  readonly hasRow: boolean
  /** Whether the row has a value already. */
  readonly hasValue: boolean
  /** Whether the last byte was a space. */
  readonly isSpace: boolean
}

type Readings = readonly Reading<CsvState>[]

export interface CsvOptions {
  /** JSON before the list of rows and after it; by default the list is all. */
  readonly around?: readonly [before: string, after: string]
  /** Whether there is one row, whose object is the value. */
  readonly isOne?: boolean
}

const NONE: Readings = []
const [NEWLINE, SPACE, QUOTE, COMMA] = [0x0a, 0x20, 0x22, 0x2c]

const isDigit = (byte: number) => byte >= 0x30 && byte <= 0x39
const isLiteralStart = (byte: number) => isDigit(byte) || '-tf'.includes(String.fromCharCode(byte))

/**
 * Rows of flat objects as CSV (RFC 4180) with lines that end in `\n`: a header line of all fields, then a line a row. Texts stand in quotation
 * marks where they must, and may elsewhere. An empty cell is null, or a field that is missing; an empty text is `""`. A cell that can be read as
 * a number, true or false is one where the schema allows it, and text otherwise.
 */
export class CsvSpelling implements Spelling<CsvState> {
  readonly start: CsvState = { mode: 'header', at: 0, hasRow: false, hasValue: false, isSpace: false }
  /** The header line; its bytes, one a character. */
  readonly header: string
  private readonly keys: readonly string[]
  private readonly around: readonly [string, string]
  private readonly isOne: boolean

  /** @param fields names of the columns, at least one */
  constructor(fields: readonly string[], { around = ['', ''], isOne = false }: CsvOptions = {}) {
    this.header = bytesText(fields.map(csvText).join(','))
    this.keys = fields.map((field) => bytesText(`${JSON.stringify(field)}:`))
    this.around = isOne ? ['', ''] : [bytesText(`${around[0]}[`), bytesText(`]${around[1]}`)]
    this.isOne = isOne
  }

  read(state: CsvState, byte: number): Readings {
    const character = String.fromCharCode(byte)
    switch (state.mode) {
      case 'header':
        if (state.at === this.header.length) return byte === NEWLINE ? this.row(state, '') : NONE
        return this.header[state.at] === character ? to({ ...state, at: state.at + 1 }) : NONE
      case 'cell':
        return this.cell(state, byte)
      case 'text':
        if ((byte === COMMA || byte === NEWLINE) && !state.isSpace) return this.ended(state, byte, '"')
        return isText(byte) ? to({ ...state, isSpace: byte === SPACE }, jsonByte(byte)) : NONE
      case 'quoted':
        return byte === QUOTE ? to({ ...state, mode: 'quote' }) : to(state, jsonByte(byte))
      case 'quote':
        return byte === QUOTE ? to({ ...state, mode: 'quoted' }, '\\"') : this.ended(state, byte, '"')
      case 'literal':
        return isLiteralByte(byte) ? to(state, character) : this.ended(state, byte, '')
      case 'ended':
        return this.ended(state, byte, '')
    }
  }

  end(state: CsvState): string | undefined {
    const { mode, at, hasRow, isSpace } = state
    const [before, after] = this.around
    if (mode === 'header') return at === this.header.length && !this.isOne ? `${before}${after}` : undefined
    if (!hasRow || at !== this.keys.length - 1 || mode === 'quoted') return undefined
    if (mode === 'cell') return this.keys.length > 1 ? `}${after}` : undefined
    if (mode === 'text') return isSpace ? undefined : `"}${after}`
    return `${mode === 'quote' ? '"' : ''}}${after}`
  }

  key({ mode, at, hasRow, hasValue, isSpace }: CsvState): string {
    return `${mode} ${at} ${hasRow} ${hasValue} ${isSpace}`
  }

  isFree({ mode }: CsvState): boolean {
    return mode === 'quoted' || mode === 'literal'
  }

  isVerbatim({ mode }: CsvState): boolean {
    return mode === 'quoted'
  }

  private row(state: CsvState, end: string): Readings {
    if (this.isOne && state.hasRow) return NONE
    const before = state.hasRow ? ',' : this.around[0]
    return this.begin({ ...state, mode: 'cell', at: 0, hasRow: true, hasValue: false }, `${end}${before}{`)
  }

  /** A cell, which may be null without a byte. */
  private begin(state: CsvState, json: string): Readings {
    // An empty line may be the file's last line break.
    if (this.keys.length === 1) return to(state, json)
    const isNull: CsvState = { ...state, mode: 'ended', hasValue: true }
    return [...to(isNull, `${json}${this.name(state)}null`), ...to(state, json)]
  }

  private name({ at, hasValue }: CsvState): string {
    return `${hasValue ? ',' : ''}${this.keys[at]}`
  }

  private cell(state: CsvState, byte: number): Readings {
    if (byte === COMMA || byte === NEWLINE) return this.ended(state, byte, '')
    const value = { ...state, hasValue: true, isSpace: false }
    const name = this.name(state)
    if (byte === QUOTE) return to({ ...value, mode: 'quoted' }, `${name}"`)
    const literal = isLiteralStart(byte)
      ? to({ ...value, mode: 'literal' }, name + String.fromCharCode(byte))
      : NONE
    if (!isText(byte) || byte === SPACE) return literal
    return [...literal, ...to({ ...value, mode: 'text' }, `${name}"${jsonByte(byte)}`)]
  }

  private ended(state: CsvState, byte: number, end: string): Readings {
    const isLast = state.at === this.keys.length - 1
    if (byte === NEWLINE && isLast) return this.row(state, `${end}}`)
    if (byte !== COMMA || isLast) return NONE
    return this.begin({ ...state, mode: 'cell', at: state.at + 1, isSpace: false }, end)
  }
}

const to = (state: CsvState, json = ''): Readings => [{ state, json }]

/** A byte of a text without quotation marks. */
function isText(byte: number): boolean {
  return byte >= SPACE && byte !== QUOTE && byte !== COMMA && byte !== 0x7f
}

/** A text as a cell: in quotation marks where it must be. */
export function csvText(text: string): string {
  return text === '' || /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
