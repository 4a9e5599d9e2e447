import { alternatives } from './alternatives.js'
import { REGEX_LIMITS, RegexBuilder, type RegexLimits } from './builder.js'
import { derivativeOf } from './derivative.js'
import { intersectionOf } from './intersection.js'
import type { Partition } from './partition.js'
import { partitionOf } from './partition-of.js'
import type { Regex } from './regex.js'
import { distanceOf } from './shortest.js'
import { characterClass } from './utf8.js'

export { REGEX_LIMITS }

/**
 * A factory of regular expressions over bytes. Its constructors normalise: what they can tell to be the same language, at little cost, is
 * the same node. Owens, Reppy and Turon 2009, "Regular-expression derivatives re-examined", with counters, common prefixes and known
 * inclusions added.
 */
export class Regexes extends RegexBuilder {
  private readonly made = new Map<string, Regex>()

  /** @param base a frozen factory whose nodes are this one's too */
  constructor(
    limits: RegexLimits = REGEX_LIMITS,
    override readonly base?: Regexes,
  ) {
    super(limits, base)
  }

  /**
   * This factory, to be the base of others: its nodes never change again, so that what others make of them depends on nothing that was
   * made before, and is not held by them.
   * @param roots whose derivatives are taken beforehand, and theirs; finitely many
   */
  frozen(roots: readonly Regex[]): this {
    const reached = new Set(roots)
    for (const node of reached)
      for (const byte of partitionOf(this, node).representatives) reached.add(derivativeOf(this, node, byte))
    for (const node of this.nodes) distanceOf(this, node)
    return this
  }

  /** Regex that is made once, by its name. */
  once(name: string, make: () => Regex): Regex {
    let known = this.base?.made.get(name) ?? this.made.get(name)
    if (!known) {
      known = make()
      this.made.set(name, known)
    }
    return known
  }

  /** One code point of the ranges, as UTF-8; surrogates are left out. */
  characters(ranges: readonly (readonly [number, number])[]): Regex {
    return this.once(`${ranges}`, () => characterClass(this, ranges))
  }

  or(parts: readonly Regex[]): Regex {
    return alternatives(this, parts)
  }

  and(parts: readonly Regex[]): Regex {
    return intersectionOf(this, parts)
  }

  /** The texts that may follow a byte. */
  derivative(node: Regex, byte: number): Regex {
    return derivativeOf(this, node, byte)
  }

  nullable(node: Regex): boolean {
    return node.nullable
  }

  /** Whether the language has no text. @throws GrammarLimitError where that takes too long to find out */
  isEmpty(node: Regex): boolean {
    return distanceOf(this, node) === Infinity
  }

  /** The classes of bytes that lead to the same derivative. */
  partition(node: Regex): Partition {
    return partitionOf(this, node)
  }
}
