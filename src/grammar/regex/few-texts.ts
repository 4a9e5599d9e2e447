import type { Regexes } from './nodes.js'
import type { Regex } from './regex.js'

/** Texts that a value which must not come twice may use up. */
const FEW = 1_000

/** Whether a language has few texts. */
export function hasFewTexts(regexes: Regexes, regex: Regex): boolean {
  return regex.longest < Infinity && countTexts(regexes, regex, new Map()) <= FEW
}

/** The number of texts, or one that is above `FEW`. */
function countTexts(regexes: Regexes, node: Regex, known: Map<Regex, number>): number {
  const counted = known.get(node)
  if (counted !== undefined) return counted
  if (regexes.isEmpty(node)) return 0
  const { classes, representatives } = regexes.partition(node)
  const sizes = new Int32Array(representatives.length)
  for (const number of classes) sizes[number]++
  let count = node.nullable ? 1 : 0
  for (const byte of representatives) {
    if (count > FEW) break
    count += sizes[classes[byte]] * countTexts(regexes, regexes.derivative(node, byte), known)
  }
  known.set(node, count)
  return count
}
