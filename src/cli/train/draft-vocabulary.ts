import { Flags } from '@oclif/core'
import { frequentTokens } from '../../train/data/frequent-tokens.js'
import type { TrainingData } from '../../train/data/training-data.js'

/** Fewer could not even give the candidates of a tree. */
const LEAST = 16

export function draftVocabularyFlag(helpGroup: string) {
  return Flags.integer({
    helpGroup,
    min: LEAST,
    helpValue: 'N',
    description: 'guess the N most frequent tokens of the data alone [all]',
    exclusive: ['init'],
  })
}

/** The tokens that new heads are to guess; undefined for all. */
export async function draftTokens(
  data: TrainingData,
  { vocabSize }: { readonly vocabSize: number },
  { 'draft-vocab-size': count }: { 'draft-vocab-size'?: number },
): Promise<number[] | undefined> {
  if (count === undefined || count >= vocabSize) return undefined
  return frequentTokens(data, vocabSize, count)
}
