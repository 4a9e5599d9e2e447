import { SuffixIndex } from '../../src/strategies/suffix-index.js'

/** Documents of tokens below `boundary`, one after the other. */
export function joined(documents: readonly (readonly number[])[], boundary: number): number[] {
  return documents.flatMap((document) => [...document, boundary])
}

/** An index of documents of the toy model's tokens. */
export function indexOf(documents: readonly (readonly number[])[], boundary = 13): Promise<SuffixIndex> {
  return SuffixIndex.build(Uint16Array.from(joined(documents, boundary)), boundary)
}
