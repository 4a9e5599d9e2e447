import { GrammarLimitError } from '../limits.js'
import type { SlotComponent, Slots } from './slots.js'

/** ItemFrames of one set at most. */
const MOST_FRAMES = 2_000
/** ItemFrames of all sets, and sets, at most. */
const MOST_KEPT = 2 ** 24
/** A number above those of all sets. */
const MOST_SETS = 2 ** 26

/**
 * Futures of one place of a text: a frame is the rest of a production, from a slot on, and the frames that follow its end. Equal sets are
 * one object. It is Earley's set of items (1970), whose origin is not a place of the text but what follows there: a stack that is shared
 * and interned, so that places with the same future are the same, however far apart.
 */
export class ItemFrames {
  /** slot · 2^26 + the number of what follows, ascending. */
  keys: readonly number[] = []
  /** ItemFrames after the end of each slot's production. */
  next: readonly ItemFrames[] = []
  /** Whether the text may end here. */
  accepts = false
  /** The length of the shortest text that ends the text from here. */
  distance = Infinity
  /** The frame that this text begins with; −1 where the text may end. */
  nearest = -1
  row: ItemRow | undefined
  /** Another set of the same hash. */
  sibling: ItemFrames | undefined

  constructor(
    readonly id: number,
    /** The left recursion that its frames may lead back to. */
    readonly component?: SlotComponent,
  ) {}
}

/** Terminals that are open at one place of a text: the state of each, ascending, and the frames that follow it. */
export interface ItemRow {
  readonly states: readonly number[]
  readonly results: readonly ItemFrames[]
}

export function slotOf(key: number): number {
  return Math.floor(key / MOST_SETS)
}

/** A set of frames in the making. */
export class FrameSet {
  accepts = false
  readonly frames = new Map<number, ItemFrames>()

  add(slot: number, next: ItemFrames): void {
    this.frames.set(slot * MOST_SETS + next.id, next)
  }

  addAll({ keys, next, accepts }: ItemFrames): void {
    this.accepts ||= accepts
    for (let i = 0; i < keys.length; i++) this.frames.set(keys[i], next[i])
  }

  /** Whether the set holds the same as frames that are known, when some of what follows is taken for another. */
  equals(known: ItemFrames, other: (next: ItemFrames) => ItemFrames): boolean {
    if (this.accepts !== known.accepts) return false
    const keys = new Set<number>()
    for (const [key, next] of this.frames) keys.add(slotOf(key) * MOST_SETS + other(next).id)
    return keys.size === known.keys.length && known.keys.every((key) => keys.has(key))
  }
}

/** The sets of frames of one grammar. */
export class FrameTable {
  #count = 0
  #kept = 0
  readonly #sets = new Map<number, ItemFrames>()
  /** The end of the text. */
  readonly end: ItemFrames

  constructor(readonly slots: Slots) {
    const end = new FrameSet()
    end.accepts = true
    this.end = this.intern(end)
  }

  intern(set: FrameSet): ItemFrames {
    const keys = [...set.frames.keys()].sort((a, b) => a - b)
    const hash = hashOf(keys, set.accepts)
    for (let known = this.#sets.get(hash); known; known = known.sibling)
      if (known.accepts === set.accepts && areEqual(known.keys, keys)) return known
    const made = this.open()
    this.#fill(made, set, keys, hash)
    this.#measure(made)
    return made
  }

  /** Sets of frames that lead back to each other; `sets` are theirs, in the same order. */
  close(frames: readonly ItemFrames[], sets: readonly FrameSet[]): void {
    sets.forEach((set, i) => {
      const keys = [...set.frames.keys()].sort((a, b) => a - b)
      this.#fill(frames[i], set, keys, hashOf(keys, set.accepts))
    })
    for (let isChanged = true; isChanged; ) {
      isChanged = false
      for (const each of frames) if (this.#measure(each)) isChanged = true
    }
  }

  /** A set that is to be filled. */
  open(component?: SlotComponent): ItemFrames {
    this.#keep(1)
    return new ItemFrames(this.#count++, component)
  }

  #keep(count: number): void {
    this.#kept += count
    if (this.#kept > MOST_KEPT)
      throw new GrammarLimitError(
        `The grammar keeps more than ${MOST_KEPT} rules in mind for the places of its texts; make it less ambiguous, or less deep.`,
      )
  }

  #fill(frames: ItemFrames, set: FrameSet, keys: readonly number[], hash: number): void {
    if (keys.length > MOST_FRAMES)
      throw new GrammarLimitError(
        `The grammar is too ambiguous: at one place of the text more than ${MOST_FRAMES} rules may go on; write it so that each text has one derivation.`,
      )
    this.#keep(keys.length)
    frames.keys = keys
    frames.next = keys.map((key) => set.frames.get(key)!)
    frames.accepts = set.accepts
    frames.sibling = this.#sets.get(hash)
    this.#sets.set(hash, frames)
  }

  /** Finds the nearest end; whether it is nearer than was known. */
  #measure(frames: ItemFrames): boolean {
    const before = frames.distance
    if (frames.accepts) frames.distance = 0
    frames.keys.forEach((key, i) => {
      const distance = this.slots.length(slotOf(key)) + frames.next[i].distance
      if (distance >= frames.distance) return
      frames.distance = distance
      frames.nearest = i
    })
    return frames.distance < before
  }
}

function hashOf(keys: readonly number[], accepts: boolean): number {
  let hash = accepts ? 1 : 0
  for (const key of keys) {
    hash = Math.imul(hash ^ (key | 0), 0x9e3779b1) ^ Math.floor(key / MOST_SETS)
    hash ^= hash >>> 15
  }
  return hash
}

function areEqual(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
