import { type Automaton, DEAD } from './automaton.js'
import { GrammarLimitError } from './limits.js'
import type { TokenTrie } from './trie.js'

/** Steps that one walk may take, the automaton's included, of which this many take about 2 s; seven times the nodes of Gemma 3's vocabulary. */
const FUEL = 2 ** 22
/** Nodes between two looks at what the automaton has spent. */
const INTERVAL = 2 ** 10

/** Walks tries along a language: nodes whose bytes it allows, in depth-first order, and nothing below others. */
export class TrieWalk {
  /** Nodes that were visited in all walks. */
  visited = 0
  /** By depth: the state after the bytes of the node that was last allowed there. */
  private readonly states: Int32Array

  /**
   * @param depth of the deepest trie
   * @param fuel nodes and steps of the automaton that one walk may take together
   */
  constructor(
    private readonly automaton: Automaton,
    depth: number,
    private readonly fuel = FUEL,
  ) {
    this.states = new Int32Array(depth + 1)
  }

  /**
   * @param root whose subtree is walked, -1 for the whole trie
   * @param start the state there
   * @param visit is told of nodes with tokens and the states after them, and ends the walk by true
   * @throws GrammarLimitError where the fuel does not suffice
   */
  run(trie: TokenTrie, root: number, start: number, visit: (node: number, state: number) => boolean): void {
    const { automaton, states, fuel } = this
    const { bytes, depths, ends, tokens } = trie
    const last = root < 0 ? bytes.length : ends[root]
    states[root < 0 ? 0 : depths[root]] = start
    const spent = automaton.steps ?? 0
    let visited = 0
    let check = Math.min(INTERVAL, fuel)
    for (let node = root + 1; node < last; visited++) {
      if (visited === check) {
        if (visited + (automaton.steps ?? 0) - spent >= fuel) throw outOfFuel(fuel)
        check += INTERVAL
      }
      const depth = depths[node]
      const state = automaton.next(states[depth - 1], bytes[node])
      if (state === DEAD) {
        node = ends[node]
        continue
      }
      states[depth] = state
      if (tokens[node] >= 0 && visit(node, state)) break
      node++
    }
    this.visited += visited
  }
}

function outOfFuel(fuel: number): GrammarLimitError {
  return new GrammarLimitError(
    `The grammar takes more than ${fuel.toLocaleString('en-US')} steps to tell which tokens may follow at one place; make it simpler.`,
  )
}
