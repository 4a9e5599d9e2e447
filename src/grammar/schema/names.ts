import type { Keys } from './keys.js'

/** The names that an object's schemas know, in the order in which they are to come, as a trie over their UTF-8 bytes. */
export class Names {
  /** Children of each node by byte, made when a node is first gone on from. */
  private readonly children: (ReadonlyMap<number, number> | undefined)[] = [undefined]
  /** The place of the name that ends at a node, or −1. */
  private readonly ends: number[] = []
  /** The places of the names that go through a node, ascending. */
  private readonly through: (readonly number[])[] = []
  private readonly depths: number[] = [0]
  private readonly places = new Map<number, number>()
  private readonly next: Uint8Array[] = []
  /** Names in UTF-8, by place. */
  private readonly texts: readonly Buffer[]

  constructor(
    /** Numbers of the names, by place. */
    readonly numbers: readonly number[],
    private readonly keys: Keys,
  ) {
    for (const [place, number] of numbers.entries()) this.places.set(number, place)
    this.texts = numbers.map((number) => Buffer.from(keys.name(number)))
    this.through.push([...numbers.keys()])
    this.ends.push(this.texts.findIndex((text) => text.length === 0))
  }

  private childrenOf(node: number): ReadonlyMap<number, number> {
    return this.children[node] ?? this.expand(node)
  }

  private expand(node: number): ReadonlyMap<number, number> {
    const depth = this.depths[node]
    const groups = new Map<number, number[]>()
    for (const place of this.through[node]) {
      const text = this.texts[place]
      if (text.length === depth) continue
      const group = groups.get(text[depth])
      if (group) group.push(place)
      else groups.set(text[depth], [place])
    }
    const made = new Map<number, number>()
    for (const [byte, places] of groups) {
      made.set(byte, this.through.length)
      this.through.push(places)
      this.depths.push(depth + 1)
      this.ends.push(places.find((place) => this.texts[place].length === depth + 1) ?? -1)
    }
    this.children[node] = made
    return made
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
      at = this.childrenOf(at).get(byte) ?? -1
    }
    return at
  }

  /** Bytes by which names go on from a node or end there, a flag each; a backslash, which may begin any spelling, is among them. */
  bytesAfter(node: number): Uint8Array {
    this.next[node] ??= this.flagsOf(node)
    return this.next[node]
  }

  private flagsOf(node: number): Uint8Array {
    const flags = new Uint8Array(256)
    for (const byte of this.childrenOf(node).keys()) flags[byte] = 1
    flags[0x22] = this.ends[node] >= 0 ? 1 : 0
    flags[0x5c] = 1
    return flags
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
