import { DEAD } from '../automaton.js'
import type { Lexical } from '../lexical.js'
import { type Frame, LOST } from './frames.js'
import type { KeyReader } from './key-reader.js'
import type { Lexeme, Lexemes } from './lexemes.js'
import type { Memories, MemoryId } from './memory.js'
import { Phase } from './phase.js'
import type { Recordings } from './recordings.js'
import type { SchemaStates } from './states.js'

/** What words ask of the automaton that reads them. */
interface ReadingAutomaton {
  readonly states: SchemaStates
  readonly keys: KeyReader
  readonly memories: Memories
  readonly recordings: Recordings
  valueDone(frame: Frame, verdicts: readonly boolean[], memory: MemoryId): number
}

/** Scalars and keys as words: a name that the schema knows, or that came before, is an exception among the keys. */
export class SchemaWords implements Lexical {
  constructor(
    private readonly automaton: ReadingAutomaton,
    readonly lexer: Lexemes,
  ) {}

  open(state: number): Lexeme {
    const { states, memories, recordings } = this.automaton
    if (state === DEAD) return DEAD
    const lexeme = states.lexemeOf(state)
    if (lexeme !== 0) return lexeme
    const { phase, frame, detail, memory } = states.situation(state)
    if (phase !== Phase.IN_KEY || !memories.isBrief(memory)) return DEAD
    return memories.isReadingWhole(memory, recordings.of(frame)) ? DEAD : this.automaton.keys.otherKey(detail)
  }

  close(state: number, verdict: number): number {
    const { states, keys, memories } = this.automaton
    const { phase, frame, memory } = states.situation(state)
    const verdicts = this.lexer.verdictsOf(verdict)
    if (phase !== Phase.IN_KEY) return this.automaton.valueDone(frame, verdicts, memory)
    const after = keys.closeOther(frame, verdicts)
    return after === LOST ? DEAD : states.of(Phase.KEY, after, 0, memories.clear(memory))
  }

  exceptions(state: number): Uint8Array | undefined {
    const { states, keys, memories } = this.automaton
    const { phase, frame, detail, memory } = states.situation(state)
    if (phase !== Phase.IN_KEY) return undefined
    const names = keys.nameBytes(frame, detail)
    const repeating = memories.repeatingBytes(memory)
    return names && repeating ? names.map((flag, byte) => flag | repeating[byte]) : (names ?? repeating)
  }

  holdsExceptions(state: number): boolean {
    const { states, keys } = this.automaton
    return keys.hasNames(states.situation(state).frame)
  }
}
