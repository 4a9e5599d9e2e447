import { CONTROL } from '../automaton.js'
import type { Reading, Spelling, WordForm } from './spelling.js'

/** A reading that leads to a numbered state. */
export interface SpelledStep {
  readonly state: number
  readonly json: string
}

/** A symbol with one of its readings. */
export interface Edge extends SpelledStep {
  readonly symbol: number
}

/** A string of JSON that is open. */
export interface OpenWord {
  /** The number of the state after its end. */
  readonly after: number
  /** Of a string that is not spelled as in JSON. */
  readonly form: WordForm | undefined
}

const NO_STEPS: readonly SpelledStep[] = []

/** The states of a spelling as numbers, and what was read in each of them. */
export class SpellingStates<State> {
  private readonly ids = new Map<string, number>()
  private readonly states: State[] = []
  /** By state and symbol. */
  private readonly steps: (readonly SpelledStep[] | undefined)[][] = []
  private readonly endings: (string | undefined | null)[] = []
  private readonly freedom: (boolean | undefined)[] = []
  private readonly edges: (ReadonlyMap<string, readonly Edge[]> | undefined)[] = []
  private readonly words: (OpenWord | null | undefined)[] = []
  private readonly flags: (Uint8Array | undefined)[] = []

  constructor(private readonly spelling: Spelling<State>) {}

  get start(): number {
    return this.idOf(this.spelling.start)
  }

  read(id: number, symbol: number): readonly SpelledStep[] {
    const row = this.steps[id]
    let steps = row[symbol]
    if (steps === undefined) {
      const readings = this.spelling.read(this.states[id], symbol)
      steps = readings.length === 0 ? NO_STEPS : readings.map((each) => this.stepOf(each))
      row[symbol] = steps
    }
    return steps
  }

  end(id: number): string | undefined {
    if (this.endings[id] === undefined) this.endings[id] = this.spelling.end(this.states[id]) ?? null
    return this.endings[id] ?? undefined
  }

  isFree(id: number): boolean {
    this.freedom[id] ??= this.spelling.isFree(this.states[id])
    return this.freedom[id]
  }

  /** The string of JSON that is open. */
  wordOf(id: number): OpenWord | undefined {
    let known = this.words[id]
    if (known === undefined) {
      const word = this.spelling.word?.(this.states[id])
      known = word ? { after: this.idOf(word.after), form: word.form } : null
      this.words[id] = known
    }
    return known ?? undefined
  }

  isVerbatim(id: number): boolean {
    const word = this.wordOf(id)
    return this.spelling.isVerbatim?.(this.states[id]) ?? (word !== undefined && word.form === undefined)
  }

  controls(id: number): readonly number[] {
    return this.spelling.controls?.(this.states[id]) ?? []
  }

  /** Everything that may be read, by the first byte of its JSON, and that without JSON by ''. */
  edgesOf(id: number): ReadonlyMap<string, readonly Edge[]> {
    const known = this.edges[id]
    if (known) return known
    const edges = new Map<string, Edge[]>()
    const add = (symbol: number) => {
      for (const step of this.read(id, symbol)) {
        const first = step.json.slice(0, 1)
        const others = edges.get(first)
        if (others) others.push({ symbol, ...step })
        else edges.set(first, [{ symbol, ...step }])
      }
    }
    for (let byte = 0; byte < CONTROL; byte++) add(byte)
    for (const token of this.controls(id)) add(CONTROL + token)
    this.edges[id] = edges
    return edges
  }

  /** Bytes that have a reading, a flag each; [256]. */
  bytesOf(id: number): Uint8Array {
    this.flags[id] ??= Uint8Array.from({ length: CONTROL }, (_, byte) =>
      this.read(id, byte).length > 0 ? 1 : 0,
    )
    return this.flags[id]
  }

  private stepOf({ state, json }: Reading<State>): SpelledStep {
    return { state: this.idOf(state), json }
  }

  private idOf(state: State): number {
    const key = this.spelling.key(state)
    const known = this.ids.get(key)
    if (known !== undefined) return known
    const id = this.states.length
    this.ids.set(key, id)
    this.states.push(state)
    this.steps.push([])
    return id
  }
}
