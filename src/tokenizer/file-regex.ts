import * as hf from '@huggingface/tokenizers'
import { type Part, stageParts } from './part.js'
import { tokenizerFault } from './tokenizer-json.js'
import { wellKnown } from './words.js'

/** What is used of @huggingface/tokenizers; its own declarations do not resolve under NodeNext. */
const { SplitPreTokenizer } = hf as unknown as {
  SplitPreTokenizer: new (json: object) => { readonly pattern: RegExp }
}

/** Characters of a regex at most; those of known tokenizers have some 2,000. */
const MOST_LENGTH = 20_000

/**
 * A regex of tokenizer.json, which is in Oniguruma's language, as JavaScript's: global, by code points.
 * @param path of the pattern in tokenizer.json
 * @throws UserError for what JavaScript's regexes cannot say
 */
export function fileRegex(source: string, path: string): RegExp {
  if (source.length > MOST_LENGTH) throw tokenizerFault(`the regex of its ${path} is too long`)
  try {
    return new SplitPreTokenizer({ pattern: { Regex: source }, invert: false }).pattern
  } catch (error) {
    throw tokenizerFault(`the regex of its ${path} cannot be used (${(error as Error).message})`, {
      cause: error,
    })
  }
}

/**
 * Calls `visit` for each match in order, as Oniguruma's `find_iter` finds them: an empty one not where the last one ended.
 * @param regex global
 */
export function eachMatch(regex: RegExp, text: string, visit: (start: number, end: number) => void): void {
  regex.lastIndex = 0
  let last = -1
  for (let match = regex.exec(text); match; match = regex.exec(text)) {
    const start = match.index
    const end = start + match[0].length
    if (end > start || start !== last) visit(start, end)
    last = end
    if (end === start) regex.lastIndex = end + (text.codePointAt(end)! > 0xffff ? 2 : 1)
  }
}

/**
 * Whether a stage has a regex that may take exponential time: one with a quantifier that is not of a well-known tokenizer.
 * @param name of the stage in tokenizer.json
 * @param field of a `Sequence` that lists its parts
 */
export function hasForeignRegex(stage: unknown, name: string, field: string): boolean {
  return stageParts(stage, name, field).some(isForeign)
}

function isForeign(part: Part): boolean {
  if (part.type !== 'Split' && part.type !== 'Replace') return false
  const pattern = part.pattern()
  return 'regex' in pattern && /[*+?{]/.test(pattern.regex) && !wellKnown.has(pattern.regex)
}
