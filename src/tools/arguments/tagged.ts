import { isKeyByte, isLiteralByte, isLiteralStart, jsonByte } from '../../grammar/spelling/bytes.js'
import { bytesText, type Reading, type Spelling } from '../../grammar/spelling/spelling.js'
import { jsonArguments } from './json.js'

interface TaggedState {
  readonly at: 'open' | 'key' | 'middle' | 'value' | 'text' | 'literal' | 'json' | 'close'
  /** What was read of a mark; of a text, what may be the beginning of its end. */
  readonly read: string
  readonly isFirst: boolean
  /** Of a JSON value: its state, in which the object around it is a bracket more. */
  readonly inner?: unknown
}

type Readings = readonly Reading<TaggedState>[]

/** Marks around the key and value of each argument. */
export interface TaggedMarks {
  readonly open: string
  readonly middle: string
  readonly close: string
}

const NONE: Readings = []

/**
 * Arguments between marks, as Qwen-Coder and GLM write them: a text stands as it is up to the mark of its end, numbers, true, false and null as
 * in JSON, lists and objects as JSON. What can be read as a number, true or false is one where the schema allows it, and text otherwise.
 */
export class TaggedArguments implements Spelling<TaggedState> {
  readonly start: TaggedState = { at: 'open', read: '', isFirst: true }
  private readonly marks: TaggedMarks

  constructor({ open, middle, close }: TaggedMarks) {
    this.marks = { open: bytesText(open), middle: bytesText(middle), close: bytesText(close) }
  }

  read(state: TaggedState, symbol: number): Readings {
    if (symbol > 255) return NONE
    const character = String.fromCharCode(symbol)
    const { marks } = this
    switch (state.at) {
      case 'open':
        return this.mark(state, marks.open, character, { at: 'key' }, '')
      case 'key': {
        const opening = state.isFirst ? '{"' : ',"'
        if (isKeyByte(symbol))
          return [{ state: { ...state, read: 'k' }, json: (state.read === '' ? opening : '') + character }]
        return state.read === 'k'
          ? this.mark({ ...state, at: 'middle', read: '' }, marks.middle, character, { at: 'value' }, '":')
          : NONE
      }
      case 'middle':
        return this.mark(state, marks.middle, character, { at: 'value' }, '')
      case 'value':
        return this.value(state, symbol)
      case 'text':
        return this.text(state, character)
      case 'literal':
        if (isLiteralByte(symbol)) return [{ state, json: character }]
        return this.mark(
          { ...state, at: 'close', read: '' },
          marks.close,
          character,
          { at: 'open', isFirst: false },
          '',
        )
      case 'json': {
        const inside = jsonArguments
          .read(state.inner as never, symbol)
          .map(({ state: inner, json }) => ({ state: { ...state, inner }, json }))
        const isDone = jsonArguments.end(state.inner as never) !== undefined
        return isDone
          ? this.mark(
              { at: 'close', read: '', isFirst: false },
              marks.close,
              character,
              { at: 'open', isFirst: false },
              '',
            )
          : inside
      }
      case 'close':
        return this.mark(state, marks.close, character, { at: 'open', isFirst: false }, '')
    }
  }

  end({ at, read, isFirst }: TaggedState): string | undefined {
    return at === 'open' && read === '' ? (isFirst ? '{}' : '}') : undefined
  }

  key({ at, read, isFirst, inner }: TaggedState): string {
    return `${at} ${read} ${isFirst} ${inner === undefined ? '' : jsonArguments.key(inner as never)}`
  }

  isFree({ at }: TaggedState): boolean {
    return at === 'literal'
  }

  /** A mark that comes as it is. @param json of its first byte */
  private mark(
    state: TaggedState,
    whole: string,
    character: string,
    then: Partial<TaggedState>,
    json: string,
  ): Readings {
    if (whole[state.read.length] !== character) return NONE
    const read = state.read + character
    const next =
      read.length < whole.length ? { ...state, read } : { ...state, read: '', inner: undefined, ...then }
    return [{ state: next, json }]
  }

  private value(state: TaggedState, symbol: number): Readings {
    const character = String.fromCharCode(symbol)
    const text = this.text({ ...state, at: 'text', read: '' }, character).map((each) => ({
      ...each,
      json: `"${each.json}`,
    }))
    if (isLiteralStart(symbol)) return [{ state: { ...state, at: 'literal' }, json: character }, ...text]
    if (character !== '{' && character !== '[') return text
    const inner = { ...(jsonArguments.start as object), open: character, mayRest: false }
    return [{ state: { ...state, at: 'json', inner }, json: character }, ...text]
  }

  /** A byte of a text, whose end may have begun. */
  private text(state: TaggedState, character: string): Readings {
    const { close } = this.marks
    const read = state.read + character
    for (let held = read.length; held > 0; held--) {
      const tail = read.slice(-held)
      if (!close.startsWith(tail)) continue
      const json = jsonBytes(read.slice(0, -held))
      if (held < close.length) return [{ state: { ...state, read: tail }, json }]
      return [{ state: { at: 'open', read: '', isFirst: false }, json: `${json}"` }]
    }
    return [{ state: { ...state, read: '' }, json: jsonBytes(read) }]
  }
}

function jsonBytes(bytes: string): string {
  return Array.from(bytes, (each) => jsonByte(each.charCodeAt(0))).join('')
}
