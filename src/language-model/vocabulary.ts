import type { Tokenizer } from '../tokenizer/tokenizer.js'

/** What of a model says which tokens it has. */
export interface Vocabulary {
  readonly tokenizer: Pick<Tokenizer, 'idToToken'>
  readonly vocabSize: number
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
