import { Decimal } from '../regex/decimal.js'
import { toUtf8 } from '../regex/language.js'
import type { Regexes } from '../regex/nodes.js'
import { parseRegex } from '../regex/parse.js'
import type { Regex } from '../regex/regex.js'

const WHOLE = '(?:0|[1-9][0-9]*)'

function language(regexes: Regexes, source: string): Regex {
  return toUtf8(regexes, parseRegex(source))
}

/**
 * Numbers in the spellings that languages of numbers judge rightly, whether they hold them or not: what is not in such a language is
 * another number then, and not the same one in another spelling.
 */
export function judged(regexes: Regexes, anySpelling: boolean): Regex {
  // 0 has no sign there: a negation must not take -0 for another number.
  const shortest = '0|-?(?:[1-9][0-9]*(?:[.][0-9]*[1-9])?|0[.][0-9]*[1-9])'
  return language(regexes, anySpelling ? `-?${WHOLE}(?:[.][0-9]+)?(?:[eE][+-]?0*(?:1?[0-9]|20))?` : shortest)
}

/** A number in digits, without an exponent and needless zeros: the spelling that all languages of numbers judge rightly. */
export function inDigits(text: string): string {
  const number = Decimal.parse(text)
  const [whole, places] = (number.sign < 0 ? number.negated : number).digits
  return `${number.sign < 0 ? '-' : ''}${whole}${places === '' ? '' : `.${places}`}`
}

/** A number as it is written: in digits, or as the schema has it. */
export function shortestSpellings(regexes: Regexes, text: string): Regex {
  return regexes.or([regexes.literal(inDigits(text)), regexes.literal(text)])
}
