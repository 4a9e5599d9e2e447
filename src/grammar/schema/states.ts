import { DEAD } from '../automaton.js'
import { grown } from '../bits.js'
import { GrammarLimitError } from '../limits.js'
import { Tuples } from '../tuples.js'
import type { Frame } from './frames.js'
import type { Lexeme } from './lexemes.js'
import type { Memories, MemoryId } from './memory.js'
import { PairTable } from './pair-table.js'
import { Phase, type Situation } from './phase.js'
import type { Recordings } from './recordings.js'

/** States of one schema at most. */
const MOST_STATES = 250_000

/** The numbers of a schema's states. Those within scalars are found by what is around the scalar and by its lexeme. */
export class SchemaStates {
  private readonly states = new Tuples()
  /** The lexeme of a state inside a scalar of which nothing is kept; else 0. */
  private lexemes = new Int32Array(256)
  /** The number of a state's frame and memory. */
  private contexts = new Int32Array(256)
  private readonly contextTuples = new Tuples()
  private readonly scalars = new PairTable()

  constructor(
    private readonly memories: Memories,
    private readonly recordings: Recordings,
  ) {
    this.states.intern([])
  }

  get size(): number {
    return this.states.size
  }

  situation(state: number): Situation {
    if (state === DEAD) return { phase: -1, frame: 0, detail: 0, memory: 0 }
    const tuple = this.states.tuple(state)
    return { phase: tuple[0], frame: tuple[1], detail: tuple[2], memory: tuple[3] }
  }

  /** The lexeme of a state inside a scalar of which nothing is kept, else 0: `within` gives the states of its next ones. */
  lexemeOf(state: number): Lexeme {
    return this.lexemes[state] | 0
  }

  /** The state with another lexeme of the same scalar. */
  within(state: number, lexeme: Lexeme): number {
    return this.scalar(this.contexts[state], lexeme)
  }

  of(phase: number, frame: Frame, detail: number, memory: MemoryId): number {
    return phase === Phase.IN_SCALAR
      ? this.scalar(this.context(frame, memory), detail)
      : this.numbered([phase, frame, detail, memory])
  }

  /** The number of what is around a scalar. */
  context(frame: Frame, memory: MemoryId): number {
    return this.contextTuples.intern([frame, memory])
  }

  private numbered(tuple: readonly number[]): number {
    if (this.states.size >= MOST_STATES)
      throw new GrammarLimitError(`The JSON schema takes more than ${MOST_STATES} states.`)
    return this.states.intern(tuple)
  }

  private scalar(context: number, lexeme: Lexeme): number {
    let state = this.scalars.get(context, lexeme)
    if (state < 0) {
      const [frame, memory] = this.contextTuples.tuple(context)
      state = this.numbered([Phase.IN_SCALAR, frame, lexeme, memory])
      this.scalars.set(context, lexeme, state)
      if (state >= this.lexemes.length) {
        this.lexemes = grown(this.lexemes, state)
        this.contexts = grown(this.contexts, state)
      }
      this.lexemes[state] = this.memories.isReading(memory, this.recordings.of(frame)) ? 0 : lexeme
      this.contexts[state] = context
    }
    return state
  }
}
