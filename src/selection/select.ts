import { answerBy, answerOf } from './answers.js'
import { type Sample, type UtilityName, utility } from './utilities.js'

/** How one of several samples is chosen. */
export interface SelectionOptions {
  /** `logprob` by default. */
  readonly by?: 'logprob' | 'majority' | 'mbr'
  /** Finds the answers of a majority. */
  readonly answerPattern?: RegExp
  readonly utility?: UtilityName
}

/** A sample with the mean of its tokens' log-probabilities. */
export interface DrawnSample extends Sample {
  readonly logprob: number
}

export interface SampleScore {
  readonly score: number
  /** What a majority was counted of; absent where the sample has none. */
  readonly answer?: string
}

/**
 * Scores of samples, of which the highest is the best: the mean log-probability; of a majority (self-consistency, Wang et al. 2023) how many
 * samples have the same answer, 0 for none; of minimum Bayes risk (Kumar and Byrne 2004) the mean utility under all others.
 */
export function scoreSamples(candidates: readonly DrawnSample[], options: SelectionOptions): SampleScore[] {
  const { by = 'logprob', answerPattern, utility: name = 'chrf' } = options
  if (by === 'logprob') return candidates.map(({ logprob }) => ({ score: logprob }))
  if (by === 'mbr') {
    const gain = utility(name)
    return candidates.map((candidate) => {
      const others = candidates.filter((other) => other !== candidate)
      const sum = others.reduce((gains, other) => gains + gain(candidate, other), 0)
      return { score: sum / Math.max(1, others.length) }
    })
  }
  const answers = candidates.map(({ text }) => (answerPattern ? answerBy(answerPattern) : answerOf)(text))
  return answers.map((answer) =>
    answer === undefined
      ? { score: 0 }
      : { score: answers.filter((other) => other === answer).length, answer },
  )
}

/** The place of the best score; of equals the first. */
export function bestOf(scores: readonly SampleScore[]): number {
  return scores.reduce((best, { score }, i) => (score > scores[best].score ? i : best), 0)
}
