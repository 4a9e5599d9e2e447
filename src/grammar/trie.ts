import type { TokenVocabulary } from './vocabulary.js'

/** Nodes below one that has a table of its children. */
const MANY_NODES = 256

/**
 * Tokens by their bytes: the nodes of a prefix tree in depth-first order, children in the order of their bytes, without the root.
 * A walk goes on with the next node, or where nothing below a node is of interest with the one at its `end`.
 */
export class TokenTrie {
  /** Root's children by their byte: a node, or -1. */
  private readonly firsts = new Int32Array(256).fill(-1)
  /** The same of nodes with many others below them. */
  private readonly tables = new Map<number, Int32Array>()
  /** Bytes of the longest token. */
  readonly depth: number

  /**
   * @param bytes [nodes] the last byte of each node
   * @param depths [nodes] its number of bytes
   * @param ends [nodes] the node after its subtree
   * @param tokens [nodes] the lowest id with these bytes, or -1
   * @param same [vocabulary] for each id the next one with the same bytes, or -1
   */
  constructor(
    readonly bytes: Uint8Array,
    readonly depths: Uint16Array,
    readonly ends: Int32Array,
    readonly tokens: Int32Array,
    readonly same: Int32Array,
  ) {
    for (let node = 0; node < bytes.length; node = ends[node]) this.firsts[bytes[node]] = node
    let most = 0
    for (let node = 0; node < depths.length; node++) if (depths[node] > most) most = depths[node]
    this.depth = most
  }

  /**
   * The children of a node, or of the root (-1), by their byte: nodes, or -1; [256]. Undefined for a node with few others below it, whose
   * children are found as fast one after the other.
   */
  childTable(node: number): Int32Array | undefined {
    if (node < 0) return this.firsts
    const { bytes, ends } = this
    if (ends[node] - node < MANY_NODES) return undefined
    let table = this.tables.get(node)
    if (!table) {
      table = new Int32Array(256).fill(-1)
      for (let child = node + 1; child < ends[node]; child = ends[child]) table[bytes[child]] = child
      this.tables.set(node, table)
    }
    return table
  }

  /** The first child of a node after another one whose byte has a flag, [256]; the end of the node's subtree where there is none. */
  nextChild(parent: number, child: number, flags: Uint8Array): number {
    const { bytes, ends } = this
    const table = this.childTable(parent)
    if (!table) return ends[child]
    for (let byte = bytes[child] + 1; byte < 256; byte++)
      if (flags[byte] !== 0 && table[byte] >= 0) return table[byte]
    return parent < 0 ? bytes.length : ends[parent]
  }

  /** The bytes of a node. */
  bytesOf(node: number): number[] {
    const { bytes, depths, ends } = this
    const path: number[] = []
    for (let at = -1; path.length < depths[node]; ) {
      let child = at + 1
      while (ends[child] <= node) child = ends[child]
      path.push(bytes[child])
      at = child
    }
    return path
  }

  /** The child of a node, or of the root (-1), by its byte; -1 where there is none. */
  child(node: number, byte: number): number {
    const table = this.childTable(node)
    if (table) return table[byte]
    const { bytes, ends } = this
    for (let child = node + 1; child < ends[node]; child = ends[child]) {
      if (bytes[child] === byte) return child
    }
    return -1
  }
}

/** Texts by their number. */
type Texts = Pick<TokenVocabulary, 'bytes' | 'offsets' | 'size'>

/** The trie of some tokens of a vocabulary, which have bytes. @param ids in order */
export function buildTrie(vocabulary: Texts, ids: Int32Array): TokenTrie {
  const { bytes: text, offsets, size } = vocabulary
  const most = ids.reduce((sum, id) => sum + offsets[id + 1] - offsets[id], 0)
  const bytes = new Uint8Array(most)
  const depths = new Uint16Array(most)
  const ends = new Int32Array(most)
  const tokens = new Int32Array(most).fill(-1)
  const same = new Int32Array(size).fill(-1)
  /** Nodes from below the root to the last one. */
  const path: number[] = []
  let count = 0
  const close = (depth: number) => {
    while (path.length > depth) ends[path.pop()!] = count
  }
  let last = -1
  for (const id of sortByBytes(vocabulary, ids)) {
    const shared = last < 0 ? 0 : sharedBytes(vocabulary, last, id)
    const length = offsets[id + 1] - offsets[id]
    // Sorting puts a token before those that it begins.
    if (last >= 0 && shared === length) same[last] = id
    close(shared)
    for (let at = shared; at < length; at++) {
      bytes[count] = text[offsets[id] + at]
      depths[count] = at + 1
      path.push(count++)
    }
    if (shared < length) tokens[count - 1] = id
    last = id
  }
  close(0)
  const part = <Values extends Uint8Array | Uint16Array | Int32Array>(values: Values) =>
    values.slice(0, count) as Values
  return new TokenTrie(part(bytes), part(depths), part(ends), part(tokens), same)
}

function sharedBytes({ bytes, offsets }: Texts, a: number, b: number): number {
  const length = Math.min(offsets[a + 1] - offsets[a], offsets[b + 1] - offsets[b])
  let shared = 0
  while (shared < length && bytes[offsets[a] + shared] === bytes[offsets[b] + shared]) shared++
  return shared
}

/** Bytes of a sort key, and its digits: 0 for the end of a token, else a byte and one. */
const KEY_BYTES = 3
const DIGITS = 257
/** Places that share a double with a key: more than a vocabulary has ids. */
const PLACES = 2 ** 24

/** Ids by their bytes, and by number where these are the same: three bytes at a time, by the engine's own sort of numbers. */
function sortByBytes({ bytes, offsets }: Texts, ids: Int32Array): Int32Array {
  const sorted = ids.slice()
  const keys = new Float64Array(ids.length)
  const before = new Int32Array(ids.length)
  /** Ranges of ids that share their first bytes: start, end, number of these bytes. */
  const ranges = [0, ids.length, 0]
  while (ranges.length > 0) {
    const [start, end, shared] = ranges.splice(-3)
    for (let i = start; i < end; i++) {
      const id = sorted[i]
      before[i] = id
      let key = 0
      for (let at = offsets[id] + shared; at < offsets[id] + shared + KEY_BYTES; at++) {
        key = key * DIGITS + (at < offsets[id + 1] ? bytes[at] + 1 : 0)
      }
      keys[i] = key * PLACES + i
    }
    keys.subarray(start, end).sort()
    let first = start
    for (let i = start; i < end; i++) {
      const key = Math.floor(keys[i] / PLACES)
      sorted[i] = before[keys[i] % PLACES]
      const isLast = i + 1 === end || Math.floor(keys[i + 1] / PLACES) !== key
      if (!isLast) continue
      if (i > first && key % DIGITS !== 0) ranges.push(first, i + 1, shared + KEY_BYTES)
      first = i + 1
    }
  }
  return sorted
}
