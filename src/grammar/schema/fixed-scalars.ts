import { jsonString } from '../regex/encoding.js'
import { FixedLanguage } from '../regex/fixed-language.js'
import { REGEX_LIMITS, Regexes } from '../regex/nodes.js'
import type { Regex } from '../regex/regex.js'

/** Strings or numbers that can be made in any factory. */
export interface ScalarSource {
  /** All that they depend on. */
  readonly name: string
  make(regexes: Regexes): Regex
}

/** Languages by their names. */
const languages = new Map<string, FixedLanguage>()

/** Languages that are kept, those that were not asked for the longest go first. */
const KEPT = 500
/** Bytes of the shortest text of a language at most: longer ones are not written state by state. */
const LONGEST = 256

/**
 * Strings or numbers that are found out once for all schemas that have them.
 * @param base of their factory
 * @returns undefined where that cannot be: their texts are too long, or are intersections
 */
export function fixedScalars(
  { name, make }: ScalarSource,
  anySpelling: boolean,
  base: Regexes,
): FixedLanguage | undefined {
  const key = `${name} ${anySpelling}`
  const known = languages.get(key)
  languages.delete(key)
  const language = known?.isLarge === false ? known : makeFixed(key, make, anySpelling, base)
  if (language) languages.set(key, language)
  const [oldest] = languages.keys()
  if (languages.size > KEPT) languages.delete(oldest)
  return language
}

function makeFixed(
  key: string,
  make: ScalarSource['make'],
  anySpelling: boolean,
  base: Regexes,
): FixedLanguage | undefined {
  const regexes = new Regexes(REGEX_LIMITS, base)
  const strings = make(regexes)
  if (strings.shortest > LONGEST || !isSettled(strings)) return undefined
  const { text } = jsonString(regexes, anySpelling)
  return new FixedLanguage(key, regexes, strings, text)
}

/**
 * Whether a regex's shortest ends do not depend on what was searched before: its structure tells them, but for machines and limits on the
 * characters of other languages, which searches find the shortest of.
 */
function isSettled({ plain, kind, parts }: Regex): boolean {
  if (plain || kind === 'machine') return true
  if (kind === 'not') return false
  if (kind !== 'and') return parts.every(isSettled)
  return parts.filter((part) => part.kind !== 'repeat').length <= 1 && parts.every((part) => part.plain)
}
