import type { TrainingData } from './training-data.js'

/**
 * The `count` tokens that are learnt most often, ascending; where there are not so many, those of the lowest ids as well, which
 * are a BPE tokenizer's most frequent ones.
 */
export async function frequentTokens(
  data: TrainingData,
  vocabSize: number,
  count: number,
): Promise<number[]> {
  const counts = new Float64Array(vocabSize)
  for (let row = 0; row < data.rows; row++) {
    const { targets, weights } = await data.read([row])
    for (const [i, token] of targets.entries()) counts[token] += weights[i]
  }
  const ids = Array.from(counts, (_, token) => token)
  const byFrequency = ids.sort((a, b) => counts[b] - counts[a] || a - b)
  return byFrequency.slice(0, count).sort((a, b) => a - b)
}
