import { isLiteralByte, isLiteralStart } from './bytes.js'
import { isPlain, isPlainStart, type Plain, plainEnds, plainNext, plainStart } from './plain.js'
import type { Reading, Spelling, Word, WordForm } from './spelling.js'

/** What comes next, or is open. */
type Mode =
  /** A value, of one line only, or any: one that may open a mapping or list in this line. */
  | 'inline'
  | 'value'
  /** Spaces of a line's beginning, before a key or a dash. */
  | 'key-indent'
  | 'item-indent'
  /** The space after a dash, the colon after a key in quotation marks, and what comes after a colon. */
  | 'dash'
  | 'colon'
  | 'after-colon'
  | 'plain'
  | 'plain-key'
  | 'quoted'
  | 'quoted-key'
  /** A number, true, false or null. */
  | 'literal'
  /** The bracket that closes an empty list or mapping. */
  | 'close-list'
  | 'close-mapping'
  /** The value is complete. */
  | 'done'

interface YamlState {
  readonly mode: Mode
  /** Containers that are open, the outermost first: `m` for a mapping and `l` for a list. Each is indented by two spaces more. */
  readonly open: string
  /** Spaces that are missing; bytes of a key in quotation marks. */
  readonly count: number
  /** Whether the next byte belongs to an escape. */
  readonly isEscape: boolean
  readonly plain?: Plain
  /** What was read of a plain key. */
  readonly name?: string
}

/** Modes in which not all JSON can follow: a list that has begun has an item, for example. */
const BOUND: readonly Mode[] = [
  'plain',
  'plain-key',
  'close-list',
  'close-mapping',
  'item-indent',
  'dash',
  'value',
  'inline',
]

type Readings = readonly Reading<YamlState>[]

const INDENT = 2
/** Levels; as many readings of a line's beginning there are. */
const DEEPEST = 100
/** Bytes of a key. YAML's keys have up to 1,024 characters. */
const LONGEST_KEY = 1_000

const NONE: Readings = []
const [NEWLINE, SPACE, QUOTE, DASH, COLON, BACKSLASH] = [0x0a, 0x20, 0x22, 0x2d, 0x3a, 0x5c]
const [OPEN_LIST, CLOSE_LIST, OPEN_MAPPING, CLOSE_MAPPING] = [0x5b, 0x5d, 0x7b, 0x7d]

/**
 * JSON in YAML's block style, of which versions 1.1 and 1.2 read the same: a line for each member and item, two spaces a level, lists indented
 * in mappings, `- ` before an item, which may begin a mapping or list in that line. Texts are plain where they begin with a letter and cannot
 * be read as anything else, or stand in double quotation marks with JSON's escapes. Anchors, tags, comments and block scalars do not occur.
 */
export class YamlSpelling implements Spelling<YamlState> {
  readonly start = stateOf('value', '')
  /** Names that may be plain keys. */
  private readonly names: readonly string[]

  /** @param names of fields in the schema: other keys stand in quotation marks */
  constructor(names: Iterable<string>) {
    this.names = [...new Set(names)].filter((name) => isPlain(name) && name.length <= LONGEST_KEY)
  }

  read(state: YamlState, byte: number): Readings {
    return this.follow(state, byte).filter((each) => each.state.open.length <= DEEPEST)
  }

  end({ mode, open, plain }: YamlState): string | undefined {
    if (mode === 'done' || mode === 'literal') return closing(open)
    return mode === 'plain' && plainEnds(plain!) ? `"${closing(open)}` : undefined
  }

  key({ mode, open, count, isEscape, plain, name = '' }: YamlState): string {
    return `${mode} ${open} ${count} ${isEscape} ${plain?.last ?? ''} ${plain?.word ?? ''} ${name}`
  }

  isFree({ mode, open, count }: YamlState): boolean {
    if (open.length > DEEPEST - INDENT || count > LONGEST_KEY / 2) return false
    return !BOUND.includes(mode)
  }

  word({ mode, open, isEscape, count, plain }: YamlState): Word<YamlState> | undefined {
    if (mode === 'plain') return { after: stateOf('done', open), form: plainForm(plain!) }
    if (isEscape || count > LONGEST_KEY / 2) return undefined
    if (mode === 'quoted') return { after: stateOf('done', open) }
    return mode === 'quoted-key' ? { after: stateOf('colon', open) } : undefined
  }

  private follow(state: YamlState, byte: number): Readings {
    const { mode, open } = state
    const character = String.fromCharCode(byte)
    switch (mode) {
      case 'inline':
        return scalar(open, byte)
      case 'value':
        return [
          ...scalar(open, byte),
          ...this.startKey(`${open}m`, byte).map(({ state, json }) => ({ state, json: `{"${json}` })),
          ...(byte === DASH ? to(stateOf('dash', `${open}l`), '[') : NONE),
        ]
      case 'key-indent':
        return state.count > 0 ? space(state, byte) : this.startKey(open, byte)
      case 'item-indent':
        if (state.count > 0) return space(state, byte)
        return byte === DASH ? to(stateOf('dash', open)) : NONE
      case 'dash':
        return byte === SPACE ? to(stateOf('value', open)) : NONE
      case 'colon':
        return byte === COLON ? to(stateOf('after-colon', open), ':') : NONE
      case 'after-colon':
        if (byte === SPACE) return to(stateOf('inline', open))
        return byte === NEWLINE ? [...to(line(`${open}m`), '{"'), ...to(line(`${open}l`), '[')] : NONE
      case 'plain':
        return plain(state, byte)
      case 'plain-key':
        return this.plainKey(state, byte)
      case 'quoted':
        return quoted(state, byte, stateOf('done', open))
      case 'quoted-key':
        if (state.count >= LONGEST_KEY && byte !== QUOTE) return NONE
        return quoted({ ...state, count: state.count + 1 }, byte, stateOf('colon', open))
      case 'literal':
        if (byte === NEWLINE) return newline(open, '')
        return isLiteralByte(byte) ? to(state, character) : NONE
      case 'close-list':
        return byte === CLOSE_LIST ? to(stateOf('done', open), ']') : NONE
      case 'close-mapping':
        return byte === CLOSE_MAPPING ? to(stateOf('done', open), '}') : NONE
      case 'done':
        return byte === NEWLINE ? newline(open, '') : NONE
    }
  }

  /** A key, whose opening quotation mark the JSON has already. */
  private startKey(open: string, byte: number): Readings {
    return byte === QUOTE ? to(stateOf('quoted-key', open)) : this.plainKey(stateOf('plain-key', open), byte)
  }

  private plainKey(state: YamlState, byte: number): Readings {
    const { open, name = '' } = state
    if (byte === COLON && this.names.includes(name)) return to(stateOf('after-colon', open), '":')
    const longer = name + String.fromCharCode(byte)
    if (!this.names.some((each) => each.startsWith(longer))) return NONE
    return to({ ...state, name: longer }, escaped(byte))
  }
}

function stateOf(mode: Mode, open: string, more: Partial<YamlState> = {}): YamlState {
  return { mode, open, count: 0, isEscape: false, ...more }
}

const to = (state: YamlState, json = ''): Readings => [{ state, json }]

/** Brackets that close containers, of which the innermost is the last. */
function closing(open: string): string {
  let text = ''
  for (let i = open.length - 1; i >= 0; i--) text += open[i] === 'm' ? '}' : ']'
  return text
}

/** A value that begins and ends in one line. */
function scalar(open: string, byte: number): Readings {
  const character = String.fromCharCode(byte)
  if (byte === QUOTE) return to(stateOf('quoted', open), '"')
  if (byte === OPEN_LIST) return to(stateOf('close-list', open), '[')
  if (byte === OPEN_MAPPING) return to(stateOf('close-mapping', open), '{')
  const literal = isLiteralStart(byte) ? to(stateOf('literal', open), character) : NONE
  if (!isPlainStart(byte)) return literal
  return [...literal, ...to(stateOf('plain', open, { plain: plainStart(byte) }), `"${character}`)]
}

function plain(state: YamlState, byte: number): Readings {
  if (byte === NEWLINE) return plainEnds(state.plain!) ? newline(state.open, '"') : NONE
  const longer = plainNext(state.plain!, byte)
  return longer ? to({ ...state, plain: longer }, escaped(byte)) : NONE
}

function plainForm(plain: Plain): WordForm {
  return {
    key: `plain ${plain.last} ${plain.word}`,
    mayEnd: plainEnds(plain),
    ender: NEWLINE,
    read(byte) {
      const longer = plainNext(plain, byte)
      return longer && { form: plainForm(longer), json: escaped(byte) }
    },
  }
}

/** A text in quotation marks, spelled as in JSON. */
function quoted(state: YamlState, byte: number, after: YamlState): Readings {
  if (byte === QUOTE && !state.isEscape) return to(after, '"')
  return to({ ...state, isEscape: byte === BACKSLASH && !state.isEscape }, String.fromCharCode(byte))
}

/** The line that goes on with one of the containers, after those within it have ended. @param end of the value before it */
function newline(open: string, end: string): Readings {
  return Array.from(open, (kind, i) => ({
    state: line(open.slice(0, i + 1)),
    json: `${end}${closing(open.slice(i + 1))},${kind === 'm' ? '"' : ''}`,
  })).reverse()
}

/** The beginning of a line of the innermost container. */
function line(open: string): YamlState {
  const count = INDENT * (open.length - 1)
  return stateOf(open.endsWith('m') ? 'key-indent' : 'item-indent', open, { count })
}

function space(state: YamlState, byte: number): Readings {
  return byte === SPACE ? to({ ...state, count: state.count - 1 }) : NONE
}

const escaped = (byte: number) =>
  (byte === QUOTE || byte === BACKSLASH ? '\\' : '') + String.fromCharCode(byte)
