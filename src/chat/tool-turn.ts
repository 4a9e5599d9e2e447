import type { GenerationResult } from '../generation/options.js'
import { isJsonObject } from '../json.js'
import type { ToolCall, ToolMessage } from '../tools/language.js'
import type { ChatMessage } from './chat-file.js'

/** What a tool has given, for a call. */
export interface ToolResult {
  readonly call: ToolCall
  readonly text: string
}

/** The calls of an answer, where it was held to tools. */
function callsOf({ config, value }: Pick<GenerationResult, 'config' | 'value'>): readonly ToolCall[] {
  if (config.tools === undefined || !isJsonObject(value)) return []
  return (value as unknown as ToolMessage).tool_calls
}

/**
 * An answer as a message: with its calls where the chat template knows of tools, and otherwise as the text that the model wrote.
 * @param isNative whether the template does
 */
function answerMessage(result: GenerationResult, isNative: boolean): ChatMessage {
  const calls = callsOf(result)
  if (calls.length === 0 || !isNative) return { role: 'assistant', content: result.text }
  const tool_calls = calls.map(({ id, type, function: { name, arguments: given } }) => ({
    id,
    type,
    function: { name, arguments: JSON.parse(given) },
  }))
  return { role: 'assistant', content: (result.value as ToolMessage).content, tool_calls }
}

/** A result as a message: of the tool, or of the user where the template knows no tools. */
function resultMessage({ call, text }: ToolResult, isNative: boolean): ChatMessage {
  const { name } = call.function
  if (isNative) return { role: 'tool', name, tool_call_id: call.id, content: text }
  return { role: 'user', content: `Result of ${name}:\n${text}` }
}

/** The calls of a chat's last answer, and the tool that runs for them. */
export class ToolTurn {
  calls: readonly ToolCall[] = []
  /** Whether the chat template knows of tools. */
  private isNative = false
  private stopper: AbortController | undefined

  /** Takes an answer, and gives its message. */
  begin(result: GenerationResult): ChatMessage {
    this.calls = callsOf(result)
    this.isNative = result.config.tool_format !== 'generic'
    return answerMessage(result, this.isNative)
  }

  messagesOf(results: readonly ToolResult[]): readonly ChatMessage[] {
    return results.map((result) => resultMessage(result, this.isNative))
  }

  /** A signal that `stop` gives, for a tool that is to run. */
  signal(): AbortSignal {
    this.stopper = new AbortController()
    return this.stopper.signal
  }

  stop(): void {
    this.stopper?.abort()
  }

  end(): void {
    this.calls = []
    this.stopper = undefined
  }
}
