/** A longer text is no name. */
const LONGEST = 100

/**
 * The candidate that `name` may be a slip of: the one with the fewest edits to it, where these are few; how words are joined makes no
 * difference.
 * @param most edits, as a share of the longer name: beyond it a name is another one
 */
export function nearest(name: string, candidates: readonly string[], most = 0.4): string | undefined {
  if (name.length > LONGEST) return undefined
  const distances = candidates.map((candidate) => {
    const length = Math.max(name.length, candidate.length)
    return editDistance(spelt(name), spelt(candidate)) / length
  })
  const least = Math.min(...distances)
  return least <= most ? candidates[distances.indexOf(least)] : undefined
}

/** `topK`, `top-k` and `Top_K` as `top_k`. */
function spelt(name: string): string {
  return name
    .replace(/(?<=[a-z])(?=[A-Z])/g, '_')
    .toLowerCase()
    .replaceAll('-', '_')
}

/** Insertions, deletions, substitutions and swaps of neighbours that make `a` to `b`. */
function editDistance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = rows[i - 1][j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)
      row.push(Math.min(substitution, rows[i - 1][j] + 1, row[j - 1] + 1))
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (isSwap) row[j] = Math.min(row[j], rows[i - 2][j - 2] + 1)
    }
    rows.push(row)
  }
  return rows[a.length][b.length]
}
