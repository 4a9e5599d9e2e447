import { ANY } from '../regex/code-points.js'
import { Decimal } from '../regex/decimal.js'
import { type Encoding, jsonString } from '../regex/encoding.js'
import { toJsonString } from '../regex/language.js'
import type { Regexes } from '../regex/nodes.js'
import { numberLanguage } from '../regex/numbers.js'
import { parseRegex } from '../regex/parse.js'
import type { Regex } from '../regex/regex.js'
import { FormulaEvaluator } from './evaluate.js'
import { FALSE, type Formula, Kind, TRUE, Type } from './formulas.js'
import { JsonNumber } from './json.js'
import { mergedBounds, type NumberBounds } from './number-bounds.js'
import { integerSpellings, judged, shortestSpellings, spellingsOf } from './number-spellings.js'
import type { Types } from './types.js'

/** The languages of strings and numbers in JSON text. */
export class Scalars {
  types!: Types
  /** Any characters between quotation marks. */
  readonly anyText: Regex
  readonly anyNumber: Regex
  /**
   * Numbers in the spellings that languages of numbers judge rightly, whether they hold them or not: what is not in such a language is
   * another number then, and not the same one in another spelling.
   */
  private judged: Regex | undefined
  private readonly character: Regex
  private readonly encoding: Encoding
  private readonly characters = new Map<number, Regex>()
  private readonly memo = new Map<string, Regex>()
  private readonly listed = new Map<number, readonly string[]>()
  private readonly bounds = new Map<number, NumberBounds>()
  private readonly values = new Map<Formula, Regex>()

  /** @param anySpelling whether strings may have needless escapes, and numbers exponents and needless zeros, as others write them */
  constructor(
    readonly regexes: Regexes,
    private readonly anySpelling: boolean,
  ) {
    this.encoding = jsonString(regexes, anySpelling)
    this.anyText = this.encoding.text
    this.character = this.encoding.character(ANY)
    this.anyNumber = this.numbers({})
  }

  /** Strings that match an unanchored regular expression. */
  pattern(source: string): Regex {
    return this.remembered(`pattern ${source}`, () =>
      toJsonString(this.regexes, parseRegex(source), { unanchored: true, anySpelling: this.anySpelling }),
    )
  }

  /** Strings of so many characters. */
  length(shortest: number, longest: number): Regex {
    return this.regexes.repeat(this.character, shortest, longest)
  }

  texts(texts: readonly string[]): Regex {
    return this.regexes.or(texts.map((text) => this.text(text)))
  }

  private text(text: string): Regex {
    if (!this.anySpelling) return this.regexes.literal(JSON.stringify(text).slice(1, -1))
    return this.regexes.concat(Array.from(text, (character) => this.characterOf(character.codePointAt(0)!)))
  }

  private characterOf(point: number): Regex {
    let known = this.characters.get(point)
    if (!known) {
      known = this.encoding.character([[point, point]])
      this.characters.set(point, known)
    }
    return known
  }

  /** Numbers within limits. */
  numbers(bounds: NumberBounds): Regex {
    const language = this.remembered(JSON.stringify(bounds), () => {
      const { isInteger, ...limits } = bounds
      // Integers alone need no automata of their own.
      if (this.anySpelling && isInteger === 'value' && Object.keys(limits).length === 0)
        return integerSpellings(this.regexes)
      const spelling = { anySpelling: this.anySpelling, digitsOnly: isInteger === 'spelling' }
      return numberLanguage(this.regexes, { ...limits, integer: isInteger !== undefined }, spelling)
    })
    this.bounds.set(language.id, bounds)
    return language
  }

  /** Numbers that are worth the same as one of these. */
  equalTo(numbers: readonly string[]): Regex {
    const language = this.regexes.or(
      numbers.map((number) =>
        this.anySpelling
          ? this.remembered(`equal ${number}`, () => spellingsOf(this.regexes, Decimal.parse(number)))
          : this.remembered(`equal ${number}`, () => shortestSpellings(this.regexes, number)),
      ),
    )
    this.listed.set(language.id, numbers)
    return language
  }

  private remembered(key: string, make: () => Regex): Regex {
    let known = this.memo.get(key)
    if (!known) {
      known = make()
      this.memo.set(key, known)
    }
    return known
  }

  /** The strings for which a formula holds, without their quotation marks. */
  stringsOf(formula: Formula): Regex {
    return this.regexes.and([this.anyText, this.language(this.types.restrict(formula, Type.STRING))])
  }

  numbersOf(formula: Formula): Regex {
    const demand = this.types.restrict(formula, Type.NUMBER)
    if (demand === FALSE || demand === TRUE) return demand === TRUE ? this.anyNumber : this.regexes.empty
    const language = this.language(demand)
    if (this.isPositive(demand)) return language
    this.judged ??= judged(this.regexes, this.anySpelling)
    return this.regexes.and([this.judged, language])
  }

  private isPositive(formula: Formula): boolean {
    const { formulas } = this.types
    const [kind, ...parts] = formulas.tuple(formula)
    if (kind === Kind.NOT || kind === Kind.ONE) return false
    return (kind !== Kind.AND && kind !== Kind.OR) || parts.every((part) => this.isPositive(part))
  }

  /** The strings, numbers, booleans and null for which a formula holds, as JSON text. */
  of(formula: Formula): Regex {
    let known = this.values.get(formula)
    if (known) return known
    const { regexes, types } = this
    const quote = regexes.literal('"')
    const words = [
      [Type.NULL, 'null'],
      [Type.TRUE, 'true'],
      [Type.FALSE, 'false'],
    ] as const
    known = regexes.or([
      regexes.concat([quote, this.stringsOf(formula), quote]),
      this.numbersOf(formula),
      ...words
        .filter(([type]) => types.restrict(formula, type) === TRUE)
        .map(([, word]) => regexes.literal(word)),
    ])
    this.values.set(formula, known)
    return known
  }

  /** Limits of numbers are one language, and of few values those that meet the rest are looked out: both save intersections. */
  private conjunction(parts: readonly Formula[]): Regex {
    const { regexes, types } = this
    const { formulas } = types
    const listed = parts.find((part) => this.valuesOf(part))
    if (listed !== undefined) {
      const rest = formulas.and(parts.filter((part) => part !== listed))
      const evaluator = new FormulaEvaluator(types, regexes)
      return this.equalTo(
        this.valuesOf(listed)!.filter((text) => evaluator.holds(rest, new JsonNumber(text))),
      )
    }
    const limits = parts.filter((part) => this.boundsOf(part))
    const others = parts.filter((part) => !this.boundsOf(part))
    const choice = limits.length > 0 ? others.find((part) => formulas.kind(part) === Kind.OR) : undefined
    if (choice !== undefined) {
      const rest = parts.filter((part) => part !== choice)
      const ways = formulas.tuple(choice).slice(1)
      return regexes.or(ways.map((way) => this.language(formulas.and([...rest, way]))))
    }
    const merged =
      limits.length > 0 ? [this.numbers(mergedBounds(limits.map((part) => this.boundsOf(part)!)))] : []
    return regexes.and([...merged, ...others.map((part) => this.language(part))])
  }

  private valuesOf(atom: Formula): readonly string[] | undefined {
    const [kind, language] = this.types.formulas.tuple(atom)
    return kind === Kind.NUMBER ? this.listed.get(language) : undefined
  }

  private boundsOf(atom: Formula): NumberBounds | undefined {
    const [kind, language] = this.types.formulas.tuple(atom)
    return kind === Kind.NUMBER ? this.bounds.get(language) : undefined
  }

  /** The language of a formula of one type: unions, intersections and complements of its atoms' languages. */
  private language(formula: Formula): Regex {
    const { regexes } = this
    if (formula === TRUE) return regexes.all
    if (formula === FALSE) return regexes.empty
    const { formulas } = this.types
    const [kind, ...parts] = formulas.tuple(formula)
    const each = () => parts.map((part) => this.language(part))
    switch (kind) {
      case Kind.AND:
        return this.conjunction(parts)
      case Kind.OR:
        return regexes.or(each())
      case Kind.NOT:
        return regexes.not(this.language(parts[0]))
      case Kind.ONE: {
        let [none, one] = [regexes.all, regexes.empty]
        for (const part of each()) {
          const other = regexes.not(part)
          one = regexes.or([regexes.and([one, other]), regexes.and([none, part])])
          none = regexes.and([none, other])
        }
        return one
      }
      default:
        return formulas.language(parts[0])
    }
  }
}
