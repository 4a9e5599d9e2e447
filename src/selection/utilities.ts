/** A text with its tokens. */
export interface Sample {
  readonly text: string
  readonly ids: readonly number[]
}

export type UtilityName = 'chrf' | 'rouge_l' | 'f1'

/** How good a text is where another one is right, from 0 to 1. */
export type Utility = (candidate: Sample, reference: Sample) => number

/** Longest n-gram of chrF, and the weight of recall against precision. */
const CHRF_ORDER = 6
const CHRF_BETA = 2

/**
 * A utility by its name: `chrf` (Popović 2015: character n-grams up to 6, white space left out, β 2, the mean of precisions and recalls over
 * the orders that both have, as sacrebleu's sentence score), `rouge_l` (Lin 2004: F1 of the longest common subsequence of tokens), `f1` (of
 * tokens, whatever their order, as SQuAD's).
 */
export function utility(name: UtilityName): Utility {
  if (name === 'rouge_l')
    return ({ ids }, reference) => f1(commonSubsequence(ids, reference.ids), ids, reference.ids)
  if (name === 'f1')
    return ({ ids }, reference) => f1(overlap(counts(ids), counts(reference.ids)), ids, reference.ids)
  const grams = new WeakMap<Sample, Map<string, number>[]>()
  const gramsOf = (sample: Sample) => {
    const known = grams.get(sample) ?? characterGrams(sample.text)
    grams.set(sample, known)
    return known
  }
  return (candidate, reference) => chrf(gramsOf(candidate), gramsOf(reference))
}

function chrf(candidate: readonly Map<string, number>[], reference: readonly Map<string, number>[]): number {
  let [precision, recall, orders] = [0, 0, 0]
  for (const [i, own] of candidate.entries()) {
    const [mine, theirs] = [total(own), total(reference[i])]
    if (mine === 0 || theirs === 0) continue
    const common = overlap(own, reference[i])
    precision += common / mine
    recall += common / theirs
    orders++
  }
  if (orders === 0 || precision + recall === 0) return 0
  const factor = CHRF_BETA ** 2
  const [p, r] = [precision / orders, recall / orders]
  return ((1 + factor) * p * r) / (factor * p + r)
}

function characterGrams(text: string): Map<string, number>[] {
  const characters = [...text.replace(/\s+/gu, '')]
  return Array.from({ length: CHRF_ORDER }, (_, i) => {
    const length = Math.max(0, characters.length - i)
    return counts(Array.from({ length }, (_, at) => characters.slice(at, at + i + 1).join('')))
  })
}

function f1(common: number, candidate: readonly number[], reference: readonly number[]): number {
  return common === 0 ? 0 : (2 * common) / (candidate.length + reference.length)
}

function counts<Item>(items: readonly Item[]): Map<Item, number> {
  const found = new Map<Item, number>()
  for (const item of items) found.set(item, (found.get(item) ?? 0) + 1)
  return found
}

function overlap<Item>(some: ReadonlyMap<Item, number>, others: ReadonlyMap<Item, number>): number {
  let common = 0
  for (const [item, count] of some) common += Math.min(count, others.get(item) ?? 0)
  return common
}

function total(found: ReadonlyMap<string, number>): number {
  let sum = 0
  for (const count of found.values()) sum += count
  return sum
}

/** The length of the longest common subsequence, in n·m steps and one row of memory. */
function commonSubsequence(a: readonly number[], b: readonly number[]): number {
  const lengths = new Uint32Array(b.length + 1)
  for (const item of a) {
    let diagonal = 0
    for (let j = 1; j <= b.length; j++) {
      const above = lengths[j]
      lengths[j] = item === b[j - 1] ? diagonal + 1 : Math.max(above, lengths[j - 1])
      diagonal = above
    }
  }
  return lengths[b.length]
}
