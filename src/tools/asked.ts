import type { GenerationConfig } from '../config/index.js'
import type { ToolFormat } from '../config/structured.js'
import { usageError } from '../errors.js'
import { readToolChoice, readTools, type ToolChoice, type ToolDefinition } from './definitions.js'

/**
 * The tools that settings name; undefined where they name none.
 * @throws UserError as `readTools`
 */
export function toolsOf({ tools }: Pick<GenerationConfig, 'tools'>): readonly ToolDefinition[] | undefined {
  if (tools === undefined) return undefined
  if (typeof tools !== 'string') return readTools(tools)
  let value: unknown
  try {
    value = JSON.parse(tools)
  } catch (error) {
    throw usageError(`tools is no JSON: ${(error as Error).message}.`, { cause: error })
  }
  return readTools(value)
}

/** The calls that settings ask for. @throws UserError as `readToolChoice` */
export function toolChoiceOf(config: GenerationConfig, tools: readonly ToolDefinition[]): ToolChoice {
  const { tool_choice: choice } = config
  const isJson = typeof choice === 'string' && choice.trimStart().startsWith('{')
  return readToolChoice(isJson ? JSON.parse(choice) : choice, tools)
}

/** Words that tell a model of tools whose chat template knows none. */
export function toolInstructions(tools: readonly ToolDefinition[], format: ToolFormat): string {
  const lines = tools.map(({ definition }) => JSON.stringify(definition.function)).join('\n')
  const example =
    format === 'hermes'
      ? '<tool_call>\n{"name": "NAME", "arguments": {…}}\n</tool_call>'
      : '{"name": "NAME", "arguments": {…}}'
  return `You can call these functions:\n${lines}\n\nTo call one, answer with JSON of this form:\n${example}`
}
