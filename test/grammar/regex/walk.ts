import type { Automaton } from '../../../src/grammar/automaton.js'

/** The state after a text. */
export function walk(automaton: Automaton, text: string | Uint8Array, from = automaton.start): number {
  let state = from
  for (const byte of Buffer.from(text as string)) state = automaton.next(state, byte)
  return state
}

export function accepts(automaton: Automaton, text: string | Uint8Array): boolean {
  return automaton.accepts(walk(automaton, text))
}
