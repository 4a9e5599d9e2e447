import { characters } from './text.js'
import { SPACE } from './whitespace.js'

/** Python's changes of case and its questions about characters. */

const DIGRAPHS = 'ǄǅǆǇǈǉǊǋǌǱǲǳ'

/** The title case of a character: its upper case but for digraphs, for Georgian, and where the upper case is several. */
function titled(character: string): string {
  const digraph = DIGRAPHS.indexOf(character)
  if (digraph >= 0) return DIGRAPHS[3 * Math.floor(digraph / 3) + 1]
  if (/[\u10d0-\u10ff]/.test(character)) return character
  const [first, ...rest] = character.toUpperCase()
  return first + rest.join('').toLowerCase()
}

const isCased = (character: string) => /\p{Cased}/u.test(character)

export function capitalize(text: string): string {
  const [first, ...rest] = characters(text)
  return first === undefined ? '' : titled(first) + rest.join('').toLowerCase()
}

/** `str.title`: each first of a row of letters with case in title case. */
export function title(text: string): string {
  let wasCased = false
  return characters(text)
    .map((character) => {
      const changed = wasCased ? character.toLowerCase() : titled(character)
      wasCased = isCased(character)
      return changed
    })
    .join('')
}

const all = (pattern: RegExp) => (text: string) => text !== '' && pattern.test(text)

/** Questions about a text (`text.isdigit()`), which no empty text answers with yes but `isascii` and `isprintable`. */
export const QUESTIONS: Readonly<Record<string, (text: string) => boolean>> = {
  isalpha: all(/^\p{L}+$/u),
  isalnum: all(/^[\p{L}\p{N}]+$/u),
  isdecimal: all(/^\p{Nd}+$/u),
  isdigit: all(
    /^[\p{Nd}\u00b2\u00b3\u00b9\u1369-\u1371\u19da\u2070\u2074-\u2079\u2080-\u2089\u2460-\u2468\u2474-\u247c\u2488-\u2490\u24ea\u24f5-\u24fd\u24ff\u2776-\u277e\u2780-\u2788\u278a-\u2792]+$/u,
  ),
  isnumeric: all(
    /^[\p{N}\u4e00\u4e03\u4e09\u4e5d\u4e8c\u4e94\u516b\u516d\u56db\u5341\u767e\u5343\u842c\u4e07\u5104\u4ebf\u96f6\u3007]+$/u,
  ),
  isspace: all(new RegExp(`^${SPACE}+$`)),
  isascii: (text) => /^[\0-\x7f]*$/.test(text),
  isidentifier: all(/^[\p{XID_Start}_]\p{XID_Continue}*$/u),
  isprintable: (text) => !/[\p{C}\p{Zl}\p{Zp}\p{Zs}]/u.test(text.replaceAll(' ', '')),
  islower: (text) => /\p{Lowercase}/u.test(text) && !/[\p{Uppercase}\p{Lt}]/u.test(text),
  isupper: (text) => /\p{Uppercase}/u.test(text) && !/[\p{Lowercase}\p{Lt}]/u.test(text),
}
