import { type Automaton, DEAD, inLimits } from '../automaton.js'
import type { Lexical } from '../lexical.js'
import { GrammarLimitError } from '../limits.js'
import { PairTable } from '../schema/pair-table.js'
import { Tuples } from '../tuples.js'
import { advanceJson, SpelledEndings, withoutControls } from './endings.js'
import { bytesText, type Spelling } from './spelling.js'
import { type OpenWord, SpellingStates } from './spellings.js'
import { SpelledWords } from './words.js'

/** Readings of one text that are followed side by side, at most. */
const MOST_THREADS = 600

/** Bytes of JSON for a byte of a text, at most, as far as masks are concerned that many states share. */
const JSON_BYTES = 8

/** A reading of a text: a state of the spelling, and one of the JSON that came of it. */
interface Thread {
  readonly spelling: number
  readonly json: number
}

/** The texts of a format that spell JSON of a language. A state is the set of its readings that can still come to an end, the first first. */
export class SpelledAutomaton implements Automaton {
  readonly start: number
  /** Words of the JSON, and strings in other spellings. */
  readonly lexical?: Lexical
  private readonly states: SpellingStates<unknown>
  private readonly endings: SpelledEndings
  private readonly threads: Thread[] = []
  private readonly threadIds = new PairTable()
  private readonly sets = new Tuples()
  /** By thread: the state that is it alone. */
  private readonly singles: number[] = []
  private readonly nexts = new PairTable()
  /** By state of several threads: bytes that may follow. */
  private readonly flags = new Map<number, Uint8Array>()

  /** @param json the language of compact JSON texts */
  constructor(
    spelling: Spelling<unknown>,
    private readonly json: Automaton,
  ) {
    this.states = new SpellingStates(spelling)
    if (json.lexical) this.lexical = this.words(json.lexical)
    this.endings = new SpelledEndings(this.states, json)
    this.sets.intern([])
    const start = inLimits(this, () => this.viable(this.states.start, json.start, true))
    this.start = start < 0 ? DEAD : this.alone(start)
  }

  get steps(): number | undefined {
    return this.json.steps
  }

  inLimits<T>(work: () => T): T {
    return inLimits(this.json, work)
  }

  next(state: number, symbol: number): number {
    const threads = this.sets.tuple(state)
    if (threads.length === 1) return this.nextOf(threads[0], symbol)
    const known = this.nexts.get(state, symbol)
    if (known >= 0) return known
    const after: number[] = []
    for (const thread of threads) this.follow(thread, symbol, after)
    const next = this.stateOf(after)
    this.nexts.set(state, symbol, next)
    return next
  }

  accepts(state: number): boolean {
    return this.sets.tuple(state).some((thread) => this.mayEnd(this.threads[thread]))
  }

  freeText(state: number): number {
    const thread = this.only(state)
    return thread && this.states.isVerbatim(thread.spelling) ? this.json.freeText(thread.json) : 0
  }

  freeTextIsAll(state: number): boolean {
    const open = this.word(state)
    return open !== undefined && !open.word.form && (this.json.freeTextIsAll?.(open.thread.json) ?? false)
  }

  maskState(state: number, bytes: number): number {
    const threads = this.sets.tuple(state)
    const alike = threads.map((id) => {
      const { spelling, json } = this.threads[id]
      return this.threadOf(spelling, this.json.maskState?.(json, JSON_BYTES * bytes) ?? json)
    })
    return alike.every((id, i) => id === threads[i]) ? state : this.stateOf([...new Set(alike)])
  }

  candidates(state: number): Uint8Array | undefined {
    const threads = this.sets.tuple(state)
    if (threads.length === 1) return this.states.bytesOf(this.threads[threads[0]].spelling)
    const known = this.flags.get(state)
    if (known) return known
    const flags = new Uint8Array(256)
    this.flags.set(state, flags)
    for (const thread of threads)
      this.states.bytesOf(this.threads[thread].spelling).forEach((flag, byte) => {
        flags[byte] |= flag
      })
    return flags
  }

  controls(state: number): readonly number[] {
    const { threads } = this
    return [
      ...new Set(this.sets.tuple(state).flatMap((thread) => this.states.controls(threads[thread].spelling))),
    ]
  }

  completion(state: number): Uint8Array {
    return withoutControls(this.completionSymbols(state))
  }

  completionSymbols(state: number): readonly number[] {
    return this.inLimits(() => {
      let shortest: readonly number[] | undefined
      for (const thread of this.sets.tuple(state)) {
        const { spelling, json } = this.threads[thread]
        const way = this.endings.of(spelling, json)
        if (way && (!shortest || way.length < shortest.length)) shortest = way
      }
      if (shortest) return shortest
      throw new GrammarLimitError('No end of the text was found: its JSON cannot be spelled in this format.')
    })
  }

  /** The shortest text, as bytes, that stands for compact JSON; undefined where none does. */
  textOf(json: string): Uint8Array | undefined {
    const symbols = this.endings.spell(this.states.start, bytesText(json))
    return symbols && withoutControls(symbols)
  }

  /** Readings of a text of one symbol more. */
  readings(thread: number, symbol: number): readonly { readonly thread: number; readonly json: string }[] {
    const { spelling, json } = this.threads[thread]
    return this.states.read(spelling, symbol).flatMap((step) => {
      const id = this.viable(step.state, advanceJson(this.json, json, step.json), false)
      return id < 0 ? [] : [{ thread: id, json: step.json }]
    })
  }

  /** Threads of a state, the first first. */
  threadsOf(state: number): readonly number[] {
    return this.sets.tuple(state)
  }

  /** The rest of the JSON of a text that ends in a thread; undefined where it may not. */
  endOf(thread: number): string | undefined {
    const { spelling } = this.threads[thread]
    return this.mayEnd(this.threads[thread]) ? this.states.end(spelling) : undefined
  }

  private nextOf(thread: number, symbol: number): number {
    const { spelling, json } = this.threads[thread]
    const steps = this.states.read(spelling, symbol)
    if (steps.length === 0) return DEAD
    if (steps.length === 1) {
      const id = this.viable(steps[0].state, advanceJson(this.json, json, steps[0].json), false)
      return id < 0 ? DEAD : this.alone(id)
    }
    const after: number[] = []
    this.follow(thread, symbol, after)
    return this.stateOf(after)
  }

  private follow(thread: number, symbol: number, after: number[]): void {
    for (const each of this.readings(thread, symbol))
      if (!after.includes(each.thread)) after.push(each.thread)
    if (after.length > MOST_THREADS)
      throw new GrammarLimitError(`A text can be read in more than ${MOST_THREADS} ways at one place.`)
  }

  /** The thread of two states, −1 where it cannot come to an end. @param isAsked whether an end is looked for in a free state too */
  private viable(spelling: number, json: number, isAsked: boolean): number {
    if (json === DEAD) return -1
    if ((isAsked || !this.states.isFree(spelling)) && !this.endings.has(spelling, json)) return -1
    return this.threadOf(spelling, json)
  }

  private threadOf(spelling: number, json: number): number {
    let id = this.threadIds.get(spelling, json)
    if (id < 0) {
      id = this.threads.length
      this.threads.push({ spelling, json })
      this.threadIds.set(spelling, json, id)
    }
    return id
  }

  private stateOf(threads: readonly number[]): number {
    return threads.length === 1 ? this.alone(threads[0]) : this.sets.intern(threads)
  }

  private alone(thread: number): number {
    this.singles[thread] ??= this.sets.intern([thread])
    return this.singles[thread]
  }

  private only(state: number): Thread | undefined {
    const threads = this.sets.tuple(state)
    return threads.length === 1 ? this.threads[threads[0]] : undefined
  }

  /** The word that is open in a state, where it is read in one way. */
  private word(state: number): { readonly thread: Thread; readonly word: OpenWord } | undefined {
    const thread = this.only(state)
    const word = thread && this.states.wordOf(thread.spelling)
    return word && { thread, word }
  }

  private words(lexical: Lexical): Lexical {
    const lexer = new SpelledWords(lexical.lexer)
    const jsonOf = (state: number) => this.threads[this.sets.tuple(state)[0]].json
    return {
      lexer,
      open: (state) => {
        const open = this.word(state)
        if (!open) return DEAD
        const { thread, word } = open
        const lexeme = lexical.open(thread.json)
        return word.form ? lexer.of(lexeme, word.form) : lexeme
      },
      close: (state, verdict) => {
        const { thread, word } = this.word(state)!
        const json = lexical.close(thread.json, verdict)
        if (json === DEAD) return DEAD
        const ended = this.threadOf(word.after, json)
        return word.form ? this.nextOf(ended, word.form.ender) : this.alone(ended)
      },
      exceptions: (state) => lexical.exceptions(jsonOf(state)),
      holdsExceptions: (state) => lexical.holdsExceptions(jsonOf(state)),
    }
  }

  private mayEnd({ spelling, json }: Thread): boolean {
    const rest = this.states.end(spelling)
    if (rest === undefined) return false
    const last = advanceJson(this.json, json, rest)
    return last !== DEAD && this.json.accepts(last)
  }
}
