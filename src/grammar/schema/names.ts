import type { Keys } from './keys.js'

/** The names that an object's schemas know, in the order in which they are to come, as a trie over their UTF-8 bytes. */
export class Names {
  /** Children of each node by byte. */
  private readonly children: Map<number, number>[] = [new Map()]
  /** The place of the name that ends at a node, or −1. */
  private readonly ends: number[] = [-1]
  /** The places of the names that go through a node, ascending. */
  private readonly through: number[][] = [[]]
  private readonly depths: number[] = [0]
  private readonly places = new Map<number, number>()

  constructor(
    /** Numbers of the names, by place. */
    readonly numbers: readonly number[],
    private readonly keys: Keys,
  ) {
    for (const [place, number] of numbers.entries()) {
      this.places.set(number, place)
      let node = 0
      this.through[0].push(place)
      for (const byte of Buffer.from(keys.name(number))) {
        let child = this.children[node].get(byte)
        if (child === undefined) {
          child = this.children.length
          this.children.push(new Map())
          this.ends.push(-1)
          this.through.push([])
          this.depths.push(this.depths[node] + 1)
          this.children[node].set(byte, child)
        }
        node = child
        this.through[node].push(place)
      }
      this.ends[node] = place
    }
  }

  get length(): number {
    return this.numbers.length
  }

  /** The place of a name, or −1. */
  placeOf(number: number): number {
    return this.places.get(number) ?? -1
  }

  name(place: number): string {
    return this.keys.name(this.numbers[place])
  }

  /** The node after bytes, from a node; −1 outside of the trie. */
  step(node: number, bytes: Iterable<number>): number {
    let at = node
    for (const byte of bytes) {
      if (at < 0) break
      at = this.children[at].get(byte) ?? -1
    }
    return at
  }

  endOf(node: number): number {
    return node < 0 ? -1 : this.ends[node]
  }

  /** Bytes of UTF-8 on the way to a node. */
  depthOf(node: number): number {
    return node < 0 ? 0 : this.depths[node]
  }

  /** The places of the names that may still come of a node. */
  below(node: number): readonly number[] {
    return node < 0 ? [] : this.through[node]
  }
}
