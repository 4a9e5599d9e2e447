import { usageError } from '../../errors.js'
import type { Prefix } from '../../model/prefix.js'
import type { LogitsProcessor } from '../../strategies/strategy.js'

/** Token ids, and what is added to the score of the last one where the others precede it; false forbids it. */
export type SequenceBias = readonly [tokens: readonly number[], bias: number | false]
type Amount = readonly [tokens: readonly number[], bias: number]

/**
 * Adds a bias to the token that would complete a sequence (HF SequenceBiasLogitsProcessor). Of two entries for
 * the same sequence the later counts.
 * @throws UserError where a token is not in the vocabulary.
 */
export function sequenceBias(biases: readonly SequenceBias[], field = 'sequence_bias'): LogitsProcessor {
  const amounts = biases.map(([tokens, bias]): Amount => [tokens, bias === false ? -Infinity : bias])
  const unique = [...new Map(amounts.map((entry) => [entry[0].join(), entry])).values()]
  const highest = unique.reduce((most, [tokens]) => tokens.reduce((a, b) => Math.max(a, b), most), -1)
  const single = unique.filter(([tokens]) => tokens.length === 1)
  const longer = byLastContextToken(unique.filter(([tokens]) => tokens.length > 1))
  return (logits, prefix) => {
    if (highest >= logits.length) {
      throw usageError(
        `${field} holds token ${highest}, but the model's vocabulary ends at ${logits.length - 1}.`,
      )
    }
    for (const [tokens, bias] of single) logits[tokens[0]] += bias
    for (const [tokens, bias] of longer.get(prefix.token) ?? []) {
      if (endsWith(prefix, tokens.slice(0, -1))) logits[tokens.at(-1)!] += bias
    }
  }
}

/**
 * Forbids the token that would complete one of `words` (HF NoBadWordsLogitsProcessor). A word that is just an
 * end-of-sequence token stays allowed.
 * @throws UserError where a token is not in the vocabulary.
 */
export function badWords(
  words: readonly (readonly number[])[],
  eosTokenIds: readonly number[],
): LogitsProcessor {
  const forbidden = words.filter((word) => !(word.length === 1 && eosTokenIds.includes(word[0])))
  return sequenceBias(
    forbidden.map((word) => [word, false]),
    'bad_words_ids',
  )
}

function byLastContextToken(biases: readonly Amount[]): Map<number, Amount[]> {
  const groups = new Map<number, Amount[]>()
  for (const entry of biases) {
    const key = entry[0].at(-2)!
    const group = groups.get(key)
    if (group) group.push(entry)
    else groups.set(key, [entry])
  }
  return groups
}

function endsWith(prefix: Prefix, tokens: readonly number[]): boolean {
  let node: Prefix | undefined = prefix
  for (let i = tokens.length - 1; i >= 0; i--) {
    if (node?.token !== tokens[i]) return false
    node = node.parent
  }
  return true
}
