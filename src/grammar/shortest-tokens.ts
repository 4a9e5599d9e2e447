import { type Automaton, CONTROL } from './automaton.js'
import type { GrammarTokens } from './tokens.js'
import type { TokenTrie } from './trie.js'

/**
 * Tokens that bring the text to an end: the fewest for one of its shortest completions, so that their number is an upper bound of the
 * fewest that there are. A token that ends the text is not counted.
 * @returns undefined where the vocabulary lacks a byte
 */
export function completionTokens(
  automaton: Automaton,
  { trie }: GrammarTokens,
  state: number,
): readonly number[] | undefined {
  return fewestTokens(trie, automaton.completionSymbols?.(state) ?? automaton.completion(state))
}

/**
 * The fewest tokens that spell bytes, of these the longest first; undefined where there are none.
 * @param symbols bytes, and control tokens, which are themselves
 */
export function fewestTokens(trie: TokenTrie, symbols: ArrayLike<number>): readonly number[] | undefined {
  const { length } = symbols
  /** By place: tokens up to the end, the first of them, and its symbols. */
  const counts = new Float64Array(length + 1).fill(Infinity)
  const firsts = new Int32Array(length)
  const widths = new Int32Array(length)
  counts[length] = 0
  const enter = (start: number, end: number, token: number) => {
    if (counts[end] + 1 > counts[start]) return
    counts[start] = counts[end] + 1
    firsts[start] = token
    widths[start] = end - start
  }
  for (let start = length - 1; start >= 0; start--) {
    if (symbols[start] >= CONTROL) enter(start, start + 1, symbols[start] - CONTROL)
    for (let at = start, node = -1; at < length && symbols[at] < CONTROL; at++) {
      node = trie.child(node, symbols[at])
      if (node < 0) break
      if (trie.tokens[node] >= 0) enter(start, at + 1, trie.tokens[node])
    }
  }
  if (counts[0] === Infinity) return undefined
  const tokens: number[] = []
  for (let at = 0; at < length; at += widths[at]) tokens.push(firsts[at])
  return tokens
}
