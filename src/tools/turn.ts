import { CONTROL } from '../grammar/automaton.js'
import { jsonByte } from '../grammar/spelling/bytes.js'
import type { Reading, Spelling, Word } from '../grammar/spelling/spelling.js'

/** A part of a call as a model writes it. */
export type CallPiece =
  | { readonly kind: 'fixed'; readonly symbols: readonly number[] }
  /** The tool's name; a number of the call, which counts for nothing; the arguments. */
  | { readonly kind: 'name' | 'digits' | 'arguments' }

/** How a family of models writes calls. Texts are symbols: bytes, and `CONTROL` + id for control tokens. */
export interface CallFormat {
  /** Texts with which calls begin, each with the place of the piece that comes next. */
  readonly triggers: readonly { readonly symbols: readonly number[]; readonly next: number }[]
  /** Pieces of one call. */
  readonly call: readonly CallPiece[]
  readonly arguments: Spelling<unknown>
  /** Between calls of one beginning; without it there is one. */
  readonly separator?: readonly number[]
  /** The end of calls. */
  readonly close: readonly number[]
  /** What may stand between an end and a beginning. */
  readonly gap?: readonly number[]
  /** Whether nothing follows the end. */
  readonly isLast?: boolean
  /** Whether calls begin only where the answer begins. */
  readonly isAtStart?: boolean
  /** What stands before text. */
  readonly textOpen?: readonly number[]
}

/** A place in an answer. */
interface TurnState {
  readonly at: 'start' | 'open-text' | 'text' | 'call' | 'separator' | 'close' | 'between' | 'gap' | 'over'
  /** Whether no part was written. */
  readonly isFirst: boolean
  /** Whether a text is open. */
  readonly hasText: boolean
  /** Symbols that may be the beginning of a trigger. */
  readonly pending: readonly number[]
  /** The place of the piece, and how much was read of it. */
  readonly piece: number
  readonly offset: number
  readonly inner: unknown
}

type Readings = readonly Reading<TurnState>[]

const NONE: Readings = []
const isNameByte = (symbol: number) => symbol < 0x80 && /[\w.-]/.test(String.fromCharCode(symbol))
const isDigit = (symbol: number) => symbol >= 0x30 && symbol <= 0x39

/**
 * An answer as the JSON list of its parts: texts, and calls as `{"name", "arguments"}`. Text goes on until a trigger; what might become one is
 * held back until it is known, however tokens cut it.
 */
export class TurnSpelling implements Spelling<TurnState> {
  readonly start: TurnState = {
    at: 'start',
    isFirst: true,
    hasText: false,
    pending: [],
    piece: 0,
    offset: 0,
    inner: undefined,
  }

  constructor(private readonly format: CallFormat) {}

  read(state: TurnState, symbol: number): Readings {
    switch (state.at) {
      case 'start':
        return [
          ...this.text(state, symbol),
          ...this.fixed(state, 'open-text', this.format.textOpen ?? [], symbol),
        ]
      case 'open-text':
        return this.fixed(state, 'open-text', this.format.textOpen!, symbol)
      case 'text':
      case 'between':
        return state.at === 'between' && this.format.gap
          ? [...this.fixed(state, 'gap', this.format.gap, symbol), ...this.text(state, symbol)]
          : this.text(state, symbol)
      case 'gap':
        return state.offset < this.format.gap!.length && state.pending.length === 0
          ? this.fixed(state, 'gap', this.format.gap!, symbol)
          : this.trigger(state, symbol)
      case 'call':
        return this.piece(state, symbol)
      case 'separator':
        return this.fixed(state, 'separator', this.format.separator!, symbol)
      case 'close':
        return this.fixed(state, 'close', this.format.close, symbol)
      case 'over':
        return NONE
    }
  }

  end({ at, isFirst, hasText, pending, piece, inner }: TurnState): string | undefined {
    const { call, close, arguments: spelling } = this.format
    if (at === 'call' && piece === call.length - 1 && inner !== undefined && close.length === 0) {
      const end = spelling.end(inner)
      return end === undefined ? undefined : `${end}}]`
    }
    if (at === 'over') return ']'
    if (at === 'start' || at === 'text' || at === 'between') {
      if (pending.length === 0) return isFirst ? '[]' : hasText ? '"]' : ']'
      const text = textOf(pending)
      return text === undefined ? undefined : `${hasText ? '' : isFirst ? '["' : ',"'}${text}"]`
    }
    return undefined
  }

  key({ at, isFirst, hasText, pending, piece, offset, inner }: TurnState): string {
    const own = at === 'call' && inner !== undefined ? this.format.arguments.key(inner) : ''
    return `${at} ${isFirst} ${hasText} ${pending.join()} ${piece} ${offset} ${own}`
  }

  controls({ at, pending, piece, offset, inner, isFirst }: TurnState): readonly number[] {
    const { triggers, call, separator = [], close, textOpen = [], gap = [] } = this.format
    const next: (number | undefined)[] = []
    if (at === 'start' || at === 'text' || at === 'between' || at === 'gap') {
      for (const { symbols } of triggers)
        if (pending.every((symbol, i) => symbols[i] === symbol)) next.push(symbols[pending.length])
      for (const { symbols } of triggers) next.push(symbols[0])
      if (isFirst) next.push(textOpen[0])
      next.push(gap[at === 'gap' ? offset : 0])
    }
    if (at === 'open-text') next.push(textOpen[offset])
    if (at === 'separator') next.push(separator[offset])
    if (at === 'close') next.push(close[offset])
    if (at === 'call') {
      const own = call[piece]
      if (own.kind === 'fixed') next.push(own.symbols[offset])
      if (own.kind === 'arguments' && inner !== undefined)
        next.push(...(this.format.arguments.controls?.(inner) ?? []).map((id) => id + CONTROL))
      const following = call[piece + 1]
      if (own.kind !== 'fixed' && following?.kind === 'fixed') next.push(following.symbols[0])
      if (piece === call.length - 1) next.push(separator[0], close[0])
    }
    return [...new Set(next.filter((symbol) => symbol !== undefined && symbol >= CONTROL))].map(
      (symbol) => symbol! - CONTROL,
    )
  }

  isFree({ at, inner }: TurnState): boolean {
    if (at === 'call' && inner !== undefined) return this.format.arguments.isFree(inner)
    return at !== 'gap' && at !== 'separator' && at !== 'close' && at !== 'open-text'
  }

  word(state: TurnState): Word<TurnState> | undefined {
    if (state.at !== 'call' || state.inner === undefined) return undefined
    const word = this.format.arguments.word?.(state.inner)
    return word && { after: { ...state, inner: word.after }, form: word.form }
  }

  /** A symbol of text, which may go on to a trigger. */
  private text(state: TurnState, symbol: number): Readings {
    const { format } = this
    const read = [...state.pending, symbol]
    const mayBegin = !format.isAtStart || state.at === 'start'
    for (let held = read.length; held > 0 && mayBegin; held--) {
      const tail = read.slice(read.length - held)
      // At the start alone, all that was read is the trigger's.
      if (format.isAtStart && held < read.length) break
      const trigger = format.triggers.find(({ symbols }) => tail.every((each, i) => symbols[i] === each))
      if (!trigger) continue
      const said = this.said(state, read.slice(0, -held))
      if (!said) return NONE
      if (held < trigger.symbols.length) return [{ state: { ...said.state, pending: tail }, json: said.json }]
      return this.begin(said.state, trigger.next, said.json)
    }
    const said = format.textOpen && state.at === 'start' ? undefined : this.said(state, read)
    return said ? [{ state: { ...said.state, at: 'text', pending: [] }, json: said.json }] : NONE
  }

  /** The state after more text. */
  private said(state: TurnState, symbols: readonly number[]): Reading<TurnState> | undefined {
    if (symbols.length === 0) return { state, json: '' }
    const text = textOf(symbols)
    if (text === undefined || (this.format.isLast && state.at === 'over')) return undefined
    const opening = state.hasText ? '' : state.isFirst ? '["' : ',"'
    return { state: { ...state, at: 'text', isFirst: false, hasText: true }, json: opening + text }
  }

  /** A trigger that has to come. */
  private trigger(state: TurnState, symbol: number): Readings {
    const read = [...state.pending, symbol]
    const trigger = this.format.triggers.find(({ symbols }) => read.every((each, i) => symbols[i] === each))
    if (!trigger) return NONE
    if (read.length < trigger.symbols.length) return [{ state: { ...state, pending: read }, json: '' }]
    return this.begin(state, trigger.next, '')
  }

  private begin(state: TurnState, piece: number, said: string): Readings {
    const before = state.hasText ? '",' : state.isFirst ? '[' : ','
    const begun: TurnState = {
      ...state,
      at: 'call',
      isFirst: false,
      hasText: false,
      pending: [],
      piece,
      offset: 0,
      inner: undefined,
    }
    return [{ state: this.entered(begun), json: `${said}${before}{"name":"` }]
  }

  /** A call's state whose piece has its beginning. */
  private entered(state: TurnState): TurnState {
    const isArguments = this.format.call[state.piece]?.kind === 'arguments'
    return { ...state, offset: 0, inner: isArguments ? this.format.arguments.start : undefined }
  }

  private piece(state: TurnState, symbol: number): Readings {
    const { call } = this.format
    const piece = call[state.piece]
    if (piece.kind === 'fixed') {
      if (piece.symbols[state.offset] !== symbol) return NONE
      const offset = state.offset + 1
      if (offset < piece.symbols.length) return [{ state: { ...state, offset }, json: '' }]
      return this.after(state, '')
    }
    if (piece.kind === 'arguments') {
      const spelling = this.format.arguments
      const inside = spelling
        .read(state.inner, symbol)
        .map(({ state: inner, json }) => ({ state: { ...state, inner }, json }))
      const end = spelling.end(state.inner)
      return end === undefined ? inside : [...inside, ...this.onward(state, `${end}}`, symbol)]
    }
    const isInside = piece.kind === 'name' ? isNameByte(symbol) : isDigit(symbol)
    const inside = isInside
      ? [{ state: { ...state, offset: 1 }, json: piece.kind === 'name' ? String.fromCharCode(symbol) : '' }]
      : NONE
    const mayEnd = state.offset > 0
    return mayEnd
      ? [...inside, ...this.onward(state, piece.kind === 'name' ? '","arguments":' : '', symbol)]
      : inside
  }

  /** The piece after one that has ended, with a symbol of it. */
  private onward(state: TurnState, json: string, symbol: number): Readings {
    return this.after(state, json).flatMap((each) =>
      this.read(each.state, symbol).map((next) => ({ state: next.state, json: each.json + next.json })),
    )
  }

  private after(state: TurnState, json: string): Readings {
    const piece = state.piece + 1
    if (piece < this.format.call.length) return [{ state: this.entered({ ...state, piece }), json }]
    const ended: TurnState = { ...state, piece: 0, offset: 0, inner: undefined }
    const { separator, close } = this.format
    const closed = close.length > 0 ? { ...ended, at: 'close' as const } : this.closed(ended)
    return [
      { state: closed, json },
      ...(separator ? [{ state: { ...ended, at: 'separator' as const }, json }] : []),
    ]
  }

  private closed(state: TurnState): TurnState {
    return { ...state, at: this.format.isLast ? 'over' : 'between', piece: 0, offset: 0 }
  }

  /** A text that comes as it is. */
  private fixed(state: TurnState, at: TurnState['at'], symbols: readonly number[], symbol: number): Readings {
    const offset = state.at === at ? state.offset : 0
    if (symbols[offset] !== symbol) return NONE
    const next: TurnState = { ...state, at, offset: offset + 1, pending: [] }
    if (offset + 1 < symbols.length || at === 'gap') return [{ state: next, json: '' }]
    if (at === 'open-text') return [{ state: { ...next, at: 'text', offset: 0 }, json: '' }]
    if (at === 'close') return [{ state: this.closed(next), json: '' }]
    return [{ state: this.entered({ ...next, at: 'call', piece: 0 }), json: ',{"name":"' }]
  }
}

/** Text in JSON; undefined where a control token is among its symbols. */
function textOf(symbols: readonly number[]): string | undefined {
  if (symbols.some((symbol) => symbol >= CONTROL)) return undefined
  return symbols.map(jsonByte).join('')
}
