import { excerpt } from '../../errors.js'
import { type Automaton, DEAD } from '../../grammar/automaton.js'
import { GrammarLimitError } from '../../grammar/limits.js'

/** Whether a text belongs to a language, and where it leaves it. */
export interface Verdict {
  readonly valid: boolean
  /** Place of the first character that may not stand there, or of the end; from 1. */
  readonly line?: number
  readonly column?: number
  /** The character, or nothing where the text ends too early. */
  readonly found?: string
  /** Characters that may stand there, alone or as ranges. */
  readonly expected?: readonly string[]
  /** A shortest text that may stand there, up to the end. */
  readonly completion?: string
}

/**
 * JSON's white space around the text counts for nothing.
 * @throws GrammarLimitError where the language needs more states or steps than are allowed
 */
export function verdictOf(automaton: Automaton, text: string): Verdict {
  let state = automaton.start
  let offset = text.search(/[^ \t\r\n]|$/)
  let end = text.length
  while (end > offset && /[ \t\r\n]/.test(text[end - 1])) end--
  for (const character of text.slice(offset, end)) {
    const after = Buffer.from(character).reduce((from, byte) => automaton.next(from, byte), state)
    if (after === DEAD) return { ...refusal(automaton, state, text, offset), found: character }
    state = after
    offset += character.length
  }
  return automaton.accepts(state) ? { valid: true } : refusal(automaton, state, text, offset)
}

function refusal(automaton: Automaton, state: number, text: string, offset: number): Verdict {
  const before = text.slice(0, offset)
  return {
    valid: false,
    line: before.split('\n').length,
    column: Array.from(before.slice(before.lastIndexOf('\n') + 1)).length + 1,
    expected: expectedAt(automaton, state),
    completion: completionOf(automaton, state),
  }
}

/** The shortest text from a state to an end, where one is found within the limits. */
export function completionOf(automaton: Automaton, state: number): string | undefined {
  try {
    return Buffer.from(automaton.completion(state)).toString()
  } catch (error) {
    if (error instanceof GrammarLimitError) return undefined
    throw error
  }
}

const FIRST_OF_SEVERAL_BYTES = 0x80

/** Characters of ASCII that may follow, but white space, as runs; and whether others may. */
function expectedAt(automaton: Automaton, state: number): string[] {
  const isAllowed = (byte: number) => automaton.next(state, byte) !== DEAD
  const runs: string[] = automaton.accepts(state) ? ['the end'] : []
  for (let first = 0x21; first < 0x7f; first++) {
    if (!isAllowed(first)) continue
    let last = first
    while (last + 1 < 0x7f && isAllowed(last + 1)) last++
    const [from, to] = [first, last].map((byte) => String.fromCharCode(byte))
    runs.push(...(last - first < 2 ? [...new Set([from, to])] : [`${from} to ${to}`]))
    first = last
  }
  const others = Array.from({ length: 0x80 }, (_, i) => FIRST_OF_SEVERAL_BYTES + i)
  if (others.some(isAllowed)) runs.push('characters beyond ASCII')
  return runs
}

/** Characters of a completion that are shown. */
const SHOWN = 80

/** A verdict as a sentence. */
export function verdictLine({ valid, line, column, found, expected = [], completion }: Verdict): string {
  if (valid) return 'The value is valid.'
  const place = `at line ${line}, column ${column}`
  const fault =
    found === undefined ? `ends too early ${place}` : `is refused ${place}: there is ${JSON.stringify(found)}`
  const could = expected.length > 0 ? `, where there could be ${expected.join(' ')}` : ''
  const end = completion ? `; it could go on as ${excerpt(completion, SHOWN)}` : ''
  return `The value ${fault}${could}${end}`
}
