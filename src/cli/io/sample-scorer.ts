import type { Row } from '../../batch/row.js'
import { scoreOfCommand } from '../../compare/command-scorer.js'
import type { GenerateOptions } from '../../generation/options.js'

/** The choice among samples by a shell command, where there is one: it is told of the prompt as the scorers of `llm compare` are. */
export function scorerOf(command: string | undefined, prompt: string): Pick<GenerateOptions, 'scoreSample'> {
  return command === undefined
    ? {}
    : scorerOfRow(command, { line: 1, id: 1, prompt, settings: {}, passed: {} })
}

/** The same for a row of a batch. */
export function scorerOfRow(command: string, row: Row): Required<Pick<GenerateOptions, 'scoreSample'>> {
  return { scoreSample: (text, signal) => scoreOfCommand(command, text, row, signal) }
}
