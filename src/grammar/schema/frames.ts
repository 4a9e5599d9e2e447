import { hasFewTexts } from '../regex/few-texts.js'
import type { Regex } from '../regex/regex.js'
import { Tuples } from '../tuples.js'
import { type Child, childOf, OwnSteps } from './child.js'
import { type Derivatives, NEXT_ITEM, type ValuePart } from './derivatives.js'
import { FALSE, type Formula, type Formulas, NO_END, TRUE, Type } from './formulas.js'
import type { Json } from './json.js'
import { KeyLanguages } from './key-languages.js'
import type { ObjectKey } from './keys.js'
import { equalTo } from './keywords/values.js'
import { firstRequiredPlace } from './name-order.js'
import type { Names } from './names.js'
import { Openings } from './openings.js'
import type { Scalars } from './scalars.js'
import type { Types } from './types.js'
import { NONE, type Witnesses } from './witnesses.js'

/** An object or array that is open, with all that is around it, by its number in `Frames`. 0 is outside of all brackets. */
export type Frame = number

/** No frame: what was read cannot become valid any more. */
export const LOST = -1

export const Container = { NONE: 0, OBJECT: 1, ARRAY: 2 } as const

/** Brackets at most. */
const DEEPEST = 500

/** The order of an object's names: that of the schema, or any. */
export type Order = 'schema' | 'any'

// A frame's tuple: kind, frame around it, goal, number of its names, names used, key or −1, watched formulas.
const [KIND, PARENT, GOAL, NAMES, USED, KEY, WATCHED] = [0, 1, 2, 3, 4, 5, 6]

function partOf(tuple: readonly number[]): ValuePart {
  return tuple[KIND] === Container.ARRAY ? NEXT_ITEM : { key: tuple[KEY] }
}

/** The objects and arrays that are open. Equal situations are the same frame, in whatever way they came about. */
export class Frames {
  private readonly interner = new Tuples()
  private readonly depths: number[] = []
  private readonly usedSets = new Tuples()
  private readonly children: Child[] = []
  private readonly lastPlaces: number[] = []
  private readonly alive = new Map<number, boolean>()
  private readonly keyLanguages: KeyLanguages
  private readonly shapes = new Tuples()
  private readonly steps: OwnSteps
  private readonly openings: Openings
  private readonly few: boolean[] = []

  constructor(
    readonly root: Formula,
    readonly formulas: Formulas,
    readonly types: Types,
    readonly scalars: Scalars,
    readonly derivatives: Derivatives,
    readonly witnesses: Witnesses,
    readonly order: Order,
  ) {
    this.steps = new OwnSteps(derivatives)
    this.keyLanguages = new KeyLanguages(formulas)
    this.openings = new Openings(derivatives)
    this.usedSets.intern([])
    this.intern([Container.NONE, LOST, root, 0, 0, -1])
  }

  get size(): number {
    return this.interner.size
  }

  kind(frame: Frame): number {
    return this.interner.tuple(frame)[KIND]
  }

  parent(frame: Frame): Frame {
    return this.interner.tuple(frame)[PARENT]
  }

  goal(frame: Frame): Formula {
    return this.interner.tuple(frame)[GOAL]
  }

  /** The key whose value comes next, or −1. */
  key(frame: Frame): ObjectKey {
    return this.interner.tuple(frame)[KEY]
  }

  watched(frame: Frame): readonly Formula[] {
    return this.interner.tuple(frame).slice(WATCHED)
  }

  depth(frame: Frame): number {
    return this.depths[frame]
  }

  namesOf(frame: Frame): Names {
    return this.openings.names[this.interner.tuple(frame)[NAMES]]
  }

  private intern(tuple: readonly number[]): Frame {
    const frame = this.interner.intern(tuple)
    this.depths[frame] ??= tuple[PARENT] === LOST ? 0 : this.depths[tuple[PARENT]] + 1
    return frame
  }

  /** The frame of an object or array that opens as the next value of a frame. */
  open(around: Frame, container: number): Frame {
    if (this.depths[around] >= DEEPEST) return LOST
    const type = container === Container.OBJECT ? Type.OBJECT : Type.ARRAY
    const { goal, watched } = this.child(around)
    const demands = [goal, ...watched].map((formula) => this.types.restrict(formula, type))
    if (demands[0] === FALSE) return LOST
    if (container === Container.ARRAY)
      return this.viable([container, around, demands[0], 0, 0, -1, ...demands.slice(1)])
    const { names, goals } = this.openings.of(demands)
    return this.viable([container, around, goals[0], names, 0, -1, ...goals.slice(1)])
  }

  /** The frame of a tuple, unless nothing can make it valid. */
  private viable(tuple: readonly number[]): Frame {
    return this.isAlive(tuple) ? this.intern(tuple) : LOST
  }

  private isAlive(tuple: readonly number[]): boolean {
    const goal = tuple[GOAL]
    if (goal <= TRUE) return goal === TRUE
    if (this.derivatives.closes(goal)) return true
    const shape = this.shapes.intern([tuple[KIND], goal, tuple[NAMES], tuple[USED]])
    let known = this.alive.get(shape)
    if (known === undefined) {
      const rest =
        tuple[KIND] === Container.ARRAY
          ? this.witnesses.items(this.derivatives.lowered(goal))
          : this.witnesses.members(goal, (name) => this.isFree(tuple, name))
      known = rest !== NONE
      this.alive.set(shape, known)
    }
    return known
  }

  private isFree(tuple: readonly number[], name: number): boolean {
    const place = this.openings.names[tuple[NAMES]].placeOf(name)
    if (place < 0) return true
    return this.order === 'schema' ? place >= tuple[USED] : !this.usedSets.tuple(tuple[USED]).includes(place)
  }

  /** Whether a name may still come in an object. */
  isOpenTo(frame: Frame, name: number): boolean {
    return this.isFree(this.interner.tuple(frame), name)
  }

  /** Whether a key that the schema knows may come. */
  mayCome(frame: Frame, place: number): boolean {
    const tuple = this.interner.tuple(frame)
    const number = this.openings.names[tuple[NAMES]].numbers[place]
    if (!this.isFree(tuple, number)) return false
    if (this.order === 'schema') return this.withName(frame, place) !== LOST
    const part = { key: this.formulas.keys.known(number) }
    const own = tuple.length === WATCHED ? this.steps.of(tuple[GOAL], part) : undefined
    return own ? this.witnesses.value(own.child.goal) !== NONE : this.withName(frame, place) !== LOST
  }

  /**
   * The frame after a key that the schema knows.
   * @returns LOST where no value could make the object valid
   */
  withName(frame: Frame, place: number): Frame {
    const tuple = this.interner.tuple(frame)
    const names = this.openings.names[tuple[NAMES]]
    const number = names.numbers[place]
    if (!this.isFree(tuple, number) || place > this.lastPlace(frame)) return LOST
    const key = this.formulas.keys.known(number)
    if (this.order === 'schema') return this.withKey(tuple, key, place + 1, place)
    const used = [...this.usedSets.tuple(tuple[USED]), place].sort((a, b) => a - b)
    return this.withKey(tuple, key, this.usedSets.intern(used), -1)
  }

  /** The first place of a name that must come, where the order is the schema's: no later one may come before it. */
  private lastPlace(frame: Frame): number {
    this.lastPlaces[frame] ??=
      this.order === 'schema'
        ? firstRequiredPlace(this.goal(frame), this.namesOf(frame), this.formulas)
        : Infinity
    return this.lastPlaces[frame]
  }

  /** The frame after a key that the schema does not know by name, and that is in these languages alone. */
  withOther(frame: Frame, matched: readonly Regex[]): Frame {
    const tuple = this.interner.tuple(frame)
    const { length } = this.openings.names[tuple[NAMES]]
    const key = this.formulas.keys.other(matched)
    return this.order === 'schema'
      ? this.withKey(tuple, key, length, length)
      : this.withKey(tuple, key, tuple[USED], -1)
  }

  /** @param passed names before this place come no more */
  private withKey(tuple: readonly number[], key: ObjectKey, used: number, passed: number): Frame {
    const isPassing = this.order === 'schema' && tuple[USED] < passed
    const goal = isPassing ? this.withoutPassed(tuple[GOAL], tuple, passed) : tuple[GOAL]
    if (goal === FALSE) return LOST
    // The key itself may still be one that the goal waits for.
    if (goal !== tuple[GOAL] && !this.isAlive([tuple[KIND], LOST, goal, tuple[NAMES], passed])) return LOST
    const frame = [tuple[KIND], tuple[PARENT], goal, tuple[NAMES], used, key]
    for (let i = WATCHED; i < tuple.length; i++)
      frame.push(isPassing ? this.withoutPassed(tuple[i], tuple, passed) : tuple[i])
    const number = this.intern(frame)
    return this.witnesses.value(this.child(number).goal) === NONE ? LOST : number
  }

  /** What is left of a formula when names before a place come no more. */
  private withoutPassed(formula: Formula, tuple: readonly number[], passed: number): Formula {
    const names = this.openings.names[tuple[NAMES]]
    return this.derivatives.without(formula, (name) => {
      const place = names.placeOf(name)
      return place >= 0 && place < passed
    })
  }

  /** The languages that tell apart the keys of an object that have no names. */
  languages(frame: Frame): readonly Regex[] {
    return this.keyLanguages.ofAll([this.goal(frame), ...this.watched(frame)])
  }

  /** What is demanded of the next value. */
  child(frame: Frame): Child {
    this.children[frame] ??= this.makeChild(this.interner.tuple(frame))
    return this.children[frame]
  }

  private makeChild(tuple: readonly number[]): Child {
    if (tuple[KIND] === Container.NONE) return { goal: tuple[GOAL], watched: [], known: new Map() }
    const [goal, part] = [tuple[GOAL], partOf(tuple)]
    const own = tuple.length === WATCHED ? this.steps.of(goal, part)?.child : undefined
    const isViable = (after: Formula) => this.isWithinReach(tuple, after)
    const isEmpty = (formula: Formula) => this.witnesses.value(formula) === NONE
    return own ?? childOf(this.derivatives, goal, tuple.slice(WATCHED), part, isViable, isEmpty)
  }

  /** Whether a goal can be met after a value that is not known yet: an item to come may be the same. */
  private isWithinReach(tuple: readonly number[], goal: Formula): boolean {
    const isAlive = (each: Formula) => this.isAlive([tuple[KIND], LOST, each, tuple[NAMES], tuple[USED]])
    return isAlive(goal) || (this.derivatives.mayBeRepeated(goal) && isAlive(this.derivatives.repeated(goal)))
  }

  /**
   * The frame after a value.
   * @param verdicts of the formulas that the child watches
   * @param item the value where the array's items must differ and its text is known
   * @param isRepeated whether the same value came before in the array
   */
  after(frame: Frame, verdicts: readonly boolean[], item?: Json, isRepeated = false): Frame {
    const tuple = this.interner.tuple(frame)
    const part = partOf(tuple)
    const own = item === undefined && !isRepeated && tuple.length === WATCHED
    const step = own ? this.steps.of(tuple[GOAL], part) : undefined
    if (step) return this.intern([tuple[KIND], tuple[PARENT], step.after, tuple[NAMES], tuple[USED], -1])
    const { watched, known } = this.child(frame)
    const left = tuple.map((formula, i) => {
      if (i !== GOAL && i < WATCHED) return formula
      const after = this.derivatives.after(
        formula,
        part,
        (value) => known.get(value) ?? verdicts[watched.indexOf(value)],
      )
      return isRepeated ? this.derivatives.repeated(after) : after
    })
    left[KEY] = -1
    if (item !== undefined && !isRepeated && this.countsItems(frame)) {
      const isItem = this.formulas.items(1, 0, NO_END, equalTo(this.formulas, this.scalars, item))
      left[GOAL] = this.derivatives.besides(left[GOAL], isItem)
    }
    return this.viable(left)
  }

  /** Whether a formula holds for few values, all of them scalars. */
  private isFew(formula: Formula): boolean {
    const { types, scalars } = this
    if (types.restrict(formula, Type.ARRAY) !== FALSE || types.restrict(formula, Type.OBJECT) !== FALSE)
      return false
    this.few[formula] ??= hasFewTexts(scalars.regexes, scalars.of(formula))
    return this.few[formula]
  }

  /** Whether an array's items are told apart one by one: those that differ among few values, and those that may have to repeat others. */
  countsItems(frame: Frame): boolean {
    if (!this.asksForRepeats(frame)) return false
    return this.derivatives.mayHaveToRepeat(this.goal(frame)) || this.isFew(this.child(frame).goal)
  }

  /** Whether it matters for an array that its items differ. */
  asksForRepeats(frame: Frame): boolean {
    if (this.kind(frame) !== Container.ARRAY) return false
    return [this.goal(frame), ...this.watched(frame)].some((each) => this.derivatives.isAboutRepeats(each))
  }
}
