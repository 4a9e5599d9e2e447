import { alternatives } from './alternatives.js'
import { REGEX_LIMITS, RegexBuilder } from './builder.js'
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
  readonly #characters = new Map<string, Regex>()

  /** One code point of the ranges, as UTF-8; surrogates are left out. */
  characters(ranges: readonly (readonly [number, number])[]): Regex {
    const key = ranges.join()
    const known = this.#characters.get(key)
    if (known) return known
    const made = characterClass(this, ranges)
    this.#characters.set(key, made)
    return made
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
