import { DEAD } from '../../../src/grammar/automaton.js'
import type { SchemaAutomaton } from '../../../src/grammar/schema/index.js'

/** Bytes of a text that are accepted before the first that is not; −1 where the whole text is accepted as it stands. */
export function refusedAt(automaton: SchemaAutomaton, text: string): number {
  let state = automaton.start
  for (const [i, byte] of Buffer.from(text).entries()) {
    state = automaton.next(state, byte)
    if (state === DEAD) return i
  }
  return automaton.accepts(state) ? -1 : Buffer.from(text).length
}

export function stateAfter(automaton: SchemaAutomaton, text: string): number {
  let state = automaton.start
  for (const byte of Buffer.from(text)) state = automaton.next(state, byte)
  return state
}

/** The bytes that may follow a text, as characters, the parts of longer characters left out. */
export function following(automaton: SchemaAutomaton, text: string): string {
  const state = stateAfter(automaton, text)
  const bytes = Array.from({ length: 128 }, (_, byte) => byte)
  return String.fromCharCode(...bytes.filter((byte) => automaton.next(state, byte) !== DEAD))
}

export function completed(automaton: SchemaAutomaton, text: string): string {
  return text + Buffer.from(automaton.completion(stateAfter(automaton, text))).toString()
}
