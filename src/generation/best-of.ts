import type { GenerationConfig } from '../config/index.js'
import { usageError } from '../errors.js'
import { bestOf, type SampleScore, scoreSamples } from '../selection/select.js'
import type { GenerateOptions } from './options.js'
import type { BestOf } from './scored-sample.js'
import type { GeneratedSequence } from './sequence.js'

/** Whether samples are chosen by their log-probabilities, which have to be recorded for it. */
export function choosesByLogprob(
  { best_of, select_by = 'logprob' }: GenerationConfig,
  options: GenerateOptions,
) {
  return best_of !== undefined && !options.scoreSample && select_by === 'logprob'
}

/** @throws UserError for a scorer that has nothing to choose from, or that another choice excludes */
export function checkBestOf(
  { best_of, select_by }: GenerationConfig,
  { scoreSample }: GenerateOptions,
): void {
  if (!scoreSample) return
  if (best_of === undefined) {
    throw usageError('A scorer chooses one of several samples: set best_of to how many, or leave it out.')
  }
  if (select_by === undefined) return
  throw usageError(`select_by is ${JSON.stringify(select_by)}, but a scorer chooses: leave one of them out.`)
}

/** Scores samples and chooses one: by a scorer if there is one, else as `select_by` says. */
export async function chooseSample(
  samples: readonly GeneratedSequence[],
  { select_by, answer_pattern, mbr_utility }: GenerationConfig,
  { scoreSample, logprobs, signal }: GenerateOptions,
): Promise<BestOf> {
  const scores = scoreSample
    ? await scoresOf(samples, scoreSample, signal)
    : scoreSamples(samples.map(candidate), {
        by: select_by,
        answerPattern: answer_pattern === undefined ? undefined : new RegExp(answer_pattern, 'u'),
        utility: mbr_utility,
      })
  const scored = samples.map(({ logprobs: own, ...sample }, i) => ({
    ...sample,
    ...(logprobs !== undefined && { logprobs: own }),
    ...scores[i],
  }))
  return { samples: scored, chosen: bestOf(scores) }
}

/** One after the other, since a scorer may be a program that takes the whole machine. */
async function scoresOf(
  samples: readonly GeneratedSequence[],
  score: NonNullable<GenerateOptions['scoreSample']>,
  signal: AbortSignal | undefined,
): Promise<SampleScore[]> {
  const scores: SampleScore[] = []
  for (const { text } of samples) scores.push({ score: await score(text, signal) })
  return scores
}

function candidate({ text, ids, logprobs = [] }: GeneratedSequence) {
  const sum = logprobs.reduce((total, { logprob }) => total + logprob, 0)
  return { text, ids, logprob: logprobs.length > 0 ? sum / logprobs.length : -Infinity }
}
