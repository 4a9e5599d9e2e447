import { DEAD } from '../automaton.js'
import type { Regex } from '../regex/regex.js'
import { Tuples } from '../tuples.js'
import { readEscaped, spelledRest } from './escapes.js'
import { type Frame, type Frames, LOST } from './frames.js'
import type { Lexeme, Lexemes } from './lexemes.js'
import type { Names } from './names.js'

/** A key that is being read, by its number in `KeyReader`. */
export type KeyState = number

// A key's tuple: node of the names' trie or −1, what was read of an escape, lexeme of other keys.
const [NODE, PENDING, OTHER] = [0, 1, 2]

/** Which keys may come next in an object. */
interface Expected {
  readonly names: Names
  /** Of these names: by state and byte the next state. */
  readonly rows: Int32Array[]
  /** The frames after the names, by place; filled when they are asked for. */
  readonly after: (Frame | undefined)[]
  /** Of these names: by state within an escape the places of names that may be meant. */
  readonly spelled: (readonly number[])[]
  /** By place: whether the name may come; filled when it is asked for. */
  readonly mayCome: (boolean | undefined)[]
  /** By node of the names' trie: whether one of the names below may come; filled when it is asked for. */
  readonly isLive: (boolean | undefined)[]
  /** Languages that tell apart the keys that are no names, and those that all of them are in. */
  readonly languages: readonly Regex[]
  readonly always: readonly Regex[]
  /** Keys that are no names, with the quotation mark after them, and beside these the languages: the lexeme where they begin. */
  readonly other: Lexeme
}

const QUOTATION_MARK = 0x22

/** Keys that are no names, in whatever spelling, without the quotation mark. */
type OtherKeys = Pick<Expected, 'languages' | 'always'> & { readonly language: Regex }

/** A next state that was not asked for yet. */
const UNKNOWN = -1
/** No next state. */
const NO_KEY = -2

/** Other keys' languages of which all combinations are tried; beyond, a key is judged at its end. */
const MOST_LANGUAGES = 6

/** Reads keys byte by byte: names by their trie, and beside it all other keys by their languages. */
export class KeyReader {
  private readonly states = new Tuples()
  private readonly pendings = new Map<string, number>([['', 0]])
  private readonly pendingTexts = ['']
  private readonly expected: Expected[] = []
  private readonly tables = new Map<Names, Pick<Expected, 'rows' | 'spelled'>>()

  constructor(
    private readonly frames: Frames,
    private readonly lexemes: Lexemes,
    private readonly anySpelling: boolean,
  ) {}

  /** The state after the quotation mark that opens a key; undefined where no key may come. */
  start(frame: Frame): KeyState | undefined {
    const state = this.states.intern([0, 0, this.expectedIn(frame).other])
    return this.isLive(frame, state) ? state : undefined
  }

  next(frame: Frame, state: KeyState, byte: number): KeyState | undefined {
    const { names, rows } = this.expectedIn(frame)
    rows[state] ??= new Int32Array(256).fill(UNKNOWN)
    if (rows[state][byte] === UNKNOWN) rows[state][byte] = this.read(names, state, byte)
    const next = rows[state][byte]
    return next === NO_KEY || !this.isLive(frame, next) ? undefined : next
  }

  /** The state after a byte, whichever of the names may still come. */
  private read(names: Names, state: KeyState, byte: number): KeyState | typeof NO_KEY {
    const [node, pending, other] = this.states.tuple(state)
    const read = readEscaped(this.pendingTexts[pending], byte)
    if (!read) return NO_KEY
    const following = other === DEAD ? DEAD : this.lexemes.next(other, byte)
    const after = names.step(node, read.bytes)
    if (after < 0 && following === DEAD) return NO_KEY
    return this.states.intern([after, this.pendingOf(read.pending), following])
  }

  /** The frame after the quotation mark that closes a key; LOST where it may not. */
  close(frame: Frame, state: KeyState): Frame {
    const tuple = this.states.tuple(state)
    if (tuple[PENDING] !== 0) return LOST
    const { names } = this.expectedIn(frame)
    const place = names.endOf(tuple[NODE])
    if (place >= 0) return this.after(frame, place)
    const end = tuple[OTHER] === DEAD ? DEAD : this.lexemes.next(tuple[OTHER], QUOTATION_MARK)
    return end === DEAD ? LOST : this.closeOther(frame, this.lexemes.verdicts(end))
  }

  /** The frame after a key that has no name. @param verdicts whether it is in the languages that tell keys apart */
  closeOther(frame: Frame, verdicts: readonly boolean[]): Frame {
    const { languages, always } = this.expectedIn(frame)
    return this.frames.withOther(frame, [...always, ...languages.filter((_, i) => verdicts[i])])
  }

  /** Whether a quotation mark ends the key, and no escape. */
  atQuote(state: KeyState): boolean {
    return this.states.tuple(state)[PENDING] === 0
  }

  /** Whether the key may be one that the schema does not name. */
  mayBeOther(state: KeyState): boolean {
    return this.states.tuple(state)[OTHER] !== DEAD
  }

  /** The lexeme of other keys and their quotation mark; `DEAD` where none may come, or within an escape. */
  otherKey(state: KeyState): Lexeme {
    const tuple = this.states.tuple(state)
    return tuple[PENDING] === 0 ? tuple[OTHER] : DEAD
  }

  /** Whether the lexeme of other keys reads all names as well. */
  hasNames(frame: Frame): boolean {
    const { other, languages, always } = this.expectedIn(frame)
    return other === DEAD || languages.length + always.length === 0
  }

  /** Bytes by which names go on or end: a flag each. Undefined where there are no names, or within an escape. */
  nameBytes(frame: Frame, state: KeyState): Uint8Array | undefined {
    const tuple = this.states.tuple(state)
    if (tuple[NODE] < 0 || tuple[PENDING] !== 0) return undefined
    return this.expectedIn(frame).names.bytesAfter(tuple[NODE])
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
    const { regexes } = this.frames.scalars
    const { automaton } = this.lexemes
    const rest = automaton.regexOf(this.lexemes.first(tuple[OTHER]))
    // Other keys are not names.
    const isName = names.endOf(tuple[NODE]) >= 0
    const others = isName ? regexes.and([rest, regexes.not(regexes.literal('"'))]) : rest
    return automaton.completion(automaton.stateOf(others))
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

  /** Whether a key can come of a state. */
  private isLive(frame: Frame, state: KeyState): boolean {
    const tuple = this.states.tuple(state)
    if (tuple[OTHER] !== DEAD) return true
    const { names, isLive, spelled } = this.expectedIn(frame)
    if (tuple[PENDING] === 0) {
      const known =
        isLive[tuple[NODE]] ?? names.below(tuple[NODE]).some((place) => this.mayCome(frame, place))
      isLive[tuple[NODE]] = known
      return known
    }
    spelled[state] ??= this.spelled(names, tuple)
    return spelled[state].some((place) => this.mayCome(frame, place))
  }

  /** The places of names that go on with what was read of an escape. */
  private spelled(names: Names, tuple: readonly number[]): readonly number[] {
    const pending = this.pendingTexts[tuple[PENDING]]
    const depth = names.depthOf(tuple[NODE])
    return names
      .below(tuple[NODE])
      .filter((place) => spelledRest(names.name(place), depth, pending, this.anySpelling) !== undefined)
  }

  private mayCome(frame: Frame, place: number): boolean {
    const { mayCome } = this.expectedIn(frame)
    const known = mayCome[place] ?? this.frames.mayCome(frame, place)
    mayCome[place] = known
    return known
  }

  private expectedIn(frame: Frame): Expected {
    this.expected[frame] ??= this.expect(frame)
    return this.expected[frame]
  }

  private expect(frame: Frame): Expected {
    const names = this.frames.namesOf(frame)
    const known = this.tables.get(names) ?? { rows: [], spelled: [] }
    this.tables.set(names, known)
    const { language, languages, always } = this.others(frame)
    const { regexes } = this.frames.scalars
    const quoted = (each: Regex) => regexes.join(each, regexes.literal('"'))
    const other = this.lexemes.start([this.withoutNames(language, names), ...languages].map(quoted))
    return { names, ...known, after: [], mayCome: [], isLive: [], languages, always, other }
  }

  /** Keys that are no names, and the languages that tell them apart: those that all of them are in are told apart from these. */
  private others(frame: Frame): OtherKeys {
    const { scalars } = this.frames
    const { regexes, anyText } = scalars
    const languages = this.frames.languages(frame)
    if (languages.length > MOST_LANGUAGES) {
      const isFree = this.frames.withOther(frame, []) !== LOST
      return { language: isFree ? anyText : regexes.or(languages), languages, always: [] }
    }
    const allowed: { readonly language: Regex; readonly matched: readonly Regex[] }[] = []
    let isAll = true
    const choose = (i: number, matched: readonly Regex[], language: Regex) => {
      if (language !== anyText && regexes.isEmpty(language)) return
      if (i === languages.length) {
        if (this.frames.withOther(frame, matched) !== LOST) allowed.push({ language, matched })
        else isAll = false
        return
      }
      choose(i + 1, matched, regexes.and([language, regexes.not(languages[i])]))
      choose(i + 1, [...matched, languages[i]], regexes.and([language, languages[i]]))
    }
    choose(0, [], anyText)
    if (allowed.length === 1 && !isAll)
      return { language: allowed[0].language, languages: [], always: allowed[0].matched }
    return {
      language: isAll ? anyText : regexes.or(allowed.map((each) => each.language)),
      languages,
      always: [],
    }
  }

  /** Of a language with few texts names may take all. */
  private withoutNames(language: Regex, names: Names): Regex {
    const { scalars } = this.frames
    const { regexes, anyText } = scalars
    if (language === anyText || language === regexes.empty) return language
    const texts = names.numbers.map((_, place) => names.name(place))
    const held = texts.filter((text) => {
      const spelled = Buffer.from(JSON.stringify(text).slice(1, -1))
      return spelled.reduce((rest, byte) => regexes.derivative(rest, byte), language).nullable
    })
    return held.length === 0 ? language : regexes.and([language, regexes.not(scalars.texts(held))])
  }
}
