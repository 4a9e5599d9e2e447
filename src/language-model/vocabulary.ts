import { usageError } from '../errors.js'
import type { Tokenizer } from '../tokenizer/tokenizer.js'

/** What of a model says which tokens it has. */
export interface Vocabulary {
  readonly tokenizer: Pick<Tokenizer, 'idToToken'>
  readonly vocabSize: number
}

/** A model that drafts, or the one it drafts for. */
interface DraftSide {
  readonly path: string
  readonly tokenizer: Pick<Tokenizer, 'idToToken'>
  readonly spec?: { readonly vocabSize: number }
  /** Says it where there is no specification. */
  readonly model?: { readonly vocabSize: number }
}

/** @throws UserError, exit code 2, where a draft's tokens are not its target's */
export function requireDraftOf(target: DraftSide, draft: DraftSide): void {
  const [own, other] = [draft, target].map(({ tokenizer, spec, model }) => ({
    tokenizer,
    vocabSize: (spec ?? model)!.vocabSize,
  }))
  const difference = vocabularyDifference(own, other)
  if (difference === undefined) return
  throw usageError(
    `${draft.path} is no draft for ${target.path}, since ${difference}: a draft needs its target's vocabulary.`,
  )
}

/** How the tokens of two models differ, as a clause; undefined where they are the same. */
export function vocabularyDifference(one: Vocabulary, other: Vocabulary): string | undefined {
  if (one.vocabSize !== other.vocabSize) {
    return `one has ${one.vocabSize} tokens and the other ${other.vocabSize}`
  }
  for (let id = 0; id < one.vocabSize; id++) {
    const [token, wanted] = [one, other].map(({ tokenizer }) => tokenizer.idToToken(id))
    if (token !== wanted) {
      return `token ${id} is ${JSON.stringify(token)} in one and ${JSON.stringify(wanted)} in the other`
    }
  }
  return undefined
}
