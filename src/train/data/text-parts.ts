/** A stretch of a text document, which may be too long to be held at once. */
export interface DocumentPart {
  readonly kind: 'text'
  readonly text: string
  /** Whether the document starts with this part, and whether it ends with it. */
  readonly start: boolean
  readonly end: boolean
}

/** Characters from which on a text is cut. */
const PART = 1 << 16
/** A text without a place for a cut is cut anywhere beyond this. */
const LONGEST = 1 << 20

/**
 * Cuts a text into parts where word-splitting pre-tokenizers (GPT-2's, Llama 3's, Qwen's) cut it whatever stands on
 * either side: before a single space, or after a single newline. So the tokens of the parts are those of the whole.
 * @param separator what stands between documents; undefined where all is one
 * @returns parts of documents that are not blank
 */
export async function* textParts(
  chunks: AsyncIterable<string>,
  separator: string | undefined,
): AsyncGenerator<DocumentPart> {
  let text = ''
  let start = true
  let searched = 0
  const part = (length: number, end: boolean): DocumentPart[] => {
    const cut: DocumentPart = { kind: 'text', text: text.slice(0, length), start, end }
    text = text.slice(length)
    searched = 0
    if (start && end && cut.text.trim() === '') return []
    start = end
    return [cut]
  }
  for await (const chunk of chunks) {
    const from = separator ? Math.max(0, text.length - separator.length + 1) : 0
    text += chunk
    for (let at = find(text, separator, from); separator && at >= 0; at = find(text, separator, 0)) {
      yield* part(at, true)
      text = text.slice(separator.length)
    }
    if (text.length >= PART) {
      const limit = text.length - (separator?.length ?? 1)
      const length = lastCut(text, searched, limit)
      // What was searched without finding a cut has none when more has come, either.
      searched = Math.max(0, limit - 1)
      if (length > 0) yield* part(length, false)
    }
  }
  if (text !== '' || !start) yield* part(text.length, true)
}

function find(text: string, separator: string | undefined, from: number): number {
  return separator === undefined ? -1 : text.indexOf(separator, from)
}

/** The end of the longest part that ends beyond `from` and at most at `limit`; 0 where more text must be awaited. */
function lastCut(text: string, from: number, limit: number): number {
  for (let i = limit - 1; i > from; i--) {
    const isSpace = text[i] === ' '
    if (!isSpace && text[i] !== '\n') continue
    if (!isWhite(text[i - 1]) && !isWhite(text[i + 1])) return isSpace ? i : i + 1
  }
  if (text.length < LONGEST) return 0
  const splitsPair = /[\uD800-\uDBFF]/.test(text[limit - 1])
  return splitsPair ? limit - 1 : limit
}

function isWhite(character: string): boolean {
  return /[\s\x85]/.test(character)
}
