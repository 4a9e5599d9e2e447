import type { Row } from '../batch/row.js'
import { usageError } from '../errors.js'
import { scoreOfCommand } from './command-scorer.js'

/** Says how good a text is. */
export interface Scorer {
  /** As the user wrote it. */
  readonly name: string
  /** Whether each row has to say what is expected. */
  readonly needsExpected: boolean
  /** @throws UserError where the text cannot be scored */
  score(text: string, row: Row, signal?: AbortSignal): number | Promise<number>
}

/**
 * Reads `exact`, `regex:/…/flags`, `json` or `command:CMD`.
 * @throws UserError, exit code 2, for another one, and for an expression that is none
 */
export function parseScorer(name: string): Scorer {
  const at = name.indexOf(':')
  const [kind, rest] = at < 0 ? [name, undefined] : [name.slice(0, at), name.slice(at + 1)]
  const scorer = { name, needsExpected: false }
  if (name === 'exact') return { ...scorer, needsExpected: true, score: exact }
  if (name === 'json') return { ...scorer, score: isJson }
  if (kind === 'regex' && rest !== undefined) {
    const expression = expressionOf(rest, name)
    // Some flags carry a place from one text to the next.
    return { ...scorer, score: (text) => Number(text.search(expression) >= 0) }
  }
  if (kind === 'command' && rest?.trim()) {
    return { ...scorer, score: (text, row, signal) => scoreOfCommand(rest, text, row, signal) }
  }
  throw usageError(
    `${JSON.stringify(name)} is no scorer: give exact, regex:/…/, json, or command: and a command.`,
  )
}

/**
 * @param file of the rows
 * @throws UserError, exit code 2, for rows without what the scorers compare with
 */
export function requireExpected(scorers: readonly Scorer[], rows: readonly Row[], file: string): void {
  const scorer = scorers.find(({ needsExpected }) => needsExpected)
  const row = scorer && rows.find(({ passed }) => typeof passed.expected !== 'string')
  if (row) throw usageError(`Line ${row.line} of ${file} has no text "expected", which ${scorer.name} needs.`)
}

/** Space around a text does not count. */
function exact(text: string, { passed }: Row): number {
  return Number(text.trim() === String(passed.expected).trim())
}

function isJson(text: string): number {
  try {
    JSON.parse(text)
    return 1
  } catch {
    return 0
  }
}

function expressionOf(text: string, name: string): RegExp {
  const [, source, flags] = /^\/(.+)\/([a-z]*)$/s.exec(text) ?? []
  if (source === undefined) throw usageError(`${name} is no regular expression: write it as regex:/…/.`)
  try {
    return new RegExp(source, flags)
  } catch (error) {
    throw usageError(`${name} is no regular expression: ${(error as Error).message}.`)
  }
}
