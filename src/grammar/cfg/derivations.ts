import type { GrammarSymbol, Production, Productions } from './productions.js'

/** The shortest texts of all symbols, and the productions that are of use. */
export interface Derivations {
  /** Bytes and control tokens of the shortest text of a symbol: 0 where it may be empty, Infinity where it has none. */
  length(symbol: GrammarSymbol): number
  /** Whether a symbol has a text that is not empty. */
  hasText(symbol: GrammarSymbol): boolean
  /** By nonterminal: the production of its shortest text. */
  readonly shortest: readonly (Production | undefined)[]
  /** By nonterminal: productions that derive a text. */
  readonly useful: readonly (readonly Production[])[]
}

/**
 * @param lengths of the shortest text of each terminal, Infinity where it has none
 * @param hasText whether a terminal has a text that is not empty
 */
export function derive(
  productions: Productions,
  lengths: readonly number[],
  hasText: (terminal: number) => boolean,
): Derivations {
  const { all, nonterminals } = productions
  const uses = usesOf(productions)
  const shortest: (Production | undefined)[] = new Array(nonterminals).fill(undefined)
  const known = new Float64Array(nonterminals).fill(Infinity)
  const length = (symbol: GrammarSymbol) => (symbol < 0 ? lengths[~symbol] : known[symbol])
  settle(all, uses, lengths, (production, sum) => {
    if (shortest[production.nonterminal]) return false
    shortest[production.nonterminal] = production
    known[production.nonterminal] = sum
    return true
  })
  const isUseful = all.map((production) => lengthOf(production, length) < Infinity)
  const useful: Production[][] = Array.from({ length: nonterminals }, () => [])
  all.forEach((production, i) => {
    if (isUseful[i]) useful[production.nonterminal].push(production)
  })
  const texts = new Uint8Array(nonterminals)
  const holdsText = (symbol: GrammarSymbol) => (symbol < 0 ? hasText(~symbol) : texts[symbol] === 1)
  const open = useful.flat()
  for (let production = open.pop(); production; production = open.pop()) {
    const { nonterminal, symbols } = production
    if (texts[nonterminal] || !symbols.some(holdsText)) continue
    texts[nonterminal] = 1
    for (const user of uses[nonterminal])
      if (isUseful[user] && !texts[all[user].nonterminal]) open.push(all[user])
  }
  return { length, hasText: holdsText, shortest, useful }
}

function lengthOf({ symbols, min }: Production, length: (symbol: GrammarSymbol) => number): number {
  let sum = 0
  for (const symbol of symbols) sum += length(symbol)
  return min === 0 ? 0 : Math.min(sum * min, sum < Infinity ? Number.MAX_VALUE : Infinity)
}

/** By nonterminal: the productions that it stands in, as often as it does. */
function usesOf({ all, nonterminals }: Productions): readonly (readonly number[])[] {
  const uses: number[][] = Array.from({ length: nonterminals }, () => [])
  all.forEach(({ symbols }, production) => {
    for (const symbol of symbols) if (symbol >= 0) uses[symbol].push(production)
  })
  return uses
}

/**
 * Nonterminals in the order of their shortest texts (Knuth 1977, a generalisation of Dijkstra's algorithm).
 * @param reach is told of a production and the length of its text; false where its nonterminal was reached before
 */
function settle(
  all: readonly Production[],
  uses: readonly (readonly number[])[],
  lengths: readonly number[],
  reach: (production: Production, length: number) => boolean,
): void {
  const missing = new Int32Array(all.length)
  const sums = new Float64Array(all.length)
  const heap = new Heap()
  const ready = (production: number) => {
    const { min } = all[production]
    const length = min === 0 ? 0 : Math.min(sums[production] * min, Number.MAX_VALUE)
    heap.push(length, production)
  }
  all.forEach(({ symbols, min }, production) => {
    for (const symbol of symbols) {
      if (symbol >= 0 || lengths[~symbol] === Infinity) missing[production]++
      else sums[production] += lengths[~symbol]
    }
    if (missing[production] === 0 || min === 0) ready(production)
  })
  for (let next = heap.pop(); next; next = heap.pop()) {
    const { nonterminal } = all[next.item]
    if (!reach(all[next.item], next.key)) continue
    for (const user of uses[nonterminal]) {
      sums[user] += next.key
      if (--missing[user] === 0 && all[user].min > 0) ready(user)
    }
  }
}

/** A binary heap of numbers by their keys, the least first. */
class Heap {
  readonly #keys: number[] = []
  readonly #items: number[] = []

  push(key: number, item: number): void {
    let at = this.#keys.length
    for (; at > 0; at = (at - 1) >> 1) {
      const parent = (at - 1) >> 1
      if (this.#keys[parent] <= key) break
      this.#keys[at] = this.#keys[parent]
      this.#items[at] = this.#items[parent]
    }
    this.#keys[at] = key
    this.#items[at] = item
  }

  pop(): { readonly key: number; readonly item: number } | undefined {
    const keys = this.#keys
    const items = this.#items
    if (keys.length === 0) return undefined
    const first = { key: keys[0], item: items[0] }
    const key = keys.pop()!
    const item = items.pop()!
    if (keys.length === 0) return first
    let at = 0
    for (let child = 1; child < keys.length; child = 2 * at + 1) {
      if (child + 1 < keys.length && keys[child + 1] < keys[child]) child++
      if (keys[child] >= key) break
      keys[at] = keys[child]
      items[at] = items[child]
      at = child
    }
    keys[at] = key
    items[at] = item
    return first
  }
}
