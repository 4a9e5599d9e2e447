import type { ChatSession } from '../../chat/session.js'
import type { ToolResult } from '../../chat/tool-turn.js'
import { runCommand } from '../../child-command.js'
import { excerpt, type UserError } from '../../errors.js'
import { systemReason } from '../../files.js'
import type { ToolDefinition } from '../../tools/definitions.js'
import type { ToolCall } from '../../tools/language.js'
import type { ChatPort } from './port.js'

/** How calls are run. */
export interface ToolRunning {
  /** Whether they run without a question. */
  readonly yes: boolean
  /** Answers with calls to one message, at most. */
  readonly rounds: number
  /** Seconds that a tool may take. */
  readonly timeout: number
}

/** Bytes of a tool's output that the model is told. */
const MOST_OUTPUT = 2 ** 15
/** Lines of it that are shown. */
const SHOWN_LINES = 5
/** Characters of a line that are shown. */
const SHOWN = 200

/**
 * Results of an answer's calls: each runs after a yes. Undefined where one of them has no command: whoever chats is the tool then.
 * @param signal ends the tool that runs
 */
export async function resultsOf(
  calls: readonly ToolCall[],
  session: ChatSession,
  port: ChatPort,
  running: ToolRunning,
): Promise<readonly ToolResult[] | undefined> {
  const tools = calls.map((call) => session.tools.find(({ name }) => name === call.function.name))
  const unknown = calls.find((_, i) => tools[i]?.command === undefined)
  if (unknown) {
    port.note(`No command runs ${unknown.function.name}: what you write next is its result.`)
    return undefined
  }
  const results: ToolResult[] = []
  for (const [i, call] of calls.entries()) {
    const text = await outputOf(call, tools[i]!, session, port, running)
    port.note(folded(text))
    results.push({ call, text })
  }
  return results
}

async function outputOf(
  { function: { name, arguments: given } }: ToolCall,
  tool: ToolDefinition,
  session: ChatSession,
  port: ChatPort,
  { yes, timeout }: ToolRunning,
): Promise<string> {
  const command = filled(tool.command!, JSON.parse(given))
  const shown = excerpt(typeof command === 'string' ? command : command.join(' '), SHOWN)
  const isAllowed = yes || (await port.confirm(`Run ${name}(${excerpt(given, SHOWN)}): ${shown}`))
  if (!isAllowed) {
    port.note(`Not run: ${name}.`)
    return 'The user did not allow this call.'
  }
  const ended = await runCommand(command, {
    input: given,
    variables: { LLM_TOOL: name, LLM_TOOL_ARGUMENTS: given.length < MOST_OUTPUT ? given : undefined },
    limitMs: 1000 * timeout,
    mostOutput: MOST_OUTPUT,
    keepsErrors: true,
    signal: session.toolTurn.signal(),
  }).catch((error: UserError) => `The tool cannot be run: ${systemReason(error)}.`)
  if (typeof ended === 'string') return ended
  const { output, isCut, isLate, code, signal } = ended
  const text = isCut ? `${output}\n(cut off after ${MOST_OUTPUT} bytes)` : output
  if (isLate) return `${text}\nThe tool took longer than ${timeout} s, and was ended.`
  if (code === 0) return text
  return `${text}\nThe tool failed: ${code === null ? `it was ended by ${signal}` : `exit code ${code}`}.`
}

/** A command whose words have the values of arguments in the place of `{name}`; the text of a shell stays as it is. */
function filled(
  command: string | readonly string[],
  given: Record<string, unknown>,
): string | readonly string[] {
  if (typeof command === 'string') return command
  return command.map((word) =>
    word.replace(/\{(\w+)\}/g, (place, name) => {
      const value = given[name]
      if (value === undefined) return place
      return typeof value === 'string' ? value : JSON.stringify(value)
    }),
  )
}

function folded(text: string): string {
  const lines = text.trimEnd().split('\n')
  const shown = lines.slice(0, SHOWN_LINES).map((line) => `  ${excerpt(line, SHOWN)}`)
  const rest = lines.length - shown.length
  return [...shown, ...(rest > 0 ? [`  … ${rest} more line${rest === 1 ? '' : 's'}`] : [])].join('\n')
}
