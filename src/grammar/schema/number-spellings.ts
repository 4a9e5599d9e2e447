import { Decimal } from '../regex/decimal.js'
import { toUtf8 } from '../regex/language.js'
import type { Regexes } from '../regex/nodes.js'
import { parseRegex } from '../regex/parse.js'
import type { Regex } from '../regex/regex.js'

/** Exponents that numbers with limits may have: from −20 to 20. */
const LARGEST_EXPONENT = 20

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

/** Integers in all spellings: with zeros after the point, and with exponents. */
export function integerSpellings(regexes: Regexes): Regex {
  const spellings = [`${WHOLE}(?:[.]0+)?`, '0(?:[.]0+)?[eE][+-]?[0-9]+']
  for (let power = 0; power <= LARGEST_EXPONENT; power++) {
    const places = power === 0 ? '0+' : `[0-9]{1,${power}}0*`
    spellings.push(`${WHOLE}(?:[.]${places})?[eE][+]?0*${power}`)
    spellings.push(`[1-9][0-9]*0{${power}}(?:[.]0+)?[eE]-0*${power}`)
  }
  return language(regexes, `-?(?:${spellings.join('|')})`)
}

/** A number as it is written: in digits, or as the schema has it. */
export function shortestSpellings(regexes: Regexes, text: string): Regex {
  const number = Decimal.parse(text)
  const [whole, places] = (number.sign < 0 ? number.negated : number).digits
  const digits = `${number.sign < 0 ? '-' : ''}${whole}${places === '' ? '' : `.${places}`}`
  return regexes.or([regexes.literal(digits), regexes.literal(text)])
}

/** All spellings of one number. */
export function spellingsOf(regexes: Regexes, number: Decimal): Regex {
  if (number.sign === 0) return language(regexes, '-?0(?:[.]0+)?(?:[eE][+-]?[0-9]+)?')
  const sign = number.sign < 0 ? '-' : ''
  const size = number.sign < 0 ? number.negated : number
  const digits = (power: number) => {
    const [whole, places] = size.shifted(-power).digits
    return places === '' ? `${whole}(?:[.]0+)?` : `${whole}[.]${places}0*`
  }
  const spellings = [digits(0), `${digits(0)}[eE][+-]?0+`]
  for (let power = 1; power <= LARGEST_EXPONENT; power++)
    spellings.push(`${digits(power)}[eE][+]?0*${power}`, `${digits(-power)}[eE]-0*${power}`)
  return language(regexes, `${sign}(?:${spellings.join('|')})`)
}
