import { editDistance } from '../generation/config.js'

/** The name that one which is not known is a misspelling of: a letter in four may be wrong, and how words are joined. */
export function meantBy(name: string, known: readonly string[]): string | undefined {
  const plain = name
    .replace(/(?<=[a-z])(?=[A-Z])/g, '_')
    .replaceAll('-', '_')
    .toLowerCase()
  const most = Math.max(1, Math.floor(plain.length / 4))
  // Words of no length in common would be compared for long.
  if (plain.length > 64) return undefined
  const near = known.map((candidate) => ({ candidate, distance: editDistance(plain, candidate) }))
  const [best] = near.sort((a, b) => a.distance - b.distance)
  return best && best.distance <= most ? best.candidate : undefined
}
