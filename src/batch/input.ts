import { fileChunks, type Line, lines } from './lines.js'
import { type BadRow, keyOf, parseRow, type Row } from './row.js'

/** A part of an input: of `count` that are split row by row the one with the number `index`, from 1. */
export interface Shard {
  readonly index: number
  readonly count: number
}

/** Bytes of a line: no context holds more, and what is passed through is held while its row is served. */
const MOST_LINE = 64 * 2 ** 20

export const WHOLE: Shard = { index: 1, count: 1 }

/** The rows of a JSON Lines file or stream; blank lines are none. */
export class Input {
  /** The lines of all rows that were read so far, by key: not only those of the shard. */
  readonly places = new Map<string, number>()
  private readonly own = new Set<string>()

  /** @param source a file's path, or the bytes as they come */
  constructor(
    private readonly source: string | AsyncIterable<Buffer>,
    private readonly shard: Shard = WHOLE,
  ) {}

  /** Whether the rows can be read more than once. */
  get isFile(): boolean {
    return typeof this.source === 'string'
  }

  /** Whether a row of the shard was read. */
  hasRow(key: string): boolean {
    return this.own.has(key)
  }

  /**
   * The rows of the shard. An id stands for one row of the whole input: a second one is told as an error.
   * @throws UserError for a file that cannot be read
   */
  async *rows(): AsyncGenerator<Row | BadRow> {
    this.places.clear()
    let number = 0
    const { source, shard } = this
    for await (const line of lines(typeof source === 'string' ? fileChunks(source) : source, MOST_LINE)) {
      if (isBlank(line)) continue
      const row = this.enter(parseRow(line))
      if (number++ % shard.count !== shard.index - 1) continue
      this.own.add(keyOf(row))
      yield row
    }
  }

  private enter(row: Row | BadRow): Row | BadRow {
    const earlier = this.places.get(keyOf(row))
    if (earlier === undefined) {
      this.places.set(keyOf(row), row.line)
      return row
    }
    const { line, passed } = row
    const error = `Line ${line} has the id of line ${earlier}, ${JSON.stringify(row.id)}: give it another one.`
    return this.enter({ line, id: null, passed, error })
  }
}

function isBlank({ bytes }: Line): boolean {
  return bytes.every((byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d))
}
