/**
 * A sequence as an immutable linked list, newest token first, prompt included. State that belongs to a
 * sequence (tokens seen, a grammar's matcher) hangs off its nodes in a WeakMap, so that a rejected branch is
 * garbage and nothing is rolled back.
 */
export interface Prefix {
  readonly token: number
  readonly parent: Prefix | undefined
  /** Number of tokens from the first prompt token up to and including this one. */
  readonly length: number
}

/** The sequence `prefix` followed by `token`. */
export function extend(prefix: Prefix | undefined, token: number): Prefix {
  return { token, parent: prefix, length: (prefix?.length ?? 0) + 1 }
}

/** The prefix that holds `tokens`; they must not be empty. */
export function prefixOf(tokens: readonly number[]): Prefix {
  let prefix: Prefix | undefined
  for (const token of tokens) prefix = extend(prefix, token)
  if (!prefix) throw new RangeError('A prefix holds at least one token.')
  return prefix
}

/** The last `count` tokens (all by default), oldest first. */
export function tokensOf(prefix: Prefix, count = prefix.length): number[] {
  const tokens = new Array<number>(Math.min(count, prefix.length))
  let node: Prefix | undefined = prefix
  for (let i = tokens.length - 1; i >= 0; i--) {
    tokens[i] = node!.token
    node = node!.parent
  }
  return tokens
}

/** Tokens that two texts begin with alike. */
export function commonLength(a: readonly number[], b: readonly number[]): number {
  const end = Math.min(a.length, b.length)
  let length = 0
  while (length < end && a[length] === b[length]) length++
  return length
}
