import type { Branch } from '../model/model.js'
import type { Place } from './past.js'

/** A token that was run, and a row of a past that begins with the path to it. */
interface Slot {
  readonly token: number
  /** -1 at the start. */
  readonly parent: number
  readonly depth: number
  readonly place: Place
}

/** What a pass goes on from: the first `length` tokens of a place, none of them at the start, and tokens that have to be run again. */
export interface Start {
  readonly place: Place | undefined
  readonly length: number
  readonly again: readonly number[]
}

/** The cache of a token tree in pasts that graphs gave: to cut it back or to fork it copies nothing. */
export class ExportedCache implements Branch {
  private slots: Slot[] = []

  get length(): number {
    return this.slots.length
  }

  keep(slots: readonly number[]): void {
    const targets = new Map(slots.map((slot, target) => [slot, target]))
    this.slots = slots.map((slot, target) => {
      const found = this.slots[slot]
      if (!found || slot <= (slots[target - 1] ?? -1)) {
        throw new RangeError(`keep() needs ascending slots below ${this.length}, not ${slots}`)
      }
      const parent = found.parent < 0 ? -1 : targets.get(found.parent)
      if (parent === undefined)
        throw new RangeError(`keep() drops slot ${found.parent}, the parent of ${slot}`)
      return { ...found, parent }
    })
  }

  fork(): ExportedCache {
    const fork = new ExportedCache()
    fork.slots = [...this.slots]
    return fork
  }

  dispose(): void {
    this.slots = []
  }

  /**
   * Where what follows a slot goes on from.
   * @param canCut whether a past may be cut back to the slot; otherwise the tokens since the last one that ends a past are run again
   */
  start(slot: number, canCut: boolean): Start {
    const again: number[] = []
    for (let at = slot; at >= 0; at = this.slots[at].parent) {
      const { token, depth, place } = this.slots[at]
      if (canCut || place.past.length === depth + 1)
        return { place, length: depth + 1, again: again.reverse() }
      again.push(token)
    }
    return { place: undefined, length: 0, again: again.reverse() }
  }

  /** Enters tokens that were run, by the place that a pass gave each. */
  append(tokens: readonly number[], parents: readonly number[], places: readonly Place[]): void {
    for (const [i, token] of tokens.entries()) {
      const parent = parents[i]
      const place = places[i]
      this.slots.push({ token, parent, depth: parent < 0 ? 0 : this.slots[parent].depth + 1, place })
      this.move(parent, place)
    }
  }

  /** What leads to a token lies in its past as well: earlier ones are held by nothing else, and go. */
  private move(slot: number, place: Place): void {
    for (let at = slot; at >= 0 && this.slots[at].place !== place; at = this.slots[at].parent) {
      this.slots[at] = { ...this.slots[at], place }
    }
  }
}
