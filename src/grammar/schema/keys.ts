import type { Regexes } from '../regex/nodes.js'
import type { Regex } from '../regex/regex.js'
import { Tuples } from '../tuples.js'

/** A set of keys of objects, by its number in `Keys`. */
export type KeySet = number

/** All that keys are asked for: a name that the schema knows, or which languages another key is in. */
export type ObjectKey = number

const ALL = 0
const NAMES = 1
const LANGUAGE = 2
const NOT = 3
const AND = 4

/** The keys of objects as a schema tells them apart. */
export class Keys {
  readonly all: KeySet
  private readonly sets = new Tuples()
  private readonly keys = new Tuples()
  private readonly names: string[] = []
  private readonly numbers = new Map<string, number>()
  private readonly languages = new Map<number, Regex>()
  private readonly nameSets = new Map<KeySet, ReadonlySet<number>>()
  private readonly matches = new Map<string, boolean>()

  constructor(private readonly regexes: Regexes) {
    this.all = this.sets.intern([ALL])
  }

  /** The number of a name. */
  number(name: string): number {
    let number = this.numbers.get(name)
    if (number === undefined) {
      number = this.names.length
      this.names.push(name)
      this.numbers.set(name, number)
    }
    return number
  }

  name(number: number): string {
    return this.names[number]
  }

  named(names: readonly string[]): KeySet {
    const numbers = [...new Set(names.map((name) => this.number(name)))].sort((a, b) => a - b)
    const set = this.sets.intern([NAMES, ...numbers])
    if (!this.nameSets.has(set)) this.nameSets.set(set, new Set(numbers))
    return set
  }

  /** @param language of a key as it stands in JSON text, without its quotation marks */
  matching(language: Regex): KeySet {
    this.languages.set(language.id, language)
    return this.sets.intern([LANGUAGE, language.id])
  }

  not(set: KeySet): KeySet {
    const [kind, inner] = this.sets.tuple(set)
    return kind === NOT ? inner : this.sets.intern([NOT, set])
  }

  and(sets: readonly KeySet[]): KeySet {
    const parts = [...new Set(sets)].filter((set) => set !== this.all).sort((a, b) => a - b)
    if (parts.length <= 1) return parts[0] ?? this.all
    return this.sets.intern([AND, ...parts])
  }

  or(sets: readonly KeySet[]): KeySet {
    return this.not(this.and(sets.map((set) => this.not(set))))
  }

  /** The numbers of the names that a set consists of; undefined for a set that is not given by names. */
  namesOf(set: KeySet): readonly number[] | undefined {
    const tuple = this.sets.tuple(set)
    return tuple[0] === NAMES ? tuple.slice(1) : undefined
  }

  /** The numbers of all names that a set speaks of, inside or outside. */
  namesMentioned(set: KeySet): readonly number[] {
    const [kind, ...parts] = this.sets.tuple(set)
    if (kind === NAMES) return parts
    return kind === NOT || kind === AND ? parts.flatMap((part) => this.namesMentioned(part)) : []
  }

  /** How many names are known. */
  get count(): number {
    return this.names.length
  }

  /** The languages that decide what is in a set. */
  languagesOf(set: KeySet, found: Set<Regex>): void {
    const [kind, ...parts] = this.sets.tuple(set)
    if (kind === LANGUAGE) found.add(this.languages.get(parts[0])!)
    else if (kind === NOT || kind === AND) for (const part of parts) this.languagesOf(part, found)
  }

  /** A name as a key. */
  known(name: number): ObjectKey {
    return this.keys.intern([name])
  }

  /** A key that is none of the names, and in these languages alone. */
  other(matched: readonly Regex[]): ObjectKey {
    return this.keys.intern([-1, ...matched.map(({ id }) => id).sort((a, b) => a - b)])
  }

  /** The number of a key's name, or −1. */
  nameOf(key: ObjectKey): number {
    return this.keys.tuple(key)[0]
  }

  has(set: KeySet, key: ObjectKey): boolean {
    const tuple = this.sets.tuple(set)
    const known = this.keys.tuple(key)
    switch (tuple[0]) {
      case ALL:
        return true
      case NAMES:
        return this.nameSets.get(set)!.has(known[0])
      case LANGUAGE:
        return known[0] >= 0 ? this.matchesName(tuple[1], known[0]) : known.includes(tuple[1], 1)
      case NOT:
        return !this.has(tuple[1], key)
      default:
        for (let i = 1; i < tuple.length; i++) if (!this.has(tuple[i], key)) return false
        return true
    }
  }

  /** Whether a name is in a language. */
  private matchesName(language: number, name: number): boolean {
    const memo = `${language} ${name}`
    let found = this.matches.get(memo)
    if (found === undefined) {
      let rest = this.languages.get(language)!
      for (const byte of Buffer.from(JSON.stringify(this.names[name]).slice(1, -1)))
        rest = this.regexes.derivative(rest, byte)
      found = this.regexes.nullable(rest)
      this.matches.set(memo, found)
    }
    return found
  }
}
