import { type Automaton, DEAD } from '../automaton.js'
import { type CompletedAutomaton, Completion } from './completion.js'
import { Container, type Frame, type Frames, LOST } from './frames.js'
import type { KeyReader } from './key-reader.js'
import { bytesAt, gapBetween, NEXTS, type Next, type Whitespace } from './layout.js'
import type { Lexeme, Lexemes } from './lexemes.js'
import { KEEP_PART, KEEP_WHOLE, type Memories, type MemoryId, NO_MEMORY } from './memory.js'
import { PairTable } from './pair-table.js'
import { Phase, type Situation } from './phase.js'
import { Recordings } from './recordings.js'
import { SchemaStates } from './states.js'
import { NONE } from './witnesses.js'
import { SchemaWords } from './words.js'

const UNKNOWN = -1

const QUOTE = 0x22
const isSpace = (byte: number) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

/** The texts of the values that a JSON schema accepts. */
export class SchemaAutomaton implements Automaton, CompletedAutomaton {
  readonly start: number
  readonly states: SchemaStates
  readonly lexical: SchemaWords
  private readonly rows: Int32Array[] = []
  /** By frame: the lexeme of a scalar that begins there. */
  private readonly starts: Lexeme[] = []
  /** By context and lexeme: the state after a scalar that ends there. */
  private readonly ended = new PairTable()
  readonly recordings: Recordings

  constructor(
    readonly frames: Frames,
    readonly keys: KeyReader,
    readonly lexemes: Lexemes,
    readonly memories: Memories,
    readonly whitespace: Whitespace,
    /** Notices on the schema: the place as a JSON pointer, and a sentence's rest. */
    readonly warnings: readonly string[],
  ) {
    this.recordings = new Recordings(frames)
    this.states = new SchemaStates(memories, this.recordings)
    this.lexical = new SchemaWords(this, lexemes)
    this.start = this.state(Phase.START, 0, 0, NO_MEMORY)
  }

  get size(): number {
    return this.states.size
  }

  next(state: number, byte: number): number {
    if (state === DEAD || byte > 255) return DEAD
    const lexeme = this.states.lexemeOf(state)
    if (lexeme !== 0) {
      const following = this.lexemes.next(lexeme, byte)
      if (following !== DEAD && !this.lexemes.isOver(following)) return this.states.within(state, following)
    }
    const known = this.rows[state]
    if (known && known[byte] !== UNKNOWN) return known[byte]
    const situation = this.situation(state)
    // States that keep text are as many as texts, and are hardly come by again.
    if (this.memories.hasText(situation.memory)) return this.step(situation, byte)
    this.rows[state] ??= new Int32Array(256).fill(UNKNOWN)
    const row = this.rows[state]
    if (row[byte] === UNKNOWN) row[byte] = this.step(situation, byte)
    return row[byte]
  }

  accepts(state: number): boolean {
    const { phase, frame, detail } = this.situation(state)
    return phase === Phase.END || (phase === Phase.IN_SCALAR && frame === 0 && this.lexemes.accepts(detail))
  }

  freeText(state: number): number {
    const { phase, detail } = this.situation(state)
    const lexeme =
      phase === Phase.IN_SCALAR ? detail : phase === Phase.IN_KEY ? this.keys.otherKey(detail) : DEAD
    // Verdicts of other languages may be a matter of how the text ends.
    return lexeme > 0 ? this.lexemes.freeText(lexeme) : 0
  }

  candidates(state: number): Uint8Array | undefined {
    const { phase, frame, detail } = this.situation(state)
    if (phase === Phase.IN_SCALAR) return undefined
    if (phase === Phase.IN_KEY)
      return this.keys.mayBeOther(detail) ? undefined : this.keys.nameBytes(frame, detail)
    return bytesAt(phase, this.frames.kind(frame) === Container.OBJECT)
  }

  controls(): readonly number[] {
    return []
  }

  inLimits<T>(work: () => T): T {
    return this.frames.scalars.regexes.inLimits(work)
  }

  completion(state: number): Uint8Array {
    return this.inLimits(() => new Completion(this, state).text())
  }

  maskState(state: number, bytes: number): number {
    const { phase, frame, detail, memory } = this.situation(state)
    if (state === DEAD || phase === Phase.END || this.frames.countsItems(frame)) return state
    const within = phase === Phase.IN_SCALAR ? this.lexemes.withinReach(detail, bytes) : detail
    const isKeyNext = phase === Phase.IN_KEY || phase === Phase.OPEN || phase === Phase.COMMA
    const compared = this.recordings.compared(frame, isKeyNext)
    return this.state(phase, frame, within, this.memories.brief(memory, compared))
  }

  situation(state: number): Situation {
    return this.states.situation(state)
  }

  private state(phase: number, frame: Frame, detail: number, memory: MemoryId): number {
    return this.states.of(phase, frame, detail, memory)
  }

  private step({ phase, frame, detail, memory }: Situation, byte: number): number {
    this.frames.scalars.regexes.refuel()
    if (phase === Phase.IN_SCALAR) return this.inScalar(frame, detail, memory, byte)
    if (phase === Phase.IN_KEY) return this.inKey(frame, detail, memory, byte)
    if (phase === Phase.END) return DEAD
    if (isSpace(byte)) return this.inGap(phase, frame, detail, memory, byte)
    const { frames } = this
    const kind = frames.kind(frame)
    const kept = this.kept(frame, memory, byte)
    if (phase === Phase.KEY)
      return byte === 0x3a && this.mayFollow(phase, 'colon', frame, detail)
        ? this.state(Phase.COLON, frame, 0, kept)
        : DEAD
    const opens = kind === Container.ARRAY ? 0x5d : 0x7d
    const mayClose = phase === Phase.OPEN || phase === Phase.VALUE
    if (byte === opens && mayClose && this.mayFollow(phase, 'close', frame, detail))
      return this.closeBracket(frame, kept)
    if (phase === Phase.VALUE)
      return byte === 0x2c && this.mayFollow(phase, 'comma', frame, detail) && this.mayGoOn(frame)
        ? this.state(Phase.COMMA, frame, 0, kept)
        : DEAD
    if (!this.mayFollow(phase, 'value', frame, detail)) return DEAD
    if (kind === Container.OBJECT && phase !== Phase.COLON) return this.openKey(frame, kept, byte)
    return this.openValue(frame, memory, byte)
  }

  /** Whether a token may follow now, as far as whitespace goes. */
  private mayFollow(phase: number, next: Next, frame: Frame, spaces: number): boolean {
    const gap = gapBetween(this.whitespace, phase, next, this.frames.depth(frame))
    return typeof gap === 'number' || gap.length === spaces
  }

  /** Whether another member or item may come after a comma. */
  private mayGoOn(frame: Frame): boolean {
    if (this.frames.kind(frame) === Container.OBJECT) return this.keys.start(frame) !== undefined
    return this.frames.witnesses.value(this.frames.child(frame).goal) !== NONE
  }

  private inGap(phase: number, frame: Frame, spaces: number, memory: MemoryId, byte: number): number {
    const nexts = NEXTS[phase].filter((next) => {
      const gap = gapBetween(this.whitespace, phase, next, this.frames.depth(frame))
      if (typeof gap === 'number' ? spaces >= gap : gap.charCodeAt(spaces) !== byte) return false
      if (next === 'close') return this.mayClose(frame)
      return next === 'colon' || phase === Phase.COMMA || phase === Phase.COLON || this.mayGoOn(frame)
    })
    return nexts.length > 0 ? this.state(phase, frame, spaces + 1, this.kept(frame, memory, byte)) : DEAD
  }

  mayClose(frame: Frame): boolean {
    return (
      this.frames.kind(frame) !== Container.NONE && this.frames.derivatives.closes(this.frames.goal(frame))
    )
  }

  private closeBracket(frame: Frame, memory: MemoryId): number {
    if (!this.mayClose(frame)) return DEAD
    const { frames, memories } = this
    const verdicts = frames.watched(frame).map((formula) => frames.derivatives.closes(formula))
    const around = frames.parent(frame)
    return this.valueDone(around, verdicts, memories.pop(memory, this.recordings.of(around)))
  }

  /** The state after a value in a frame. */
  valueDone(frame: Frame, verdicts: readonly boolean[], memory: MemoryId): number {
    if (frame === 0) return this.state(Phase.END, 0, 0, NO_MEMORY)
    const { frames, memories } = this
    const item = (this.recordings.of(frame) & KEEP_PART) === 0 ? undefined : memories.value(memory)
    if (item === undefined) return this.ifViable(frames.after(frame, verdicts), memories.clear(memory))
    const isRepeated = memories.has(memory, item)
    const kept = isRepeated ? memories.clear(memory) : memories.add(memory, item)
    const after = frames.after(frame, verdicts, item, isRepeated)
    // Names and items that were read are of no account where all is decided.
    return this.ifViable(
      after,
      after !== LOST && frames.asksForRepeats(after) ? kept : memories.forgetSet(kept),
    )
  }

  private ifViable(frame: Frame, memory: MemoryId): number {
    return frame === LOST ? DEAD : this.state(Phase.VALUE, frame, 0, memory)
  }

  private openKey(frame: Frame, kept: MemoryId, byte: number): number {
    const key = byte === QUOTE ? this.keys.start(frame) : undefined
    if (key === undefined) return DEAD
    const memory = this.keys.mayBeOther(key) ? this.memories.append(kept, '"', KEEP_PART) : kept
    return this.state(Phase.IN_KEY, frame, key, memory)
  }

  private inKey(frame: Frame, key: number, memory: MemoryId, byte: number): number {
    const { keys, frames, memories } = this
    const kept = this.kept(frame, memory, byte)
    if (byte !== QUOTE || !keys.atQuote(key)) {
      const next = keys.next(frame, key, byte)
      if (next === undefined) return DEAD
      const text = String.fromCharCode(byte)
      const read = keys.mayBeOther(next) ? memories.append(kept, text, KEEP_PART) : memories.clear(kept)
      return this.state(Phase.IN_KEY, frame, next, read)
    }
    const after = keys.close(frame, key)
    if (after === LOST) return DEAD
    const name =
      frames.formulas.keys.nameOf(frames.key(after)) >= 0
        ? undefined
        : memories.value(memories.append(kept, '"', KEEP_PART))
    if (name === undefined) return this.state(Phase.KEY, after, 0, memories.clear(kept))
    // A completion must know the name to avoid it.
    frames.formulas.keys.number(name as string)
    return memories.has(kept, name) ? DEAD : this.state(Phase.KEY, after, 0, memories.add(kept, name))
  }

  private openValue(frame: Frame, memory: MemoryId, byte: number): number {
    const container = byte === 0x7b ? Container.OBJECT : byte === 0x5b ? Container.ARRAY : Container.NONE
    const { frames } = this
    if (container !== Container.NONE) {
      const inner = frames.open(frame, container)
      if (inner === LOST) return DEAD
      const text = (this.recordings.of(inner) & KEEP_WHOLE) !== 0 ? String.fromCharCode(byte) : ''
      return this.state(Phase.OPEN, inner, 0, this.memories.push(memory, text))
    }
    this.starts[frame] ??= this.scalarOf(frame)
    const start = this.starts[frame]
    return start === DEAD ? DEAD : this.inScalar(frame, start, memory, byte)
  }

  /** The lexeme that begins a scalar as the next value of a frame. */
  private scalarOf(frame: Frame): Lexeme {
    const { goal, watched } = this.frames.child(frame)
    const { scalars } = this.frames
    const others = watched.map((formula) => scalars.of(formula))
    return this.lexemes.start([scalars.judgedBy(watched, goal), ...others])
  }

  private inScalar(frame: Frame, lexeme: number, memory: MemoryId, byte: number): number {
    const { lexemes, memories } = this
    const following = lexemes.next(lexeme, byte)
    if (following !== DEAD) {
      const read = memories.append(memory, String.fromCharCode(byte), this.recordings.of(frame))
      if (!lexemes.isOver(following)) return this.state(Phase.IN_SCALAR, frame, following, read)
      return this.valueDone(frame, lexemes.verdicts(following), read)
    }
    // A number ends where something else begins.
    if (!lexemes.accepts(lexeme) || frame === 0) return DEAD
    const context = this.states.context(frame, memory)
    let done = this.ended.get(context, lexeme)
    if (done < 0) {
      done = this.valueDone(frame, lexemes.verdicts(lexeme), memory)
      this.ended.set(context, lexeme, done)
    }
    return done === DEAD ? DEAD : this.next(done, byte)
  }

  /** The memory with a byte of a frame's own text. */
  private kept(frame: Frame, memory: MemoryId, byte: number): MemoryId {
    if ((this.recordings.of(frame) & KEEP_WHOLE) === 0) return memory
    return this.memories.append(memory, String.fromCharCode(byte), KEEP_WHOLE)
  }
}
