import type { Regexes } from '../regex/nodes.js'
import { FrameSet, type FrameTable, type ItemFrames, type ItemRow, slotOf } from './frames.js'
import { LeftRecursions } from './left-recursion.js'
import type { TerminalLexemes } from './lexemes.js'
import type { SlotComponent, Slots } from './slots.js'

/** Earley's predictions: the terminals that a set of frames begins with. */
export class Rows {
  readonly #recursions: LeftRecursions

  constructor(
    private readonly regexes: Regexes,
    private readonly slots: Slots,
    private readonly lexemes: TerminalLexemes,
    private readonly table: FrameTable,
  ) {
    this.#recursions = new LeftRecursions(slots, table)
  }

  of(frames: ItemFrames): ItemRow {
    frames.row ??= this.#predict(frames)
    return frames.row
  }

  /**
   * Nonterminals are predicted after all that begin with them, so that the frames after them are gathered before. A production that
   * ends with a nonterminal is not returned to: its followers are the nonterminal's own, so that right recursion does not grow (Leo 1991, here
   * for every grammar).
   */
  #predict(frames: ItemFrames): ItemRow {
    const { slots, regexes } = this
    const scans = new Map<number, FrameSet>()
    const calls = new Calls()
    const expect = (slot: number, next: ItemFrames) => {
      const symbol = slots.symbol(slot)
      const set =
        symbol < 0 ? setOf(scans, this.lexemes.start(~symbol)) : calls.setOf(slots.component(symbol), symbol)
      const { slots: after, ends } = slots.after(slot)
      regexes.charge(1 + after.length + (ends ? next.keys.length : 0))
      for (const each of after) set.add(each, next)
      if (ends) set.addAll(next)
    }
    frames.keys.forEach((key, i) => {
      expect(slotOf(key), frames.next[i])
    })
    for (let call = calls.pop(); call; call = calls.pop()) {
      const { component, sets } = call
      const followers = component.isRecursive
        ? this.#recursions.followers(component, sets)
        : [this.table.intern(sets.get(component.members[0])!)]
      component.members.forEach((member, i) => {
        for (const slot of slots.entries(member)) {
          const symbol = slots.symbol(slot)
          if (symbol < 0 || slots.component(symbol) !== component) expect(slot, followers[i])
        }
      })
    }
    const states = [...scans.keys()].sort((a, b) => a - b)
    return { states, results: states.map((state) => this.table.intern(scans.get(state)!)) }
  }
}

function setOf(sets: Map<number, FrameSet>, key: number): FrameSet {
  let set = sets.get(key)
  if (!set) {
    set = new FrameSet()
    sets.set(key, set)
  }
  return set
}

/** Nonterminals that are expected: a component of left recursion at a time, those that begin with others first. */
class Calls {
  /** Ascending by number. */
  readonly #components: SlotComponent[] = []
  readonly #sets = new Map<SlotComponent, Map<number, FrameSet>>()

  setOf(component: SlotComponent, nonterminal: number): FrameSet {
    let sets = this.#sets.get(component)
    if (!sets) {
      sets = new Map()
      this.#sets.set(component, sets)
      let at = this.#components.length
      while (at > 0 && this.#components[at - 1].number > component.number) at--
      this.#components.splice(at, 0, component)
    }
    return setOf(sets, nonterminal)
  }

  pop(): { readonly component: SlotComponent; readonly sets: ReadonlyMap<number, FrameSet> } | undefined {
    const component = this.#components.pop()
    return component && { component, sets: this.#sets.get(component)! }
  }
}
