import { DEAD } from '../automaton.js'
import { GrammarLimitError } from '../limits.js'
import { Container, type Frame, type Frames, LOST } from './frames.js'
import { isArray, isObject, type Json, jsonText } from './json.js'
import type { KeyReader } from './key-reader.js'
import { gapBetween, type Next, type Whitespace } from './layout.js'
import type { Lexemes } from './lexemes.js'
import type { Memories, MemoryId } from './memory.js'
import type { NamedValue } from './part-choice.js'
import { Phase, type Situation } from './phase.js'
import { NONE, UNKNOWN } from './witnesses.js'

/** What a completion asks of the automaton that it writes for. */
export interface CompletedAutomaton {
  readonly frames: Frames
  readonly keys: KeyReader
  readonly lexemes: Lexemes
  readonly memories: Memories
  readonly whitespace: Whitespace
  situation(state: number): Situation
  next(state: number, byte: number): number
  accepts(state: number): boolean
  mayClose(frame: Frame): boolean
}

/** Bytes of a completion at most. */
const LONGEST = 100_000
/** What keys are told apart by, where the shortest came before. */
const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-'

/**
 * A short text that ends a JSON value from a state. What is missing is found part by part, and written through the automaton, so that it is
 * accepted as it stands.
 * @throws GrammarLimitError where no end is found within the limits
 */
export class Completion {
  private readonly bytes: number[] = []

  constructor(
    private readonly automaton: CompletedAutomaton,
    private state: number,
  ) {}

  text(): Uint8Array {
    while (!this.automaton.accepts(this.state)) {
      const { length } = this.bytes
      this.goOn(this.automaton.situation(this.state))
      if (this.bytes.length === length) throw this.notFound()
    }
    return Uint8Array.from(this.bytes)
  }

  private goOn({ phase, frame, detail, memory }: Situation): void {
    const { lexemes, frames } = this.automaton
    const rest = phase === Phase.IN_SCALAR ? lexemes.automaton.completion(lexemes.first(detail)) : []
    if (phase === Phase.IN_KEY) this.write(this.key(this.state))
    else if (rest.length > 0) this.write(Uint8Array.from(rest))
    // A number ends with what follows it.
    else if (phase === Phase.IN_SCALAR)
      this.part({ phase: Phase.VALUE, frame: this.after(frame, detail), detail: 0, memory })
    else if (phase === Phase.KEY) this.token('colon', ':', phase, frame, detail)
    else if (phase === Phase.COLON || frames.kind(frame) === Container.NONE)
      this.value(this.witness(frame), phase, frame, detail)
    else this.part({ phase, frame, detail, memory })
  }

  /** The rest of a key that is open: another one where the shortest came before. */
  private key(state: number): Uint8Array {
    const { automaton } = this
    const rest = (open: number) => {
      const { frame, detail } = automaton.situation(open)
      const bytes = automaton.keys.completion(frame, detail)
      return this.follow(open, bytes) === DEAD ? undefined : bytes
    }
    for (const byte of ['', ...LETTERS]) {
      const open = this.follow(state, Buffer.from(byte))
      const bytes = open !== DEAD && automaton.situation(open).phase === Phase.IN_KEY ? rest(open) : undefined
      if (bytes) return Buffer.concat([Buffer.from(byte), bytes])
    }
    throw this.notFound()
  }

  private follow(state: number, bytes: Uint8Array): number {
    return bytes.reduce((each, byte) => this.automaton.next(each, byte), state)
  }

  /** Goes on in an object or array between its parts. */
  private part({ phase, frame, detail, memory }: Situation): void {
    const isArrayFrame = this.automaton.frames.kind(frame) === Container.ARRAY
    if (phase !== Phase.COMMA && this.automaton.mayClose(frame))
      this.token('close', isArrayFrame ? ']' : '}', phase, frame, detail)
    else if (phase === Phase.VALUE) this.token('comma', ',', phase, frame, detail)
    else if (isArrayFrame) this.item(phase, frame, detail)
    else this.member(phase, frame, detail, memory)
  }

  private after(frame: Frame, lexeme: number): Frame {
    const after = this.automaton.frames.after(frame, this.automaton.lexemes.verdicts(lexeme))
    if (after === LOST) throw this.notFound()
    return after
  }

  private item(phase: number, frame: Frame, spaces: number): void {
    const { frames } = this.automaton
    const missing = frames.witnesses.items(frames.goal(frame))
    if (missing === UNKNOWN || missing === NONE) throw this.notFound()
    const [first, ...others] = missing.length > 0 ? missing : [this.witness(frame)]
    this.value(first, phase, frame, spaces)
    for (const value of others) {
      this.token('comma', ',')
      this.value(value)
    }
  }

  private member(phase: number, frame: Frame, spaces: number, memory: MemoryId): void {
    const { frames, memories } = this.automaton
    const { keys } = frames.formulas
    const isFree = (name: number) => frames.isOpenTo(frame, name) && !memories.has(memory, keys.name(name))
    const missing = frames.witnesses.members(frames.goal(frame), isFree)
    if (missing === UNKNOWN || missing === NONE) throw this.notFound()
    if (missing.length === 0) this.token('value', this.anyKey(frame), phase, frame, spaces)
    for (const [i, [key, value]] of this.inOrder(missing, frame).entries()) {
      if (i > 0) this.token('comma', ',')
      const text = JSON.stringify(key)
      if (i > 0) this.token('value', text)
      else this.token('value', text, phase, frame, spaces)
      this.token('colon', ':')
      this.value(value)
    }
  }

  /** A key that may come, or the beginning of one that has no name in the schema. */
  private anyKey(frame: Frame): string {
    const { frames, keys } = this.automaton
    const names = frames.namesOf(frame)
    for (let place = 0; place < names.length; place++)
      if (keys.after(frame, place) !== LOST) return JSON.stringify(names.name(place))
    return '"'
  }

  private inOrder(members: Iterable<NamedValue>, frame: Frame): readonly NamedValue[] {
    const { frames } = this.automaton
    const names = frames.namesOf(frame)
    const place = ([name]: NamedValue) => {
      const found = names.placeOf(frames.formulas.keys.number(name))
      return found < 0 ? names.length : found
    }
    return [...members].sort((a, b) => place(a) - place(b))
  }

  private witness(frame: Frame): Json {
    const { frames } = this.automaton
    const value = frames.witnesses.value(frames.child(frame).goal)
    if (value === NONE || value === UNKNOWN) throw this.notFound()
    return value
  }

  private value(value: Json, phase?: number, frame?: Frame, spaces?: number): void {
    if (!isArray(value) && !isObject(value)) {
      this.token('value', jsonText(value), phase, frame, spaces)
      return
    }
    this.token('value', isArray(value) ? '[' : '{', phase, frame, spaces)
    const inner = this.automaton.situation(this.state).frame
    const parts = isArray(value) ? value : this.inOrder(value, inner)
    for (const [i, part] of parts.entries()) {
      if (i > 0) this.token('comma', ',')
      if (isArray(value)) this.value(part as Json)
      else {
        this.token('value', JSON.stringify((part as NamedValue)[0]))
        this.token('colon', ':')
        this.value((part as NamedValue)[1])
      }
    }
    this.token('close', isArray(value) ? ']' : '}')
  }

  /** Writes a token after the whitespace that is still to come; the place is that of the present state, where it is not given. */
  private token(next: Next, text: string, ...place: readonly (number | undefined)[]): void {
    let [phase, frame, spaces] = place
    if (phase === undefined || frame === undefined || spaces === undefined) {
      const situation = this.automaton.situation(this.state)
      const { detail } = situation
      // A number that is just read is a value that is over.
      const isNumber = situation.phase === Phase.IN_SCALAR
      phase = isNumber ? Phase.VALUE : situation.phase
      frame = situation.frame
      spaces = isNumber ? 0 : detail
    }
    const { frames, whitespace } = this.automaton
    const gap = gapBetween(whitespace, phase, next, frames.depth(frame))
    this.write(Buffer.from((typeof gap === 'number' ? '' : gap.slice(spaces)) + text))
  }

  private write(bytes: Uint8Array): void {
    for (const byte of bytes) {
      this.state = this.automaton.next(this.state, byte)
      if (this.state === DEAD || this.bytes.length >= LONGEST) throw this.notFound()
      this.bytes.push(byte)
    }
  }

  private notFound(): GrammarLimitError {
    return new GrammarLimitError('No short text that ends the JSON value was found within the limits.')
  }
}
