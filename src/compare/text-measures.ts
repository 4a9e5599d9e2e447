type Ids = readonly number[]

/** Different n-grams of tokens over all n-grams, those of all sequences together (Li et al. 2016); 0 where there are none. */
export function distinct(sequences: readonly Ids[], n: number): number {
  const all = sequences.flatMap((ids) => nGrams(ids, n))
  return share(new Set(all).size, all.length)
}

/** The share of n-grams that occurred before in the same sequence, of all sequences; 0 where there are none. */
export function repetition(sequences: readonly Ids[], n = 4): number {
  const grams = sequences.map((ids) => nGrams(ids, n))
  const total = grams.reduce((sum, { length }) => sum + length, 0)
  const repeated = grams.reduce((sum, own) => sum + own.length - new Set(own).size, 0)
  return share(repeated, total)
}

/** Where a text first differs from another one, in UTF-16 code units; null where it does not. */
export function differsAt(text: string, other: string): number | null {
  if (text === other) return null
  let at = 0
  while (at < text.length && text[at] === other[at]) at++
  return at
}

function nGrams(ids: Ids, n: number): string[] {
  return Array.from({ length: Math.max(0, ids.length - n + 1) }, (_, i) => ids.slice(i, i + n).join())
}

function share(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0
}
