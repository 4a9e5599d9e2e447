import { ANY } from '../regex/code-points.js'
import { type Encoding, jsonString } from '../regex/encoding.js'
import { toJsonString } from '../regex/language.js'
import type { Regexes } from '../regex/nodes.js'
import { numberLanguage } from '../regex/numbers.js'
import { parseRegex } from '../regex/parse.js'
import type { Regex } from '../regex/regex.js'
import { substrings } from '../regex/substring.js'
import { type CharacterRegex, isEdged } from '../regex/syntax.js'
import { wordPieces } from '../words.js'
import { FormulaEvaluator } from './evaluate.js'
import { fixedScalars, type ScalarSource } from './fixed-scalars.js'
import { FALSE, type Formula, Kind, TRUE, Type } from './formulas.js'
import { JsonNumber } from './json.js'
import { mergedBounds, type NumberBounds } from './number-bounds.js'
import { judged, shortestSpellings } from './number-spellings.js'
import type { ScalarLanguage } from './scalar-language.js'
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
  private readonly encoding: Encoding
  private readonly characters = new Map<number, Regex>()
  private readonly languages = new Map<string, ScalarLanguage>()
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
    this.anyNumber = this.numbers({}).regex()
  }

  private named(name: string, make: () => Regex, source?: ScalarSource): ScalarLanguage {
    this.regexes.charge(1)
    let language = this.languages.get(name)
    if (!language) {
      language = { id: this.languages.size, regex: () => this.regexes.once(name, make), source }
      this.languages.set(name, language)
    }
    return language
  }

  /**
   * Strings that match an unanchored regular expression.
   * @param failure makes the error of one that cannot be enforced of what is thrown
   * @throws that error: at once, unless it is a matter of limits
   */
  pattern(source: string, failure: (error: Error) => Error): ScalarLanguage {
    const failing = <T>(made: () => T): T => {
      try {
        return made()
      } catch (error) {
        throw failure(error as Error)
      }
    }
    const parsed = failing(() => parseRegex(source))
    const strings = this.matching(`pattern ${source}`, parsed, true)
    const language = this.named(strings.name, () => failing(() => this.fixed(strings)), strings)
    if (!isEdged(parsed)) language.regex()
    return language
  }

  /** Strings that a regular expression matches from begin to end. @param format its name */
  format(format: string, regex: CharacterRegex): ScalarLanguage {
    const strings = this.matching(`format ${format}`, regex, false)
    return this.named(strings.name, () => this.fixed(strings), strings)
  }

  private matching(name: string, regex: CharacterRegex, unanchored: boolean): ScalarSource {
    const options = { unanchored, anySpelling: this.anySpelling }
    return { name, make: (regexes) => toJsonString(regexes, regex, options) }
  }

  /** Strings or numbers that other schemas have as well. */
  private fixed(source: ScalarSource): Regex {
    const { regexes, anySpelling } = this
    const language = regexes.base && fixedScalars(source, anySpelling, regexes.base)
    if (!language) return source.make(regexes)
    return language.start ? regexes.machine(language.start) : regexes.empty
  }

  /** Strings of so many characters. */
  length(shortest: number, longest: number): ScalarLanguage {
    const { anySpelling } = this
    const name = `length ${shortest} ${longest}`
    const make = (regexes: Regexes) =>
      regexes.repeat(jsonString(regexes, anySpelling).character(ANY), shortest, longest)
    return this.named(name, () => make(this.regexes), { name, make })
  }

  /** Strings that are in all of several languages. */
  all(languages: readonly ScalarLanguage[]): ScalarLanguage {
    if (languages.length === 1) return languages[0]
    const sources = languages.flatMap(({ source }) => source ?? [])
    const name = `all ${JSON.stringify(languages.map(({ id, source }) => source?.name ?? id))}`
    const make = (regexes: Regexes) => regexes.and(sources.map((each) => each.make(regexes)))
    if (sources.length === languages.length) return this.named(name, () => this.fixed({ name, make }))
    return this.named(name, () => this.regexes.and(languages.map((language) => language.regex())))
  }

  /** Verbatim pieces of a text, none of them empty, which begin and end with a whole word, number or other character. */
  substringOf(whole: string): ScalarLanguage {
    const isEdge = (piece: string) => piece.trim() !== ''
    const make = () =>
      substrings(this.regexes, wordPieces(whole), { spell: (piece) => this.text(piece), isEdge })
    return this.named(`substring of ${whole}`, make)
  }

  /** One of some strings. */
  among(texts: readonly string[]): ScalarLanguage {
    return this.named(`texts ${JSON.stringify(texts)}`, () => this.texts(texts))
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
  numbers(bounds: NumberBounds): ScalarLanguage {
    const { isInteger, ...limits } = bounds
    const spelling = { anySpelling: this.anySpelling, digitsOnly: isInteger === 'spelling' }
    const name = `numbers ${JSON.stringify(bounds)}`
    const make = (regexes: Regexes) =>
      numberLanguage(regexes, { ...limits, integer: isInteger !== undefined }, spelling)
    const isFree = Object.keys(limits).length === 0
    const language = this.named(name, () => (isFree ? make(this.regexes) : this.fixed({ name, make })))
    this.bounds.set(language.id, bounds)
    return language
  }

  /** Numbers that are worth the same as one of these. */
  equalTo(numbers: readonly string[]): ScalarLanguage {
    const language = this.named(`equal ${numbers}`, () =>
      this.regexes.or(
        numbers.map((number) =>
          this.anySpelling
            ? this.numbers({ minimum: number, maximum: number }).regex()
            : shortestSpellings(this.regexes, number),
        ),
      ),
    )
    this.listed.set(language.id, numbers)
    return language
  }

  /** The strings for which a formula holds, without their quotation marks. */
  stringsOf(formula: Formula): Regex {
    return this.regexes.and([this.anyText, this.language(this.types.restrict(formula, Type.STRING))])
  }

  numbersOf(formula: Formula): Regex {
    const demand = this.types.restrict(formula, Type.NUMBER)
    if (demand === FALSE || demand === TRUE) return demand === TRUE ? this.anyNumber : this.regexes.empty
    const language = this.language(demand)
    return this.isPositive(demand) ? language : this.regexes.and([this.judgedNumbers, language])
  }

  private get judgedNumbers(): Regex {
    this.judged ??= judged(this.regexes, this.anySpelling)
    return this.judged
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

  /** The scalars for which a formula holds, without numbers that others judge wrongly by their spelling. */
  judgedBy(others: readonly Formula[], formula: Formula): Regex {
    const { regexes, types } = this
    if (others.every((other) => types.restrict(other, Type.NUMBER) <= TRUE)) return this.of(formula)
    return regexes.and([regexes.or([this.judgedNumbers, regexes.not(this.anyNumber)]), this.of(formula)])
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
      ).regex()
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
      limits.length > 0
        ? [this.numbers(mergedBounds(limits.map((part) => this.boundsOf(part)!))).regex()]
        : []
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
        return formulas.language(parts[0]).regex()
    }
  }
}
