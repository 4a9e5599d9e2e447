import type { Reading, Spelling, Word } from '../../grammar/spelling/spelling.js'

interface JsonState {
  /** Brackets that are open, the outermost first; '' before the object and after it. */
  readonly open: string
  readonly isDone: boolean
  /** Within a string, and whether its next byte belongs to an escape. */
  readonly isString: boolean
  readonly isEscape: boolean
  /** Whether a space may come: after a comma or a colon. */
  readonly mayRest: boolean
}

const [QUOTE, BACKSLASH, SPACE] = [0x22, 0x5c, 0x20]

/** A JSON object as it is, with at most one space after commas and colons, as Python's `json.dumps` and templates' `tojson` write it. */
export const jsonArguments: Spelling<JsonState> = {
  start: { open: '', isDone: false, isString: false, isEscape: false, mayRest: false },

  read(state, symbol): readonly Reading<JsonState>[] {
    if (state.isDone || symbol > 255) return []
    const character = String.fromCharCode(symbol)
    const { open, isString, isEscape } = state
    if (isString) {
      const ends = symbol === QUOTE && !isEscape
      return [
        {
          state: { ...state, isString: !ends, isEscape: symbol === BACKSLASH && !isEscape },
          json: character,
        },
      ]
    }
    if (symbol === SPACE) return state.mayRest ? [{ state: { ...state, mayRest: false }, json: '' }] : []
    if (symbol < SPACE) return []
    const next = { ...state, mayRest: character === ',' || character === ':' }
    if (symbol === QUOTE) return open === '' ? [] : [{ state: { ...next, isString: true }, json: character }]
    if (character === '{' || character === '[') {
      const isAllowed = open !== '' || character === '{'
      return isAllowed ? [{ state: { ...next, open: open + character }, json: character }] : []
    }
    if (open === '') return []
    if (character === '}' || character === ']') {
      const rest = open.slice(0, -1)
      return [{ state: { ...next, open: rest, isDone: rest === '' }, json: character }]
    }
    return [{ state: next, json: character }]
  },

  end: ({ isDone }) => (isDone ? '' : undefined),

  key: ({ open, isDone, isString, isEscape, mayRest }) =>
    `${open} ${isDone} ${isString} ${isEscape} ${mayRest}`,

  isFree: () => true,

  word(state): Word<JsonState> | undefined {
    return state.isString && !state.isEscape ? { after: { ...state, isString: false } } : undefined
  },
}
