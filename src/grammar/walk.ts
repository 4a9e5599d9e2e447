import { type Automaton, DEAD, inLimits } from './automaton.js'
import { GrammarLimitError } from './limits.js'
import type { TokenTrie } from './trie.js'

/** Steps that one walk may take, the automaton's included, of which this many take about 2 s; seven times the nodes of Gemma 3's vocabulary. */
const FUEL = 2 ** 22
/** Nodes between two looks at what the automaton has spent. */
const INTERVAL = 2 ** 10

type Visit = (node: number, state: number) => boolean

/** Walks tries along a language: nodes whose bytes it allows, in depth-first order, and nothing below others. */
export class TrieWalk {
  /** Nodes that were visited in all walks. */
  visited = 0
  /** By depth: the state after the bytes of the node that was last allowed there. */
  private readonly states: Int32Array
  /** By depth: the bytes that may follow that state, where they are known. */
  private readonly candidates: (Uint8Array | undefined)[] = []
  /** By depth: that node. */
  private readonly nodes: Int32Array

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
    this.nodes = new Int32Array(depth + 1)
  }

  /**
   * @param root whose subtree is walked, -1 for the whole trie
   * @param start the state there
   * @param visit is told of nodes with tokens and the states after them, and ends the walk by true
   * @param enter is told of nodes with others below them, and leaves these out by true
   * @throws GrammarLimitError where the fuel does not suffice
   */
  run(trie: TokenTrie, root: number, start: number, visit: Visit, enter?: Visit): void {
    inLimits(this.automaton, () => this.walk(trie, root, start, visit, enter))
  }

  private walk(trie: TokenTrie, root: number, start: number, visit: Visit, enter?: Visit): void {
    const { automaton, states, candidates, nodes, fuel } = this
    const { bytes, depths, ends, tokens } = trie
    const last = root < 0 ? bytes.length : ends[root]
    const top = root < 0 ? 0 : depths[root]
    states[top] = start
    nodes[top] = root
    candidates[top] = automaton.candidates?.(start)
    const spent = automaton.steps ?? 0
    let visited = 0
    let check = Math.min(INTERVAL, fuel)
    for (let node = root + 1; node < last; visited++) {
      if (visited === check) {
        if (visited + (automaton.steps ?? 0) - spent >= fuel) throw outOfFuel(fuel)
        check += INTERVAL
      }
      const depth = depths[node]
      const byte = bytes[node]
      const flags = candidates[depth - 1]
      if (flags && flags[byte] === 0) {
        node = trie.nextChild(nodes[depth - 1], node, flags)
        continue
      }
      const state = automaton.next(states[depth - 1], byte)
      if (state === DEAD) {
        node = ends[node]
        continue
      }
      if (tokens[node] >= 0 && visit(node, state)) break
      if (ends[node] === node + 1 || enter?.(node, state)) node = ends[node]
      else {
        states[depth] = state
        nodes[depth] = node
        candidates[depth] = automaton.candidates?.(state)
        node++
      }
    }
    this.visited += visited
  }
}

function outOfFuel(fuel: number): GrammarLimitError {
  return new GrammarLimitError(
    `The grammar takes more than ${fuel.toLocaleString('en-US')} steps to tell which tokens may follow at one place; make it simpler.`,
  )
}
