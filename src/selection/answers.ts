import { withinTime } from '../tokenizer/time-limit.js'

/** Milliseconds that an expression may take for a text. */
const PATTERN_TIME = 1_000

const NUMBER = /[-+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?/g

/**
 * The answer that a text comes to: what follows the last `####` on its line (GSM8K), is in the last `\boxed{…}` (MATH), or else the last
 * number; undefined where there is none.
 */
export function answerOf(text: string): string | undefined {
  const marked = text.lastIndexOf('####')
  const found =
    marked >= 0 ? text.slice(marked + 4).split('\n', 1)[0] : (lastBoxed(text) ?? text.match(NUMBER)?.at(-1))
  return found === undefined ? undefined : normalized(found)
}

/**
 * Finds answers by an expression: its first group, or the whole match where it has none; the last match of a text counts.
 * @throws UserError for an expression that takes too long
 */
export function answerBy(pattern: RegExp): (text: string) => string | undefined {
  const global = new RegExp(pattern.source, [...new Set(`${pattern.flags}g`)].join(''))
  return (text) => {
    const match = withinTime(
      () => [...text.matchAll(global)].at(-1),
      'answer_pattern',
      PATTERN_TIME,
      'give a simpler one',
    )
    return match && normalized(match[1] ?? match[0])
  }
}

/** What is in the braces of the last `\boxed`, which may hold others. */
function lastBoxed(text: string): string | undefined {
  const mark = '\\boxed{'
  const start = text.lastIndexOf(mark)
  if (start < 0) return undefined
  let depth = 1
  for (let at = start + mark.length; at < text.length; at++) {
    if (text[at] === '{') depth++
    else if (text[at] === '}' && --depth === 0) return text.slice(start + mark.length, at)
  }
  return undefined
}

/** Without what two spellings of an answer differ in: space around it, a dollar, a full stop; numbers as numbers. */
function normalized(answer: string): string | undefined {
  const bare = answer
    .trim()
    .replace(/^\$|\$$|\.$/g, '')
    .trim()
  const number = Number(bare.replaceAll(',', ''))
  if (bare !== '' && Number.isFinite(number) && /^[-+\d.,eE]+$/.test(bare)) return String(number)
  return bare === '' ? undefined : bare.replace(/\s+/g, ' ').toLowerCase()
}
