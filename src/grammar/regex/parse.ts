import { GrammarLimitError } from '../limits.js'
import { ANY, type CodePoints, complement, ignoringCase, LINE_ENDS, WORD } from './code-points.js'
import { type CharacterSource, type Escape, readClass, readEscape } from './parse-class.js'
import {
  boundary,
  type CharacterRegex,
  choice,
  DEEPEST_NESTING,
  edge,
  LARGEST_COUNT,
  LONGEST_REGEX,
  lookAround,
  MOST_BOUNDARIES,
  RegexError,
  type RegexPlace,
  repeated,
  sequence,
  setOf,
} from './syntax.js'

interface Flags {
  readonly ignoreCase: boolean
  readonly multiline: boolean
  readonly dotAll: boolean
}

/**
 * Reads a regular expression of ECMA-262 over code points (flag `u`), with the identity escapes that it has without `u` and Python's
 * spellings `(?P<name>…)`, `\A`, `\Z`. Groups do not capture and lazy marks change nothing: the language is what counts.
 * @param flags of `i`, `m`, `s`; `u`, `v`, `g`, `y` and `d` change nothing
 * @param lineEnds the characters that the dot does not match; in Python and Rust the newline alone
 * @throws RegexError where it is malformed, or asks for back-references or other things that no automaton has
 */
export function parseRegex(source: string, flags = '', lineEnds = LINE_ENDS): CharacterRegex {
  const unknown = /[^imsuvgyd]/.exec(flags)
  if (unknown) throw new RegexError({ source, position: 0 }, `is given an unknown flag "${unknown[0]}"`)
  return new RegexParser(source, lineEnds).parse({
    ignoreCase: flags.includes('i'),
    multiline: flags.includes('m'),
    dotAll: flags.includes('s'),
  })
}

class RegexParser implements CharacterSource {
  readonly characters: readonly string[]
  at = 0
  #boundaries = 0
  #depth = 0
  /** Characters that have been read: the same one is the same object. */
  readonly #known = new Map<string, CharacterRegex>()

  constructor(
    readonly source: string,
    private readonly lineEnds: CodePoints,
  ) {
    this.characters = Array.from(source)
  }

  parse(given: Flags): CharacterRegex {
    if (this.characters.length > LONGEST_REGEX) {
      throw new GrammarLimitError(
        `A regular expression has more than ${LONGEST_REGEX} characters; shorten it.`,
      )
    }
    const leading = /^\(\?([imsux]+)\)/.exec(this.source)
    let flags = given
    if (leading) {
      flags = this.#flags(given, leading[1], '', 0)
      this.at = leading[0].length
    }
    const parsed = this.#choice(flags)
    if (this.at < this.characters.length) this.fail('has a ")" without its "("')
    return parsed
  }

  get next(): string | undefined {
    return this.characters[this.at]
  }

  fail(what: string, position = this.at): never {
    throw new RegexError(this.#place(position), what)
  }

  #place(position: number): RegexPlace {
    return { source: this.source, position }
  }

  /** Steps over a text where it is next. */
  take(text: string): boolean {
    for (let i = 0; i < text.length; i++) if (this.characters[this.at + i] !== text[i]) return false
    this.at += text.length
    return true
  }

  #choice(flags: Flags): CharacterRegex {
    const parts = [this.#sequence(flags)]
    while (this.take('|')) parts.push(this.#sequence(flags))
    return choice(parts)
  }

  #sequence(flags: Flags): CharacterRegex {
    const parts: CharacterRegex[] = []
    while (this.next !== undefined && this.next !== '|' && this.next !== ')') {
      const position = this.at
      const term = this.#term(flags)
      const counts = this.#quantifier()
      if (counts && (term.kind === 'look' || term.kind === 'boundary'))
        this.fail('repeats an assertion', position)
      parts.push(counts ? repeated(term, counts[0], counts[1], this.#place(position)) : term)
    }
    return sequence(parts)
  }

  #term(flags: Flags): CharacterRegex {
    const position = this.at
    const character = this.characters[this.at++]
    switch (character) {
      case '^':
        return edge(true, flags.multiline, this.#place(position))
      case '$':
        return edge(false, flags.multiline, this.#place(position))
      case '.':
        return setOf(flags.dotAll ? ANY : complement(this.lineEnds))
      case '(':
        return this.#group(flags, position)
      case '[':
        return setOf(readClass(this, position, (set) => folded(set, flags)))
      case '*':
      case '+':
      case '?':
        return this.fail(`has a "${character}" with nothing to repeat`, position)
      case '\\':
        return this.#escape(readEscape(this, position), flags, position)
      case '{':
        this.at--
        if (this.#braces()) this.fail('has a quantifier with nothing to repeat', position)
        this.at++
        return this.#character(character, flags)
      default:
        return this.#character(character, flags)
    }
  }

  #character(character: string, flags: Flags): CharacterRegex {
    const key = flags.ignoreCase ? `i${character}` : character
    const known = this.#known.get(key)
    if (known) return known
    const codePoint = character.codePointAt(0)!
    const made = setOf(folded([[codePoint, codePoint]], flags))
    this.#known.set(key, made)
    return made
  }

  #escape(read: Escape, flags: Flags, position: number): CharacterRegex {
    switch (read) {
      case 'A':
      case 'Z':
        return edge(read === 'A', false, this.#place(position))
      case 'b':
      case 'B':
        if (++this.#boundaries > MOST_BOUNDARIES) {
          throw new GrammarLimitError(
            `A regular expression has more than ${MOST_BOUNDARIES} word boundaries; write it with fewer.`,
          )
        }
        return boundary(read === 'B', folded(WORD, flags), this.#place(position))
    }
    const { set, negated } = read
    return setOf(negated ? complement(folded(complement(set), flags)) : folded(set, flags))
  }

  #group(flags: Flags, position: number): CharacterRegex {
    if (++this.#depth > DEEPEST_NESTING)
      throw new GrammarLimitError(
        `A regular expression nests more than ${DEEPEST_NESTING} groups, at character ${position + 1}; flatten it.`,
      )
    const made = this.#groupOf(flags, position)
    this.#depth--
    return made
  }

  #groupOf(flags: Flags, position: number): CharacterRegex {
    if (!this.take('?')) return this.#body(flags, position)
    if (this.take('#')) return this.#comment(position)
    if (this.take('=')) return lookAround(false, false, this.#body(flags, position), this.#place(position))
    if (this.take('!')) return lookAround(false, true, this.#body(flags, position), this.#place(position))
    if (this.take('<=')) return lookAround(true, false, this.#body(flags, position), this.#place(position))
    if (this.take('<!')) return lookAround(true, true, this.#body(flags, position), this.#place(position))
    if (this.take('P=')) this.fail('has a back-reference, which no automaton can follow', position)
    if (this.take('P<') || this.take('<')) {
      let name = ''
      while (this.next !== undefined && this.next !== '>') name += this.characters[this.at++]
      if (!this.take('>') || !/^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(name))
        this.fail('has a group with a malformed name', position)
      return this.#body(flags, position)
    }
    let on = ''
    while (/[a-z]/.test(this.next ?? '')) on += this.characters[this.at++]
    let off = ''
    if (this.take('-')) while (/[a-z]/.test(this.next ?? '')) off += this.characters[this.at++]
    if (!this.take(':')) {
      this.fail(
        on + off !== '' && this.next === ')'
          ? 'sets flags in its middle; set them at its start or as (?i:…)'
          : 'has a group of an unknown kind after "(?"',
        position,
      )
    }
    return this.#body(this.#flags(flags, on, off, position), position)
  }

  #body(flags: Flags, position: number): CharacterRegex {
    const body = this.#choice(flags)
    if (!this.take(')')) this.fail('has a "(" without its ")"', position)
    return body
  }

  #comment(position: number): CharacterRegex {
    while (this.next !== undefined && this.next !== ')') this.at++
    if (!this.take(')')) this.fail('has a comment without its ")"', position)
    return sequence([])
  }

  #flags(flags: Flags, on: string, off: string, position: number): Flags {
    const unknown = /[^imsu]/.exec(on + off)
    if (unknown) this.fail(`sets the flag "${unknown[0]}", which is not supported`, position)
    const set = (letter: string, before: boolean) => (before || on.includes(letter)) && !off.includes(letter)
    return {
      ignoreCase: set('i', flags.ignoreCase),
      multiline: set('m', flags.multiline),
      dotAll: set('s', flags.dotAll),
    }
  }

  /** The counts of a quantifier, where there is one; a brace that begins none is a character. */
  #quantifier(): readonly [number, number] | undefined {
    const position = this.at
    let counts: readonly [number, number] | undefined
    if (this.take('*')) counts = [0, Infinity]
    else if (this.take('+')) counts = [1, Infinity]
    else if (this.take('?')) counts = [0, 1]
    else if (this.next === '{') counts = this.#braces()
    if (!counts) return undefined
    this.take('?')
    if (this.take('+')) this.fail('has a possessive quantifier, which no automaton has', position)
    if (this.next === '*' || this.next === '?') this.fail(`has a "${this.next}" with nothing to repeat`)
    if (counts[1] < counts[0]) this.fail('has a quantifier whose numbers are out of order', position)
    for (const count of counts) {
      if (count > LARGEST_COUNT && count !== Infinity)
        this.fail(`has a count above ${LARGEST_COUNT}; lower it`, position)
    }
    return counts
  }

  #braces(): readonly [number, number] | undefined {
    const start = this.at++
    const digits = () => {
      let text = ''
      while (/[0-9]/.test(this.next ?? '')) text += this.characters[this.at++]
      return text
    }
    const min = digits()
    const max = this.take(',') ? digits() || 'Infinity' : min
    if (min !== '' && this.take('}'))
      return [
        Math.min(Number(min), Number.MAX_VALUE),
        max === 'Infinity' ? Infinity : Math.min(Number(max), Number.MAX_VALUE),
      ]
    this.at = start
    return undefined
  }
}

function folded(set: CodePoints, flags: Flags): CodePoints {
  return flags.ignoreCase ? ignoringCase(set) : set
}
