/** Characters of a pattern at most. */
const LONGEST = 256
/** Repetitions in a pattern at most: what a name is matched in grows by its length with each. */
const MOST_REPETITIONS = 3

/**
 * A pattern of PEFT's `rank_pattern` or `alpha_pattern` as a regular expression: it matches names that are `pattern`, or end in it
 * after a dot. Names, dots, classes, choices and repetitions of single characters mean the same in Python and JavaScript, and
 * take no long time; undefined for a pattern that has more than these.
 */
export function modulePattern(pattern: string): RegExp | undefined {
  if (pattern.length > LONGEST || !/^(?:[\w.^$|()*+?[\]-]|\\[.dw])*$/.test(pattern)) return undefined
  // A group that is repeated may take exponential time, and `(?` begins what Python and JavaScript write differently.
  if (/\)[*+?]|\(\?|[*+?][*+?]/.test(pattern)) return undefined
  if ((pattern.match(/[*+?]/g) ?? []).length > MOST_REPETITIONS) return undefined
  try {
    return new RegExp(`^(.*\\.)?(${pattern})$`)
  } catch {
    return undefined
  }
}
