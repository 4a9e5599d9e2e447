import { createRandom } from '../../../src/random.js'

/** Characters that random patterns and texts are made of: one to four bytes, of words and not, with and without case, ends of lines. */
export const CHARACTERS = [
  'a',
  'b',
  'A',
  'K',
  '1',
  '_',
  ' ',
  '-',
  '\n',
  '"',
  '\\',
  'é',
  'É',
  'ſ',
  '€',
  '\u2028',
  '😀',
  '𐐀',
  '𐐨',
]

export type Random = () => number

export function pick<T>(random: Random, items: readonly T[]): T {
  return items[Math.floor(random() * items.length)]
}

export function randomText(random: Random, longest: number): string {
  return Array.from({ length: Math.floor(random() * (longest + 1)) }, () => pick(random, CHARACTERS)).join('')
}

/** A text with a character removed, doubled, exchanged or added. */
export function mutated(random: Random, text: string): string {
  const characters = Array.from(text)
  const at = Math.floor(random() * (characters.length + 1))
  characters.splice(at, random() < 0.6 ? 1 : 0, ...(random() < 0.6 ? [pick(random, CHARACTERS)] : []))
  return characters.join('')
}

/** Sources of regular expressions in ECMA-262 with the flag `u`, `assertions` included or not. */
export function regexSources(seed: number, assertions: boolean): () => string {
  const random = createRandom(seed)
  const literal = () =>
    pick(random, CHARACTERS)
      .replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
      .replace('\\-', '-')
  const member = () =>
    pick(random, [
      () => literal().replace(/^-$/, '\\-'),
      () => pick(random, ['a-f', 'A-Z', '0-9', 'à-ÿ', '\\u{80}-\\u{10FFFF}', '\\x00-\\x1f']),
      () => pick(random, ['\\d', '\\w', '\\s', '\\D', '\\W', '\\S', '\\p{Lu}', '\\P{L}']),
    ])()
  const atom = (depth: number): string => {
    const kind = random()
    if (kind < 0.45 || depth === 0) return literal()
    if (kind < 0.6)
      return `[${random() < 0.3 ? '^' : ''}${Array.from({ length: 1 + random() * 3 }, member).join('')}]`
    if (kind < 0.7) return pick(random, ['.', '\\d', '\\w', '\\s', '\\W', '\\p{L}', '\\u20AC', '\\x61'])
    return `(${pick(random, ['', '?:'])}${choice(depth - 1)})`
  }
  const term = (depth: number): string => {
    if (assertions && random() < 0.12) {
      const kind = random()
      if (kind < 0.4 || depth === 0) return pick(random, ['^', '$', '\\b', '\\B'])
      return `(${pick(random, ['?=', '?!', '?<=', '?<!'])}${choice(depth - 1)})`
    }
    const counts = `{${Math.floor(random() * 3)}${pick(random, ['', ',', `,${2 + Math.floor(random() * 4)}`])}}`
    return atom(depth) + (random() < 0.35 ? pick(random, ['*', '+', '?', counts, '*?', '+?']) : '')
  }
  const choice = (depth: number): string =>
    Array.from({ length: random() < 0.7 ? 1 : 2 + random() * 2 }, () =>
      Array.from({ length: random() * 4 }, () => term(depth)).join(''),
    ).join('|')
  return () => choice(3)
}
