import { alternatives } from './alternatives.js'
import type { RegexBuilder } from './builder.js'
import { ByteSet } from './byte-set.js'
import type { Regex } from './regex.js'

/** Code points from first to last, in ascending order. */
export type CodePointRange = readonly [first: number, last: number]

/** The blocks of code points that have the same number of UTF-8 bytes, surrogates left out. */
const BLOCKS: readonly (readonly [first: number, last: number, bytes: number])[] = [
  [0, 0x7f, 1],
  [0x80, 0x7ff, 2],
  [0x800, 0xd7ff, 3],
  [0xe000, 0xffff, 3],
  [0x10000, 0x10ffff, 4],
]

/** One code point of the ranges as a regex over its UTF-8 bytes: no overlong forms, no surrogates. */
export function characterClass(regexes: RegexBuilder, ranges: readonly CodePointRange[]): Regex {
  const sequences: Regex[] = []
  for (const [first, last] of ranges) {
    for (const [low, high, bytes] of BLOCKS) {
      const from = Math.max(first, low)
      const to = Math.min(last, high)
      if (from > to) continue
      for (const digits of digitRanges(from, to, bytes, 6))
        sequences.push(
          regexes.concat(
            digits.map(([a, b], i) =>
              regexes.bytes(ByteSet.ranges([lead(i, bytes) | a, lead(i, bytes) | b])),
            ),
          ),
        )
    }
  }
  return alternatives(regexes, sequences)
}

/** The bits that mark the `i`-th byte of so many. */
function lead(i: number, bytes: number): number {
  if (i > 0) return 0x80
  return bytes === 1 ? 0 : (0xff00 >> bytes) & 0xff
}

/**
 * A range of numbers as few products of digit ranges, most significant digit first.
 * @param bits of a digit
 */
export function digitRanges(from: number, to: number, digits: number, bits: number): CodePointRange[][] {
  if (digits === 1) return [[[from, to]]]
  const unit = 2 ** (bits * (digits - 1))
  const [first, last] = [Math.floor(from / unit), Math.floor(to / unit)]
  const under = (digit: number, a: number, b: number): CodePointRange[][] =>
    digitRanges(a, b, digits - 1, bits).map((rest) => [[digit, digit], ...rest])
  const [a, b] = [from % unit, to % unit]
  if (first === last) return under(first, a, b)
  const sequences: CodePointRange[][] = []
  const whole = [a === 0 ? first : first + 1, b === unit - 1 ? last : last - 1] as const
  if (whole[0] > first) sequences.push(...under(first, a, unit - 1))
  if (whole[0] <= whole[1])
    sequences.push([whole, ...Array.from({ length: digits - 1 }, (): CodePointRange => [0, 2 ** bits - 1])])
  if (whole[1] < last) sequences.push(...under(last, 0, b))
  return sequences
}
