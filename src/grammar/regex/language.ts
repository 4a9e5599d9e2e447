import { GrammarLimitError } from '../limits.js'
import { decideBoundaries } from './boundaries.js'
import { ANY } from './code-points.js'
import { type Encoding, jsonString, utf8 } from './encoding.js'
import type { Regexes } from './nodes.js'
import type { Regex } from './regex.js'
import {
  ANYTHING,
  type CharacterRegex,
  LOOKS_BEHIND,
  type Look,
  RegexError,
  type RegexPlace,
  type Repeat,
  repeated,
  sequence,
} from './syntax.js'

export interface LanguageOptions {
  /** Text before and after a match is allowed, as by the `pattern` of JSON Schema. */
  readonly unanchored?: boolean
  /** In JSON strings: every spelling that may be read, not only the one to write. */
  readonly anySpelling?: boolean
}

const ANY_TEXT = repeated(ANYTHING, 0, Infinity, { source: '', position: 0 })
/** Alternatives that assertions split a regular expression into, at most. */
const MOST_SEQUENCES = 1_000
/** Repetitions of a body with assertions, which are written out, at most. */
const MOST_UNROLLED = 64

/** The language of a regular expression as UTF-8 text. @throws RegexError for an assertion at a place where it cannot be decided */
export function toUtf8(regexes: Regexes, regex: CharacterRegex, options: LanguageOptions = {}): Regex {
  return language(regexes, utf8(regexes), regex, options)
}

/** The same language between the quotation marks of a JSON string. */
export function toJsonString(regexes: Regexes, regex: CharacterRegex, options: LanguageOptions = {}): Regex {
  return language(regexes, jsonString(regexes, options.anySpelling ?? false), regex, options)
}

function language(
  regexes: Regexes,
  encoding: Encoding,
  regex: CharacterRegex,
  options: LanguageOptions,
): Regex {
  regexes.refuel()
  const whole = options.unanchored ? sequence([ANY_TEXT, regex, ANY_TEXT]) : regex
  return new Languages(regexes, encoding).whole(whole, true)
}

/**
 * Languages of regular expressions with assertions. What follows an expression is known when it is built, right to left, so that a
 * look-ahead is an intersection with it: (?=A)B is A·Σ* & B. What precedes a look-behind is built left to right and intersected likewise.
 */
class Languages {
  constructor(
    readonly regexes: Regexes,
    readonly encoding: Encoding,
  ) {}

  /**
   * The texts that an expression matches from begin to end.
   * @param atStart whether nothing precedes them; otherwise it is not known what does
   */
  whole(regex: CharacterRegex, atStart: boolean): Regex {
    const sequences = this.#sequences(regex, atStart, true)
    return this.regexes.or(sequences.map((items) => this.#sequence(items, atStart)))
  }

  #sequence(items: readonly CharacterRegex[], atStart: boolean): Regex {
    const { regexes } = this
    const last = items.findLastIndex(isBehind)
    if (last >= 0 && !atStart)
      this.#refuse(items[last] as Look, 'looks behind a place that is not the begin of the text')
    const before = this.#preceding(items.slice(0, last + 1), regexes.epsilon)
    const rest = items.slice(last + 1)
    const leading = rest.findIndex((item) => item.kind !== 'look')
    const start = atStart && before === regexes.epsilon
    const looks = rest.slice(0, leading < 0 ? rest.length : leading) as Look[]
    let after = this.#followed(sequence(rest.slice(looks.length)), regexes.epsilon)
    for (const item of looks) after = this.#lookAhead(item, after, start)
    return regexes.join(before, after)
  }

  /** The texts of `items` after those of `before`, with the looks behind them. */
  #preceding(items: readonly CharacterRegex[], before: Regex): Regex {
    const { regexes, encoding } = this
    let text = before
    for (const item of items) {
      if (item.kind !== 'look') text = regexes.join(text, this.#unseen(item))
      else if (!item.behind) this.#refuse(item, 'looks ahead at a place before one that is looked behind')
      else if (isEdge(item)) text = text.nullable ? regexes.epsilon : regexes.empty
      else {
        const behind = regexes.or(
          this.#sequences(item.body, false, false).map((body) => this.#preceding(body, encoding.text)),
        )
        text = regexes.and([text, item.negated ? regexes.not(behind) : behind])
      }
    }
    return text
  }

  /** An expression before what is not known yet, so that it may not look ahead. */
  #unseen(regex: CharacterRegex): Regex {
    const inside = regex.looks === 0 ? undefined : firstLook(regex)
    if (inside) this.#refuse(inside, 'looks ahead at a place before one that is looked behind')
    return this.#followed(regex, this.regexes.epsilon)
  }

  /** An expression and what follows it up to the end of the text. */
  #followed(regex: CharacterRegex, rest: Regex): Regex {
    const { regexes } = this
    regexes.charge(1)
    if (regex.looks === 0) return regexes.join(this.#plain(regex), rest)
    switch (regex.kind) {
      case 'sequence':
        return regex.parts.reduceRight((after, part) => this.#followed(part, after), rest)
      case 'choice':
        return regexes.or(regex.parts.map((part) => this.#followed(part, rest)))
      case 'look':
        return this.#lookAhead(regex, rest, false)
      default:
        return this.#unrolled(regex as Repeat, rest)
    }
  }

  #lookAhead(item: Look, rest: Regex, atStart: boolean): Regex {
    const { regexes } = this
    if (isEdge(item)) return rest.nullable ? regexes.epsilon : regexes.empty
    const ahead = this.whole(sequence([item.body, ANY_TEXT]), atStart)
    return regexes.and([rest, item.negated ? regexes.not(ahead) : ahead])
  }

  /** A repetition whose body has assertions: each turn sees what follows it. */
  #unrolled(regex: Repeat, rest: Regex): Regex {
    const guarded = this.#guarded(regex, rest)
    if (guarded) return guarded
    if (regex.max > MOST_UNROLLED) this.#refuse(regex, 'repeats an assertion')
    let after = rest
    for (let i = regex.max - 1; i >= 0; i--) {
      const taken = this.#followed(regex.body, after)
      after = i >= regex.min ? this.regexes.or([rest, taken]) : taken
    }
    return after
  }

  /**
   * A repetition up to the end of the text of characters before which one looks ahead, such as `((?!no).)*$`: characters, of which no suffix
   * begins with what must not follow. Undefined for other repetitions.
   */
  #guarded({ body, min, max }: Repeat, rest: Regex): Regex | undefined {
    const { regexes, encoding } = this
    const [item, set, ...more] = body.kind === 'sequence' ? body.parts : []
    if (
      rest !== regexes.epsilon ||
      more.length > 0 ||
      item?.kind !== 'look' ||
      item.behind ||
      set?.kind !== 'set'
    )
      return undefined
    const ahead = this.whole(sequence([item.body, ANY_TEXT]), false)
    const refused = item.negated ? ahead : regexes.not(ahead)
    const suffix = regexes.and([regexes.join(encoding.character(ANY), encoding.text), refused])
    const characters = regexes.repeat(encoding.character(set.set), min, max)
    return regexes.and([characters, regexes.not(regexes.join(encoding.text, suffix))])
  }

  /** An expression without assertions. */
  #plain(regex: CharacterRegex): Regex {
    const { regexes } = this
    regexes.charge(1)
    switch (regex.kind) {
      case 'set':
        return this.encoding.character(regex.set)
      case 'sequence':
        return regexes.concat(regex.parts.map((part) => this.#plain(part)))
      case 'choice':
        return regexes.or(regex.parts.map((part) => this.#plain(part)))
      default:
        return regexes.repeat(
          this.#plain((regex as Repeat).body),
          (regex as Repeat).min,
          (regex as Repeat).max,
        )
    }
  }

  /** An expression as sequences, one of which matches, whose looks behind are items of their own. */
  #sequences(
    regex: CharacterRegex,
    atStart: boolean,
    atEnd: boolean,
  ): readonly (readonly CharacterRegex[])[] {
    const sequences = this.#split(regex).flatMap((items) =>
      decideBoundaries(this.regexes, items, atStart, atEnd),
    )
    if (sequences.length > MOST_SEQUENCES) throw tooMany()
    return sequences
  }

  #split(regex: CharacterRegex): readonly (readonly CharacterRegex[])[] {
    if ((regex.looks & LOOKS_BEHIND) === 0) return [regex.kind === 'sequence' ? regex.parts : [regex]]
    switch (regex.kind) {
      case 'choice':
        return regex.parts.flatMap((part) => this.#split(part))
      case 'sequence': {
        let sequences: CharacterRegex[][] = [[]]
        for (const part of regex.parts) {
          const tails = this.#split(part)
          if (sequences.length * tails.length > MOST_SEQUENCES) throw tooMany()
          if (tails.length > 1)
            sequences = sequences.flatMap((items) => tails.map((tail) => [...items, ...tail]))
          else for (const items of sequences) for (const item of tails[0]) items.push(item)
        }
        return sequences
      }
      case 'repeat':
        if (regex.max > 1) this.#refuse(regex, 'repeats "^", a word boundary or a look-behind')
        return regex.min === 0 ? [[], ...this.#split(regex.body)] : this.#split(regex.body)
      default:
        return [[regex]]
    }
  }

  #refuse({ place }: { readonly place: RegexPlace }, what: string): never {
    throw new RegexError(place, `${what}, which is not supported`)
  }
}

function isBehind(item: CharacterRegex): boolean {
  return item.kind === 'look' && item.behind
}

/** Whether an assertion is an edge of the text. */
function isEdge(item: Look): boolean {
  return item.negated && item.body === ANYTHING
}

/** The first assertion inside of an expression. */
function firstLook(regex: CharacterRegex): { readonly place: RegexPlace } | undefined {
  if (regex.looks === 0) return undefined
  if (regex.kind === 'sequence' || regex.kind === 'choice')
    return regex.parts.map(firstLook).find((found) => found)
  return regex.kind === 'repeat' ? firstLook(regex.body) : (regex as Look)
}

function tooMany(): GrammarLimitError {
  return new GrammarLimitError(
    `The assertions of a regular expression split it into more than ${MOST_SEQUENCES} alternatives; write it with fewer of them.`,
  )
}
