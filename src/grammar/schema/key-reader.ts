import { DEAD } from '../automaton.js'
import type { Regex } from '../regex/regex.js'
import type { RegexAutomaton } from '../regex/regex-automaton.js'
import { Tuples } from '../tuples.js'
import { readEscaped, spelledRest } from './escapes.js'
import { type Frame, type Frames, LOST } from './frames.js'
import type { Names } from './names.js'

/** A key that is being read, by its number in `KeyReader`. */
export type KeyState = number

// A key's tuple: node of the names' trie or −1, what was read of an escape, state of the language of other keys, states of the languages
// that tell these apart.
const [NODE, PENDING, OTHER, LANGUAGES] = [0, 1, 2, 3]

/** Which keys may come next in an object. */
interface Expected {
  readonly names: Names
  /** Of these names: by state and byte the next state, where keys that are no names may come. */
  readonly rows: Int32Array[]
  /** The frames after the names, by place; filled when they are asked for. */
  readonly after: (Frame | undefined)[]
  /** Languages that tell apart the keys that are no names. */
  readonly languages: readonly Regex[]
  /** Keys that are no names, with quotation mark: the state of their language. */
  readonly other: number
}

/** A next state that was not asked for yet. */
const UNKNOWN = -1

/** Other keys' languages of which all combinations are tried; beyond, a key is judged at its end. */
const MOST_LANGUAGES = 6

/** Reads keys byte by byte: names by their trie, and beside it all other keys by their languages. */
export class KeyReader {
  private readonly states = new Tuples()
  private readonly pendings = new Map<string, number>([['', 0]])
  private readonly pendingTexts = ['']
  private readonly expected: Expected[] = []
  private readonly rows = new Map<Names, Int32Array[]>()

  constructor(
    private readonly frames: Frames,
    private readonly automaton: RegexAutomaton,
    private readonly anySpelling: boolean,
  ) {}

  /** The state after the quotation mark that opens a key; undefined where no key may come. */
  start(frame: Frame): KeyState | undefined {
    const { languages, other } = this.expectedIn(frame)
    const states = languages.map((language) => this.automaton.stateOf(language))
    return this.live(frame, [0, 0, other, ...states])
  }

  next(frame: Frame, state: KeyState, byte: number): KeyState | undefined {
    const { names, rows } = this.expectedIn(frame)
    const known = rows[state]?.[byte] ?? UNKNOWN
    if (known !== UNKNOWN) return known
    const [node, pending, ...states] = this.states.tuple(state)
    const read = readEscaped(this.pendingTexts[pending], byte)
    if (!read) return undefined
    const following = states.map((each) => (each === DEAD ? DEAD : this.automaton.next(each, byte)))
    const tuple = [names.step(node, read.bytes), this.pendingOf(read.pending), ...following]
    const next = this.live(frame, tuple)
    // Whether one of the names may still come is the frame's own.
    if (next !== undefined && tuple[OTHER] !== DEAD) {
      rows[state] ??= new Int32Array(256).fill(UNKNOWN)
      rows[state][byte] = next
    }
    return next
  }

  /** The frame after the quotation mark that closes a key; LOST where it may not. */
  close(frame: Frame, state: KeyState): Frame {
    const tuple = this.states.tuple(state)
    if (tuple[PENDING] !== 0) return LOST
    const { names, languages } = this.expectedIn(frame)
    const place = names.endOf(tuple[NODE])
    if (place >= 0) return this.after(frame, place)
    if (tuple[OTHER] === DEAD || !this.automaton.accepts(tuple[OTHER])) return LOST
    const matched = languages.filter((_, i) => {
      const each = tuple[LANGUAGES + i]
      return each !== DEAD && this.automaton.accepts(each)
    })
    return this.frames.withOther(frame, matched)
  }

  /** Whether a quotation mark ends the key, and no escape. */
  atQuote(state: KeyState): boolean {
    return this.states.tuple(state)[PENDING] === 0
  }

  /** Whether the key may be one that the schema does not name. */
  mayBeOther(state: KeyState): boolean {
    return this.states.tuple(state)[OTHER] !== DEAD
  }

  freeText(state: KeyState): number {
    const tuple = this.states.tuple(state)
    return tuple[OTHER] === DEAD || tuple[PENDING] !== 0 ? 0 : this.automaton.freeText(tuple[OTHER])
  }

  /** Text that ends a key, up to and with its quotation mark. */
  completion(frame: Frame, state: KeyState): Uint8Array {
    const tuple = this.states.tuple(state)
    const { names } = this.expectedIn(frame)
    for (const place of names.below(tuple[NODE])) {
      if (this.after(frame, place) === LOST) continue
      const pending = this.pendingTexts[tuple[PENDING]]
      const rest = spelledRest(names.name(place), names.depthOf(tuple[NODE]), pending, this.anySpelling)
      if (rest !== undefined) return Buffer.from(`${rest}"`, 'latin1')
    }
    const { scalars } = this.frames
    const { regexes } = scalars
    // Other keys are not names.
    let rest = tuple[OTHER] === DEAD ? regexes.empty : this.automaton.regexOf(tuple[OTHER])
    let isName = names.endOf(tuple[NODE]) >= 0
    const bytes: number[] = []
    for (;;) {
      if (rest.nullable && !isName) return Uint8Array.from([...bytes, 0x22])
      const more = regexes.and([rest, regexes.not(regexes.epsilon)])
      const [byte] = this.automaton.completion(this.automaton.stateOf(more))
      bytes.push(byte)
      rest = regexes.derivative(rest, byte)
      isName = false
    }
  }

  /** The frame after a name. */
  after(frame: Frame, place: number): Frame {
    const { after } = this.expectedIn(frame)
    after[place] ??= this.frames.withName(frame, place)
    return after[place]
  }

  private pendingOf(text: string): number {
    let number = this.pendings.get(text)
    if (number === undefined) {
      number = this.pendingTexts.length
      this.pendingTexts.push(text)
      this.pendings.set(text, number)
    }
    return number
  }

  /** The number of a state, unless no key can come of it. */
  private live(frame: Frame, tuple: readonly number[]): KeyState | undefined {
    if (tuple[OTHER] !== DEAD) return this.states.intern(tuple)
    const { names } = this.expectedIn(frame)
    const pending = this.pendingTexts[tuple[PENDING]]
    const depth = pending === '' ? 0 : names.depthOf(tuple[NODE])
    const isLive = names
      .below(tuple[NODE])
      .some(
        (place) =>
          (pending === '' ||
            spelledRest(names.name(place), depth, pending, this.anySpelling) !== undefined) &&
          this.after(frame, place) !== LOST,
      )
    return isLive ? this.states.intern([tuple[NODE], tuple[PENDING], DEAD]) : undefined
  }

  private expectedIn(frame: Frame): Expected {
    this.expected[frame] ??= this.expect(frame)
    return this.expected[frame]
  }

  private expect(frame: Frame): Expected {
    const { scalars } = this.frames
    const { regexes } = scalars
    const names = this.frames.namesOf(frame)
    const languages = this.frames.languages(frame)
    const allowed: Regex[] = []
    const choose = (i: number, matched: readonly Regex[], language: Regex) => {
      if (language !== scalars.anyText && regexes.isEmpty(language)) return
      if (i === languages.length) {
        if (this.frames.withOther(frame, matched) !== LOST) allowed.push(language)
        return
      }
      choose(i + 1, matched, regexes.and([language, regexes.not(languages[i])]))
      choose(i + 1, [...matched, languages[i]], regexes.and([language, languages[i]]))
    }
    if (languages.length <= MOST_LANGUAGES) choose(0, [], scalars.anyText)
    else if (this.frames.withOther(frame, []) !== LOST) allowed.push(scalars.anyText)
    else allowed.push(...languages)
    let other = regexes.or(allowed)
    // Of a language with few texts names may take all.
    if (languages.length > 0 && other !== regexes.empty) {
      const texts = names.numbers.map((_, place) => names.name(place))
      other = regexes.and([other, regexes.not(scalars.texts(texts))])
    }
    const rows = this.rows.get(names) ?? []
    this.rows.set(names, rows)
    return { names, rows, after: [], languages, other: this.automaton.stateOf(other) }
  }
}
