/** What is known of a plain text of YAML so far: whether it may end, and go on. */
export interface Plain {
  /** The last byte if it is a space or a colon, bytes of a character that may be refused, or '' for any other. */
  readonly last: string
  /** The text in lower case, as long as it may become a word that is read as another type; otherwise ''. */
  readonly word: string
}

/** Words that YAML 1.1 or 1.2 reads as another type, in any case. */
const WORDS = ['true', 'false', 'null', 'yes', 'no', 'on', 'off', 'y', 'n']

/** Characters that are not printed or end a line in YAML 1.1 or 1.2: U+2028, U+2029, U+FEFF, U+FFFE, U+FFFF; C1 controls beside them. */
const REFUSED = ['\xe2\x80\xa8', '\xe2\x80\xa9', '\xef\xbb\xbf', '\xef\xbf\xbe', '\xef\xbf\xbf']
const C1_LEAD = '\xc2'

/** Whether a plain text may begin with a byte: a letter, so that it is no number, date or indicator. */
export function isPlainStart(byte: number): boolean {
  return (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a)
}

export function plainStart(byte: number): Plain {
  return { last: '', word: wordOf(String.fromCharCode(byte)) }
}

/** The text with another byte; undefined where it is not plain. */
export function plainNext({ last, word }: Plain, byte: number): Plain | undefined {
  const isComment = last === ' ' && byte === 0x23
  const isKey = last === ':' && byte === 0x20
  if (byte < 0x20 || byte === 0x7f || isComment || isKey) return undefined
  const character = String.fromCharCode(byte)
  if (byte < 0x80) {
    const isOpen = character === ' ' || character === ':'
    return { last: isOpen ? character : '', word: word && wordOf(word + character) }
  }
  const bytes = (last > ':' ? last : '') + character
  if (REFUSED.includes(bytes) || (bytes.length === 2 && bytes[0] === C1_LEAD && byte < 0xa0)) return undefined
  const isOpen = bytes === C1_LEAD || REFUSED.some((each) => each.startsWith(bytes))
  return { last: isOpen ? bytes : '', word: '' }
}

/** Whether a plain text may end. */
export function plainEnds({ last, word }: Plain): boolean {
  return last === '' && !WORDS.includes(word)
}

/** Whether a text may be a plain key. */
export function isPlain(text: string): boolean {
  const [first, ...others] = Buffer.from(text)
  if (first === undefined || !isPlainStart(first) || text.includes(':')) return false
  let plain: Plain | undefined = plainStart(first)
  for (const byte of others) plain = plain && plainNext(plain, byte)
  return plain !== undefined && plainEnds(plain)
}

function wordOf(text: string): string {
  const lower = text.toLowerCase()
  return WORDS.some((word) => word.startsWith(lower)) ? lower : ''
}
