/** A part of a document. */
export interface Chunk {
  readonly text: string
  /** Its first character's place in the document, in UTF-16 units. */
  readonly start: number
}

export interface ChunkOptions {
  /** Tokens of a chunk at most. */
  readonly most: number
  /** Tokens that a chunk repeats of the one before, at most. */
  readonly overlap: number
  /** Tokens of a text. */
  count(text: string): number
}

/** A stretch of a text that is not cut. */
interface Stretch {
  readonly start: number
  readonly end: number
  readonly tokens: number
}

/**
 * Cuts a document at the ends of sentences, so that each chunk has as many as fit, and begins with the last ones of the chunk before.
 * A sentence that does not fit is cut between words, and a word between characters.
 */
export function chunksOf(text: string, options: ChunkOptions): readonly Chunk[] {
  const stretches = stretchesOf(text, 0, 'sentence', options)
  const chunks: Chunk[] = []
  for (let first = 0; first < stretches.length; ) {
    let tokens = 0
    let last = first
    while (last < stretches.length && (last === first || tokens + stretches[last].tokens <= options.most))
      tokens += stretches[last++].tokens
    const { start } = stretches[first]
    chunks.push({ text: text.slice(start, stretches[last - 1].end), start })
    if (last === stretches.length) break
    let next = last
    for (let repeated = 0; next - 1 > first; next--) {
      repeated += stretches[next - 1].tokens
      if (repeated > options.overlap) break
    }
    first = next
  }
  return chunks
}

const FINER = { sentence: 'word', word: 'grapheme', grapheme: undefined } as const

function stretchesOf(
  text: string,
  start: number,
  granularity: keyof typeof FINER,
  options: ChunkOptions,
): readonly Stretch[] {
  const finer = FINER[granularity]
  return segmentsOf(text, granularity).flatMap(({ segment, index }) => {
    const tokens = options.count(segment)
    const at = start + index
    if (tokens > options.most && finer) return stretchesOf(segment, at, finer, options)
    return [{ start: at, end: at + segment.length, tokens }]
  })
}

/** UTF-16 units that are segmented at once, and those at their end in which a segment may depend on what follows. */
const [WINDOW, MARGIN] = [2_000, 100]

/** Segments of a text, window by window: V8 copies the whole input for each segment, which for a book is more than memory holds. */
function segmentsOf(text: string, granularity: keyof typeof FINER): { segment: string; index: number }[] {
  const segmenter = new Intl.Segmenter('und', { granularity })
  const found: { segment: string; index: number }[] = []
  for (let start = 0, size = WINDOW; start < text.length; ) {
    const end = start + size
    const settled = end >= text.length ? text.length : end - MARGIN
    let next = start
    for (const { segment } of segmenter.segment(text.slice(start, end))) {
      if (next + segment.length > settled) break
      found.push({ segment, index: next })
      next += segment.length
    }
    size = next === start ? size * 2 : WINDOW
    start = next
  }
  return found
}
