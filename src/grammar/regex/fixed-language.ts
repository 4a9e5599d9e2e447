import { DEAD } from '../automaton.js'
import type { Regexes } from './nodes.js'
import type { LeafMachine, Regex } from './regex.js'
import { RegexAutomaton } from './regex-automaton.js'
import { distanceOf } from './shortest.js'

let made = 0

/** Nodes of a factory that goes on to be used. */
const MOST_NODES = 100_000

/**
 * A language that many factories have in common, as machines: its states are found once for all of them, in a factory of its own. What comes
 * of it depends on nothing that others make.
 */
export class FixedLanguage {
  private readonly automaton: RegexAutomaton
  /** Languages of the same name that take each other's place have states of their own. */
  private readonly number = made++
  /** By state. */
  private readonly machines: (LeafMachine | undefined)[] = []

  /**
   * @param name of its machines
   * @param regexes the factory of its own
   * @param text the universe of whole characters
   */
  constructor(
    private readonly name: string,
    private readonly regexes: Regexes,
    regex: Regex,
    private readonly text: Regex,
  ) {
    this.automaton = new RegexAutomaton(regexes, regex)
  }

  /** Whether it has grown so large that another one should begin from nothing. */
  get isLarge(): boolean {
    return this.regexes.size > MOST_NODES
  }

  get start(): LeafMachine | undefined {
    return this.machineOf(this.automaton.start)
  }

  private machineOf(state: number): LeafMachine | undefined {
    if (state === DEAD) return undefined
    const made = this.machines[state] ?? this.make(state)
    this.machines[state] = made
    return made
  }

  private make(state: number): LeafMachine {
    const { automaton, regexes } = this
    const regex = automaton.regexOf(state)
    return {
      key: `${this.name} ${this.number} ${state}`,
      next: (byte) => this.machineOf(automaton.next(state, byte)),
      accepts: regex.nullable,
      labels: regexes.partition(regex).classes,
      shortest: distanceOf(regexes, regex),
      longest: regex.longest,
      farthest: regex.farthest,
      isText: (regex.within & this.text.universe) !== 0,
      fixed: {
        get steps() {
          return regexes.steps
        },
        withinReach: (bytes) => this.machineOf(automaton.maskState(state, bytes))!,
        completion: () => automaton.completion(state),
        freeText: () => automaton.freeText(state),
        freeTextIsAll: () => automaton.freeTextIsAll(state),
      },
    }
  }
}
