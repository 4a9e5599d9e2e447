import { ByteSet } from './byte-set.js'
import type { Regex } from './regex.js'

/** Universes at most: they are bits of a number. */
const MOST_UNIVERSES = 30

interface Universe {
  readonly bit: number
  readonly texts: RegExp
  readonly bytes: ByteSet
}

/** The universes of one factory: languages unit* of which every node knows whether it holds all of its own texts. */
export class Universes {
  private readonly all: Universe[]

  constructor(base?: Universes) {
    this.all = base ? [...base.all] : []
  }

  /**
   * Makes a universe of unit*, unless there are as many as there can be.
   * @param texts matches its texts, a byte a character
   */
  add(unit: Regex, star: Regex, texts: RegExp): void {
    if (star.universe !== 0 || this.all.length === MOST_UNIVERSES) return
    const bytes = ByteSet.of(
      Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => texts.test(String.fromCharCode(byte))),
    )
    const bit = 1 << this.all.length
    this.all.push({ bit, texts, bytes })
    star.universe = bit
    star.within |= bit
    unit.within |= bit
  }

  /** The universes that a text belongs to, a bit each. */
  ofText(text: string): number {
    return this.all.reduce((bits, universe) => (universe.texts.test(text) ? bits | universe.bit : bits), 0)
  }

  /** The universes that each byte of a set belongs to, as a text of one byte. */
  ofBytes(set: ByteSet): number {
    return this.all.reduce((bits, universe) => (universe.bytes.includes(set) ? bits | universe.bit : bits), 0)
  }
}
