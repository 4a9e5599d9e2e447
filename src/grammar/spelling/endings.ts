import { type Automaton, CONTROL, DEAD } from '../automaton.js'
import { PairTable } from '../schema/pair-table.js'
import type { Edge, SpellingStates } from './spellings.js'

/** Places that are visited at most in search of an end that the shortest JSON does not lead to. */
const MOST_SEARCHED = 400

/** A place on the way to an end: how it was come by. */
interface Way {
  readonly from: Way | undefined
  readonly symbol: number
}

/** How texts end that are spelled: a completion of the JSON, spelled. */
export class SpelledEndings {
  private readonly known = new PairTable()

  constructor(
    private readonly states: SpellingStates<unknown>,
    private readonly json: Automaton,
  ) {}

  /** Whether a text can be brought to an end from a state of the spelling and one of the JSON. */
  has(state: number, json: number): boolean {
    let known = this.known.get(state, json)
    if (known < 0) {
      known = this.of(state, json) ? 1 : 0
      this.known.set(state, json, known)
    }
    return known === 1
  }

  /** Symbols of a short text that ends what was begun; undefined where none was found. */
  of(state: number, json: number): readonly number[] | undefined {
    return this.spell(state, bytesOf(this.json.completion(json))) ?? this.search(state, json)
  }

  /** The fewest symbols that spell the rest of a JSON text, bytes one a character; undefined where there are none. */
  spell(start: number, text: string): readonly number[] | undefined {
    const { states } = this
    const width = text.length + 1
    const seen = new Set([start * width])
    const queue: { readonly state: number; readonly at: number; readonly way: Way | undefined }[] = [
      { state: start, at: 0, way: undefined },
    ]
    for (const { state, at, way } of queue) {
      const end = states.end(state)
      if (end !== undefined && end === text.slice(at)) return symbolsOf(way)
      const visit = ({ symbol, state: after, json }: Edge) => {
        if (!text.startsWith(json, at)) return
        const place = after * width + at + json.length
        if (seen.has(place)) return
        seen.add(place)
        queue.push({ state: after, at: at + json.length, way: { from: way, symbol } })
      }
      const edges = states.edgesOf(state)
      edges.get('')?.forEach(visit)
      if (at < text.length) edges.get(text[at])?.forEach(visit)
    }
    return undefined
  }

  /** A way to a place whose completion can be spelled. */
  private search(start: number, json: number): readonly number[] | undefined {
    const { states } = this
    const seen = new PairTable()
    const queue: { readonly state: number; readonly json: number; readonly way: Way | undefined }[] = [
      { state: start, json, way: undefined },
    ]
    for (let i = 0; i < queue.length && i < MOST_SEARCHED; i++) {
      const place = queue[i]
      if (i > 0) {
        const rest = this.spell(place.state, bytesOf(this.json.completion(place.json)))
        if (rest) return [...symbolsOf(place.way), ...rest]
      }
      for (const edges of states.edgesOf(place.state).values()) {
        for (const { symbol, state, json: text } of edges) {
          const after = advanceJson(this.json, place.json, text)
          if (after === DEAD || seen.get(state, after) >= 0) continue
          seen.set(state, after, 1)
          queue.push({ state, json: after, way: { from: place.way, symbol } })
        }
      }
    }
    return undefined
  }
}

function symbolsOf(way: Way | undefined): number[] {
  const symbols: number[] = []
  for (let each = way; each; each = each.from) symbols.push(each.symbol)
  return symbols.reverse()
}

const bytesOf = (text: Uint8Array) => Buffer.from(text).toString('latin1')

/** The state of JSON after bytes of a text, one a character. */
export function advanceJson(json: Automaton, state: number, text: string): number {
  let after = state
  for (let i = 0; i < text.length && after !== DEAD; i++) after = json.next(after, text.charCodeAt(i))
  return after
}

/** The bytes of symbols without control tokens. */
export function withoutControls(symbols: readonly number[]): Uint8Array {
  return Uint8Array.from(symbols.filter((symbol) => symbol < CONTROL))
}
