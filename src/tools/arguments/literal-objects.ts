import { CONTROL } from '../../grammar/automaton.js'
import { isKeyByte, isLiteralByte, isLiteralStart, jsonByte } from '../../grammar/spelling/bytes.js'
import type { Reading, Spelling } from '../../grammar/spelling/spelling.js'

/** How objects are written that are not quite JSON. */
export interface ObjectStyle {
  /** Whether keys of the outermost object are `key=`, without brackets around it, as in a call of Python's. */
  readonly isCall: boolean
  /** Quotation marks of texts and, in inner objects of a call, of keys: bytes, or the symbols of a mark. */
  readonly quotes: readonly (readonly number[])[]
  /** Words for true, false and null. */
  readonly words: readonly (readonly [word: string, json: string])[]
  /** Whether texts have escapes, and a space comes after commas and colons. */
  readonly hasEscapes: boolean
  readonly hasSpaces: boolean
}

interface ObjectState {
  readonly at:
    | 'mark'
    | 'start'
    | 'value'
    | 'key'
    | 'key-text'
    | 'colon'
    | 'text'
    | 'literal'
    | 'word'
    | 'after'
    | 'done'
  /** Brackets that are open. */
  readonly open: string
  /** The place of the quotation mark; how much of a mark or word was read. */
  readonly quote: number
  readonly read: string
  readonly mayRest: boolean
}

type Readings = readonly Reading<ObjectState>[]

const NONE: Readings = []
const SPACE = 0x20
const BACKSLASH = 0x5c
const ESCAPES: Readonly<Record<string, string>> = {
  n: '\\n',
  t: '\\t',
  r: '\\r',
  '\\': '\\\\',
  "'": "'",
  '"': '\\"',
}

/** Arguments as Python calls have them, or as Gemma's objects with bare keys: another spelling of a JSON object. */
export class LiteralObjects implements Spelling<ObjectState> {
  readonly start: ObjectState

  constructor(private readonly style: ObjectStyle) {
    const open = style.isCall ? '{' : ''
    this.start = { at: style.isCall ? 'key' : 'start', open, quote: 0, read: '', mayRest: false }
  }

  read(state: ObjectState, symbol: number): Readings {
    const { at } = state
    const isSpace = symbol === SPACE && state.mayRest && state.read === ''
    if (isSpace && (at === 'key' || at === 'value'))
      return [{ state: { ...state, mayRest: false }, json: '' }]
    switch (at) {
      case 'start':
        return symbol === 0x7b ? [{ state: { ...state, at: 'key', open: '{' }, json: '{' }] : NONE
      case 'key':
        return this.keyByte(state, symbol)
      case 'key-text':
      case 'text':
        return this.text(state, symbol)
      case 'mark':
        return this.mark(state, symbol)
      case 'colon':
        return symbol === 0x3a ? this.valueNext(state, '":') : NONE
      case 'value':
        return this.value(state, symbol)
      case 'literal':
        return symbol < CONTROL && isLiteralByte(symbol)
          ? [{ state, json: String.fromCharCode(symbol) }]
          : this.after({ ...state, at: 'after' }, symbol)
      case 'word':
        return this.wordByte(state, symbol)
      case 'after':
        return this.after(state, symbol)
      case 'done':
        return NONE
    }
  }

  end({ at, open, read }: ObjectState): string | undefined {
    if (at === 'done') return ''
    if (!this.style.isCall || open !== '{') return undefined
    const word = at === 'word' ? this.style.words.find(([each]) => each === read) : undefined
    if (word) return `${word[1]}}`
    if (at === 'key' && read === '') return '{}'
    return at === 'literal' || at === 'after' ? '}' : undefined
  }

  key({ at, open, quote, read, mayRest }: ObjectState): string {
    return `${at} ${open} ${quote} ${read} ${mayRest}`
  }

  controls({ at, quote, read }: ObjectState): readonly number[] {
    const { quotes } = this.style
    const firsts =
      at === 'value' ? quotes.map((each) => each[0]) : at === 'text' ? [quotes[quote][read.length]] : []
    return firsts.filter((symbol) => symbol >= CONTROL).map((symbol) => symbol - CONTROL)
  }

  isFree({ at }: ObjectState): boolean {
    return at === 'literal'
  }

  /** JSON before a key, whose object may have no bracket of its own. */
  private opening({ open, read }: ObjectState, isFirstKey: boolean): string {
    if (read !== '') return ''
    return `${this.style.isCall && open === '{' && isFirstKey ? '{' : ''}"`
  }

  private keyByte(state: ObjectState, symbol: number): Readings {
    const { isCall, quotes } = this.style
    const isTop = state.open === '{'
    const isEmpty = state.read === ''
    if (!isTop && symbol === 0x7d && isEmpty && state.quote === 0) return this.closed(state, '}')
    if (isTop && !isCall && symbol === 0x7d && isEmpty && state.quote === 0) return this.closed(state, '}')
    if (isCall && !isTop) {
      const quote = quotes.findIndex((each) => each[0] === symbol)
      return quote >= 0 && isEmpty
        ? [{ state: { ...state, at: 'key-text', quote, read: '' }, json: '"' }]
        : NONE
    }
    if (symbol > 255) return NONE
    const character = String.fromCharCode(symbol)
    if (isKeyByte(symbol))
      return [
        {
          state: { ...state, read: 'k', mayRest: false },
          json: this.opening(state, state.quote === 0) + character,
        },
      ]
    const ender = isCall ? '=' : ':'
    return character === ender && !isEmpty ? this.valueNext({ ...state, read: '' }, '":') : NONE
  }

  private valueNext(state: ObjectState, json: string): Readings {
    const mayRest = this.style.hasSpaces && !(this.style.isCall && state.open === '{')
    return [{ state: { ...state, at: 'value', read: '', quote: 0, mayRest }, json }]
  }

  private value(state: ObjectState, symbol: number): Readings {
    const { quotes, words } = this.style
    if (symbol === 0x5d && state.open.endsWith('[') && state.quote === 1) return this.closed(state, ']')
    const next = { ...state, quote: 0, mayRest: false }
    const quote = quotes.findIndex((each) => each[0] === symbol)
    if (quote >= 0) {
      const isWhole = quotes[quote].length === 1
      const read = isWhole ? '' : String.fromCharCode(symbol)
      return [{ state: { ...next, at: isWhole ? 'text' : 'mark', quote, read }, json: isWhole ? '"' : '' }]
    }
    if (symbol > 255) return NONE
    const character = String.fromCharCode(symbol)
    if (character === '[') return [{ state: { ...next, open: `${state.open}[`, quote: 1 }, json: '[' }]
    if (character === '{')
      return [{ state: { ...next, at: 'key', open: `${state.open}{`, read: '' }, json: '{' }]
    if (words.some(([word]) => word.startsWith(character)))
      return [{ state: { ...next, at: 'word', read: character }, json: '' }]
    return isLiteralStart(symbol) ? [{ state: { ...next, at: 'literal' }, json: character }] : NONE
  }

  private wordByte(state: ObjectState, symbol: number): Readings {
    const { words } = this.style
    const whole = words.find(([word]) => word === state.read)
    if (whole)
      return this.after({ ...state, at: 'after', read: '' }, symbol).map((each) => ({
        ...each,
        json: whole[1] + each.json,
      }))
    const read = state.read + String.fromCharCode(symbol)
    return words.some(([word]) => word.startsWith(read)) ? [{ state: { ...state, read }, json: '' }] : NONE
  }

  private text(state: ObjectState, symbol: number): Readings {
    const { quotes, hasEscapes } = this.style
    const mark = quotes[state.quote]
    const isKey = state.at === 'key-text'
    if (state.read === '\\') {
      const json = symbol < 256 ? ESCAPES[String.fromCharCode(symbol)] : undefined
      return json === undefined ? NONE : [{ state: { ...state, read: '' }, json }]
    }
    if (mark.length === 1 && symbol === mark[0]) {
      const ended: ObjectState = { ...state, at: isKey ? 'colon' : 'after', read: '', quote: 0 }
      return [{ state: ended, json: isKey ? '' : '"' }]
    }
    if (mark.length > 1) return this.marked(state, symbol, mark)
    if (hasEscapes && symbol === BACKSLASH) return [{ state: { ...state, read: '\\' }, json: '' }]
    if (symbol > 255 || (hasEscapes && symbol < SPACE)) return NONE
    return [{ state, json: jsonByte(symbol) }]
  }

  /** The rest of a mark of several bytes, which opens a text. */
  private mark(state: ObjectState, symbol: number): Readings {
    const mark = this.style.quotes[state.quote]
    if (mark[state.read.length] !== symbol) return NONE
    const read = state.read + String.fromCharCode(symbol)
    if (read.length < mark.length) return [{ state: { ...state, read }, json: '' }]
    return [{ state: { ...state, at: 'text', read: '' }, json: '"' }]
  }

  /** A byte of a text that ends with a mark of several bytes. */
  private marked(state: ObjectState, symbol: number, mark: readonly number[]): Readings {
    if (symbol > 255) return NONE
    const whole = String.fromCharCode(...mark)
    const read = state.read + String.fromCharCode(symbol)
    for (let held = read.length; held > 0; held--) {
      const tail = read.slice(-held)
      if (!whole.startsWith(tail)) continue
      const json = Array.from(read.slice(0, -held), (each) => jsonByte(each.charCodeAt(0))).join('')
      if (held < whole.length) return [{ state: { ...state, read: tail }, json }]
      return [{ state: { ...state, at: 'after', read: '', quote: 0 }, json: `${json}"` }]
    }
    return [
      {
        state: { ...state, read: '' },
        json: Array.from(read, (each) => jsonByte(each.charCodeAt(0))).join(''),
      },
    ]
  }

  private after(state: ObjectState, symbol: number): Readings {
    const { hasSpaces } = this.style
    const inner = state.open.at(-1)
    if (symbol === 0x2c) {
      const at = inner === '[' ? 'value' : 'key'
      // A key after the first one.
      const next: ObjectState = { ...state, at, read: '', quote: at === 'key' ? 1 : 0, mayRest: hasSpaces }
      return [{ state: next, json: ',' }]
    }
    if (symbol === 0x5d && inner === '[') return this.closed(state, ']')
    const isBracket = symbol === 0x7d && inner === '{' && !(this.style.isCall && state.open === '{')
    return isBracket ? this.closed(state, '}') : NONE
  }

  private closed(state: ObjectState, json: string): Readings {
    const open = state.open.slice(0, -1)
    return [{ state: { ...state, at: open === '' ? 'done' : 'after', open, read: '', quote: 0 }, json }]
  }
}
