import { Tuples } from '../tuples.js'
import { canonicalJson, type Json, readJson } from './json.js'

/** What was read and must not come again, by its number in `Memories`. 0 is nothing. */
export type MemoryId = number

export const NO_MEMORY: MemoryId = 0

/** The whole text of an object or array is kept: something around it compares items. */
export const KEEP_WHOLE = 1
/** The text of a key, or of each item of an array, is kept. */
export const KEEP_PART = 2

// A level's tuple: level around it, set of values or names, text of the whole value so far, text of the key or item so far, 1 where texts
// are only kept as long as they may become a repetition.
const [UP, SET, WHOLE, PART, BRIEF] = [0, 1, 2, 3, 4]

/** A text that is not kept, and does not become a repetition. */
const LOST_TEXT = -1

/**
 * Names of open objects that the schema does not know, and items of open arrays that must differ: one level for each bracket that is open.
 * Texts are kept as bytes, a character each.
 */
export class Memories {
  private readonly levels = new Tuples()
  private readonly sets = new Tuples()
  private readonly numbers = new Map<string, number>()
  private readonly texts: string[] = []

  constructor() {
    this.number('')
    this.sets.intern([])
    this.levels.intern([0, 0, 0, 0, 0])
  }

  get size(): number {
    return this.levels.size
  }

  private number(text: string): number {
    let number = this.numbers.get(text)
    if (number === undefined) {
      number = this.texts.length
      this.texts.push(text)
      this.numbers.set(text, number)
    }
    return number
  }

  /** A level inside; `text` is the beginning of its whole. */
  push(memory: MemoryId, text: string): MemoryId {
    const { [BRIEF]: brief } = this.levels.tuple(memory)
    const whole = brief === 0 || this.hasSet(memory) ? this.number(text) : LOST_TEXT
    return this.levels.intern([memory, 0, whole, 0, brief])
  }

  /** The level around, with the text of the whole that ends. @param where bits: `KEEP_WHOLE`, `KEEP_PART` */
  pop(memory: MemoryId, where: number): MemoryId {
    const { [UP]: up, [WHOLE]: whole } = this.levels.tuple(memory)
    return whole === LOST_TEXT ? this.lose(up, where) : this.append(up, this.texts[whole], where)
  }

  private lose(memory: MemoryId, where: number): MemoryId {
    const [up, set, whole, part, brief] = this.levels.tuple(memory)
    const lost = (number: number, bit: number) => ((where & bit) === 0 ? number : LOST_TEXT)
    return this.levels.intern([up, set, lost(whole, KEEP_WHOLE), lost(part, KEEP_PART), brief])
  }

  /** Whether texts grow with what is read now. @param where as for `append` */
  isReading(memory: MemoryId, where: number): boolean {
    const level = this.levels.tuple(memory)
    return (
      ((where & KEEP_WHOLE) !== 0 && level[WHOLE] !== LOST_TEXT) ||
      ((where & KEEP_PART) !== 0 && level[PART] !== LOST_TEXT)
    )
  }

  /** Whether the text of the whole value grows with what is read now. @param where as for `append` */
  isReadingWhole(memory: MemoryId, where: number): boolean {
    return (where & KEEP_WHOLE) !== 0 && this.levels.tuple(memory)[WHOLE] !== LOST_TEXT
  }

  /** Whether texts are only kept as long as they may become a repetition. */
  isBrief(memory: MemoryId): boolean {
    return this.levels.tuple(memory)[BRIEF] === 1
  }

  /** Bytes by which the part may become one of the values that are kept: a flag each. Undefined where it cannot. */
  repeatingBytes(memory: MemoryId): Uint8Array | undefined {
    const { [SET]: set, [PART]: part } = this.levels.tuple(memory)
    const text = this.texts[part]
    if (!text) return undefined
    const flags = new Uint8Array(256)
    let isAny = false
    for (const each of this.sets.tuple(set)) {
      const value = this.texts[each]
      if (!value.startsWith(text) || value.length === text.length) continue
      flags[value.charCodeAt(text.length)] = 1
      isAny = true
    }
    // A backslash may begin any spelling.
    flags[0x5c] = 1
    return isAny ? flags : undefined
  }

  /** Whether there is a text that is not whole yet. */
  hasText(memory: MemoryId): boolean {
    const level = this.levels.tuple(memory)
    return level[WHOLE] > 0 || level[PART] > 0
  }

  /**
   * The same without what no next token is compared with: nothing that is repeated within the token itself is seen. Few memories remain.
   * @param isCompared for each level, the innermost first: whether what comes next there may repeat what is kept
   */
  brief(memory: MemoryId, isCompared: readonly boolean[], level = 0): MemoryId {
    const { [UP]: up, [SET]: set, [WHOLE]: whole, [PART]: part, [BRIEF]: brief } = this.levels.tuple(memory)
    if (brief === 1) return memory
    const around = memory === NO_MEMORY ? NO_MEMORY : this.brief(up, isCompared, level + 1)
    const kept = isCompared[level] ? set : 0
    const text = this.hasSet(around) ? whole : LOST_TEXT
    return this.levels.intern([around, kept, text, this.comparable(kept, part), 1])
  }

  /** Whether values are kept on this level or one around it. */
  private hasSet(memory: MemoryId): boolean {
    for (let level = memory; level !== NO_MEMORY; level = this.levels.tuple(level)[UP])
      if (this.levels.tuple(level)[SET] !== 0) return true
    return false
  }

  /** A text that may become one of a set, or the text that is not kept. Only strings have one spelling, about. */
  private comparable(set: number, part: number): number {
    const text = this.texts[part]
    if (!text?.startsWith('"')) return part
    for (const each of this.sets.tuple(set)) if (this.texts[each].startsWith(text)) return part
    return LOST_TEXT
  }

  /** Adds text to the whole value, to its part, or to both. @param where bits: `KEEP_WHOLE`, `KEEP_PART` */
  append(memory: MemoryId, text: string, where: number): MemoryId {
    if (!this.isReading(memory, where)) return memory
    const [up, set, whole, part, brief] = this.levels.tuple(memory)
    const longerPart = (where & KEEP_PART) === 0 ? part : this.longer(part, text)
    const longerWhole = (where & KEEP_WHOLE) === 0 ? whole : this.longer(whole, text)
    const kept = brief === 1 ? this.comparable(set, longerPart) : longerPart
    return this.levels.intern([up, set, longerWhole, kept, brief])
  }

  private longer(number: number, text: string): number {
    return number === LOST_TEXT ? LOST_TEXT : this.number(this.texts[number] + text)
  }

  /** Forgets the part. */
  clear(memory: MemoryId): MemoryId {
    const [up, set, whole, , brief] = this.levels.tuple(memory)
    return this.levels.intern([up, set, whole, 0, brief])
  }

  /** Forgets what may not be repeated. */
  forgetSet(memory: MemoryId): MemoryId {
    const [up, , whole, , brief] = this.levels.tuple(memory)
    return this.levels.intern([up, 0, whole, 0, brief])
  }

  /** The value of the part, which is whole JSON text; undefined where nothing is kept. */
  value(memory: MemoryId): Json | undefined {
    const text = this.texts[this.levels.tuple(memory)[PART]] ?? ''
    return text === '' ? undefined : readJson(Buffer.from(text, 'latin1').toString(), 'The value')
  }

  has(memory: MemoryId, value: Json): boolean {
    return this.sets.tuple(this.levels.tuple(memory)[SET]).includes(this.number(keyOf(value)))
  }

  add(memory: MemoryId, value: Json): MemoryId {
    const [up, set, whole, , brief] = this.levels.tuple(memory)
    const numbers = [...this.sets.tuple(set), this.number(keyOf(value))].sort((a, b) => a - b)
    return this.levels.intern([up, this.sets.intern(numbers), whole, 0, brief])
  }
}

/** A text of a value that equal values share, a byte a character. */
function keyOf(value: Json): string {
  return Buffer.from(canonicalJson(value)).toString('latin1')
}
