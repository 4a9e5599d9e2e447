/** A stretch of a text beside another text. */
export interface Stretch {
  readonly text: string
  /** `missing` is only in the other text. */
  readonly kind: 'same' | 'other' | 'missing'
}

/** Beyond this many pairs of words the middle of two texts is taken as wholly different. */
const MOST_PAIRS = 25e6
/** Words in common that are fewer than these, between differences, are part of the difference. */
const FEWEST_COMMON = 2

const words = new Intl.Segmenter('en', { granularity: 'word' })

/** Marks what a text has that a reference has not, and what it leaves out, word by word. */
export function diff(reference: string, text: string): Stretch[] {
  const [a, b] = [wordsOf(reference), wordsOf(text)]
  const shared = smoothed(commonPairs(a, b))
  const stretches: Stretch[] = []
  let [i, j] = [0, 0]
  for (const [nextA, nextB] of [...shared, [a.length, b.length]]) {
    const [missing, other] = [a.slice(i, nextA).join(''), b.slice(j, nextB).join('')]
    if (other) push(stretches, other, 'other')
    else if (missing) push(stretches, missing, 'missing')
    if (nextB < b.length) push(stretches, b[nextB], 'same')
    ;[i, j] = [nextA + 1, nextB + 1]
  }
  return stretches
}

function push(stretches: Stretch[], text: string, kind: Stretch['kind']): void {
  const last = stretches.at(-1)
  if (last?.kind === kind) stretches[stretches.length - 1] = { kind, text: last.text + text }
  else stretches.push({ kind, text })
}

/** Words, each with the white space after it. */
function wordsOf(text: string): string[] {
  const found: string[] = []
  for (const { segment } of words.segment(text)) {
    if (found.length > 0 && /^\s+$/.test(segment)) found[found.length - 1] += segment
    else found.push(segment)
  }
  return found
}

type Pair = readonly [a: number, b: number]

/** Indices of a longest common subsequence: of what is left between a common beginning and a common end. */
function commonPairs(a: readonly string[], b: readonly string[]): Pair[] {
  const shorter = Math.min(a.length, b.length)
  let start = 0
  while (start < shorter && a[start] === b[start]) start++
  let end = 0
  while (end < shorter - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++
  const middle = longest(a.slice(start, a.length - end), b.slice(start, b.length - end))
  return [
    ...Array.from({ length: start }, (_, i): Pair => [i, i]),
    ...middle.map(([i, j]): Pair => [i + start, j + start]),
    ...Array.from({ length: end }, (_, i): Pair => [a.length - end + i, b.length - end + i]),
  ]
}

/** A longest common subsequence in linear memory (Hirschberg 1975). */
function longest(a: readonly string[], b: readonly string[]): Pair[] {
  if (a.length === 0 || a.length * b.length > MOST_PAIRS) return []
  if (a.length === 1) {
    const at = b.indexOf(a[0])
    return at < 0 ? [] : [[0, at]]
  }
  const half = a.length >> 1
  const before = lengths(a.slice(0, half), b)
  const after = lengths(a.slice(half).reverse(), [...b].reverse())
  const sums = before.map((length, j) => length + after[b.length - j])
  const split = sums.indexOf(Math.max(...sums))
  const second = longest(a.slice(half), b.slice(split))
  return [
    ...longest(a.slice(0, half), b.slice(0, split)),
    ...second.map(([i, j]): Pair => [i + half, j + split]),
  ]
}

/** Lengths of the longest common subsequences of `a` and each beginning of `b`. */
function lengths(a: readonly string[], b: readonly string[]): Uint32Array {
  let [row, next] = [new Uint32Array(b.length + 1), new Uint32Array(b.length + 1)]
  for (const word of a) {
    for (let j = 0; j < b.length; j++)
      next[j + 1] = word === b[j] ? row[j] + 1 : Math.max(row[j + 1], next[j])
    ;[row, next] = [next, row]
  }
  return row
}

/** Without single words in common between differences: they are chance. A beginning stays, however short. */
function smoothed(pairs: readonly Pair[]): Pair[] {
  const groups: Pair[][] = []
  for (const pair of pairs) {
    const last = groups.at(-1)?.at(-1)
    if (last && pair[0] === last[0] + 1 && pair[1] === last[1] + 1) groups.at(-1)!.push(pair)
    else groups.push([pair])
  }
  return groups
    .filter((group) => group.length >= FEWEST_COMMON || (group[0][0] === 0 && group[0][1] === 0))
    .flat()
}
