import { FrameSet, type FrameTable, type ItemFrames, slotOf } from './frames.js'
import type { SlotComponent, Slots } from './slots.js'

/** Sets that a left recursion is compared with at most. */
const MOST_COMPARED = 16

/**
 * ItemFrames after nonterminals that begin with each other: those after the whole component, and the rests of productions of the
 * component that begin with the nonterminal, which lead back to these very frames.
 */
export class LeftRecursions {
  readonly #known = new Map<string, readonly ItemFrames[]>()
  readonly #begins = new Map<SlotComponent, readonly Begin[]>()
  /** The other members that a set of a left recursion belongs to. */
  readonly #groups = new Map<ItemFrames, readonly ItemFrames[]>()

  constructor(
    private readonly slots: Slots,
    private readonly table: FrameTable,
  ) {}

  /** @param sets what follows a member in productions of others, by nonterminal. @returns what follows each member */
  followers(component: SlotComponent, sets: ReadonlyMap<number, FrameSet>): readonly ItemFrames[] {
    const { table } = this
    const nothing = new FrameSet()
    const outer = component.members.map((member) => table.intern(sets.get(member) ?? nothing))
    const key = `${component.number} ${outer.map(({ id }) => id).join()}`
    let known = this.#known.get(key)
    if (!known) {
      known = this.#make(component, outer)
      this.#known.set(key, known)
    }
    return known
  }

  #make(component: SlotComponent, outer: readonly ItemFrames[]): readonly ItemFrames[] {
    const { slots, table } = this
    const made = component.members.map(() => table.open(component))
    const sets = outer.map((frames) => {
      const set = new FrameSet()
      set.addAll(frames)
      return set
    })
    const begins = this.#beginsOf(component)
    for (const { slot, from, to } of begins)
      for (const after of slots.after(slot).slots) sets[to].add(after, made[from])
    for (let isChanged = true; isChanged; ) {
      isChanged = false
      for (const { slot, from, to } of begins) {
        if (from === to || !slots.after(slot).ends) continue
        const { accepts } = sets[to]
        const { size } = sets[to].frames
        for (const [key, next] of sets[from].frames) sets[to].add(slotOf(key), next)
        sets[to].accepts ||= sets[from].accepts
        if (sets[to].frames.size > size || sets[to].accepts !== accepts) isChanged = true
      }
    }
    const same = this.#sameAs(component, made, sets)
    if (same) return same
    table.close(made, sets)
    for (const frames of made) this.#groups.set(frames, made)
    return made
  }

  /**
   * Sets that are the same when they are taken for the new ones: among those that lead on from the new ones. Ambiguous rules, such as
   * S → S S, have the same future after each part, and so their sets do not grow.
   */
  #sameAs(
    component: SlotComponent,
    made: readonly ItemFrames[],
    sets: readonly FrameSet[],
  ): readonly ItemFrames[] | undefined {
    const candidates = new Set<readonly ItemFrames[]>()
    for (const set of sets) {
      for (const next of set.frames.values()) {
        const group = next.component === component ? this.#groups.get(next) : undefined
        if (group) candidates.add(group)
        if (candidates.size === MOST_COMPARED) break
      }
    }
    for (const group of candidates) {
      const other = (next: ItemFrames) => {
        const member = next.component === component ? made.indexOf(next) : -1
        return member < 0 ? next : group[member]
      }
      if (sets.every((set, i) => set.equals(group[i], other))) return group
    }
    return undefined
  }

  /** Productions of the component's members that begin with a member. */
  #beginsOf(component: SlotComponent): readonly Begin[] {
    let known = this.#begins.get(component)
    if (!known) {
      const { slots } = this
      const places = new Map(component.members.map((member, i) => [member, i]))
      known = component.members.flatMap((member, from) =>
        slots.entries(member).flatMap((slot): Begin[] => {
          const to = places.get(slots.symbol(slot))
          return to === undefined ? [] : [{ slot, from, to }]
        }),
      )
      this.#begins.set(component, known)
    }
    return known
  }
}

/** A production of the member at place `from` that begins, at a slot, with the member at place `to`. */
interface Begin {
  readonly slot: number
  readonly from: number
  readonly to: number
}
