/** By UTF-16 unit of a text, the unit of another text at which the character begins that it was made of. */
export type CharacterSources = Int32Array

/** A token of a text, and the characters (code points) from `start` up to `end` that it stands for. */
export interface EncodedToken {
  readonly id: number
  readonly start: number
  readonly end: number
}

/** The sources of a text in itself; both halves of a surrogate pair have the first one. */
export function ownSources(text: string): CharacterSources {
  const sources = new Int32Array(text.length)
  for (let at = 0; at < text.length; at++) sources[at] = at > 0 && isLow(text, at) ? at - 1 : at
  return sources
}

/** CharacterSources in the text that `sources` leads to. @param steps sources in the text that `sources` belongs to */
export function through(sources: CharacterSources, steps: CharacterSources): CharacterSources {
  return steps.map((at) => sources[at])
}

/** The sources of a changed text in the one before, of which each character changes by itself. */
export function characterSources(text: string, change: (character: string) => string): CharacterSources {
  const sources: number[] = []
  let at = 0
  for (const character of text) {
    for (let unit = change(character).length; unit > 0; unit--) sources.push(at)
    at += character.length
  }
  return Int32Array.from(sources)
}

/**
 * The sources of a text's normal form in the text, as Rust counts them: a character stands where the first one does that it is composed
 * of. Where marks change places, those that begin a character of the text take its characters in order, and others stand where the one
 * before them does.
 */
export function normalSources(text: string, form: 'NFC' | 'NFD' | 'NFKC' | 'NFKD'): CharacterSources {
  const decompose = (part: string) => part.normalize(form.includes('K') ? 'NFKD' : 'NFD')
  const parts: ({ readonly part: string; readonly isFirst: boolean } | undefined)[] = []
  for (const character of text) {
    for (const [i, part] of [...decompose(character)].entries()) parts.push({ part, isFirst: i === 0 })
  }
  const own = ownSources(text).filter((at, unit) => at === unit)
  let begun = -1
  let rest = 0
  const ordered = Array.from(decompose(text), (part) => {
    let found = rest
    while (parts[found]?.part !== part) found++
    if (parts[found]!.isFirst) begun++
    parts[found] = undefined
    while (rest < parts.length && !parts[rest]) rest++
    return own[Math.max(0, begun)]
  })
  const sources: number[] = []
  let at = 0
  for (const character of text.normalize(form)) {
    for (let unit = character.length; unit > 0; unit--) sources.push(ordered[at])
    at += [...decompose(character)].length
  }
  return Int32Array.from(sources)
}

/** The sources of a text with more characters put before it, which belong to its first one. */
export function sourcesAfter(added: number, text: string): CharacterSources {
  const sources = new Int32Array(added + text.length)
  sources.set(ownSources(text), added)
  return sources
}

/** Spans of a text's characters, in code points, by the units from which they were made. */
export class Offsets {
  /** Code points before each unit. */
  private readonly before: Int32Array

  constructor(private readonly text: string) {
    this.before = new Int32Array(text.length)
    let count = 0
    for (let at = 0; at < text.length; at++) {
      if (at > 0 && isLow(text, at)) this.before[at] = count - 1
      else this.before[at] = count++
    }
  }

  /** The token that was made of the characters from `first` up to and including `last`, given by where they begin. */
  token(id: number, first: number, last: number): EncodedToken {
    return this.text === ''
      ? { id, start: 0, end: 0 }
      : { id, start: this.before[first], end: this.before[last] + 1 }
  }

  /**
   * The tokens of a word.
   * @param lengths of the tokens, in bytes of the word's UTF-8
   * @param sources of the word's units
   */
  *wordTokens(word: string, ids: readonly number[], lengths: readonly number[], sources: CharacterSources) {
    const units = unitsOfBytes(word)
    const source = (byte: number) => sources[units[Math.min(byte, units.length - 1)]]
    let byte = 0
    for (const [i, id] of ids.entries()) {
      yield this.token(id, source(byte), source(byte + lengths[i] - 1))
      byte += lengths[i]
    }
  }
}

/** By byte of a text's UTF-8, the unit at which its character begins. */
function unitsOfBytes(text: string): number[] {
  const units: number[] = []
  let at = 0
  for (const character of text) {
    for (let byte = Buffer.byteLength(character); byte > 0; byte--) units.push(at)
    at += character.length
  }
  return units
}

function isLow(text: string, at: number): boolean {
  return (text.charCodeAt(at) & 0xfc00) === 0xdc00
}
