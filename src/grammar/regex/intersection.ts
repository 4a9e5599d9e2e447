import { byteSetOf } from './alternatives.js'
import type { RegexBuilder } from './builder.js'
import type { ByteSet } from './byte-set.js'
import type { Regex } from './regex.js'

/** The intersection of several languages in normal form: flat, byte sets as one, without universes that hold another part. */
export function intersectionOf(regexes: RegexBuilder, parts: readonly Regex[]): Regex {
  if (parts.length === 1) return parts[0]
  const factors = new Set<Regex>()
  for (const part of parts) {
    // Parts of an intersection are no intersections themselves.
    if (part.kind === 'and') for (const each of part.parts) factors.add(each)
    else if (part !== regexes.all) factors.add(part)
  }
  regexes.charge(factors.size)
  if (factors.has(regexes.empty)) return regexes.empty
  if (factors.has(regexes.epsilon))
    return [...factors].every((part) => part.nullable) ? regexes.epsilon : regexes.empty
  let set: ByteSet | undefined
  let within = 0
  for (const part of factors) {
    if (part.kind === 'not' && factors.has(part.parts[0])) return regexes.empty
    if (part.universe === 0) within |= part.within
    const bytes = byteSetOf(part)
    if (!bytes) continue
    factors.delete(part)
    set = set ? set.intersection(bytes) : bytes
  }
  if (set) factors.add(regexes.bytes(set))
  if (factors.has(regexes.empty)) return regexes.empty
  for (const part of factors) if ((part.universe & within) !== 0) factors.delete(part)
  return regexes.intersection([...factors])
}
