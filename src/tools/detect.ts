import type { ToolFormat } from '../config/structured.js'

/** Texts of which chat templates have one or the other, the first family first. */
const MARKS: readonly (readonly [format: ToolFormat, ...marks: readonly string[]])[] = [
  ['harmony', '<|channel|>', '<|message|>'],
  ['deepseek', '<｜tool▁calls▁begin｜>'],
  ['kimi-k2', '<|tool_calls_section_begin|>'],
  ['function-gemma', '<start_function_call>'],
  ['gemma4', '<|tool_call>'],
  ['phi4', '<|tool_call|>'],
  ['glm', '<arg_key>'],
  ['qwen-coder', '<tool_call>', '<function='],
  ['mistral-v11', '[TOOL_CALLS]', '[ARGS]'],
  ['mistral', '[TOOL_CALLS]'],
  ['hermes', '<tool_call>'],
  ['llama3', '<|python_tag|>'],
  ['llama3', '"parameters"', 'tools'],
  ['pythonic', '[func_name1(', 'tools'],
]

/** The family of a chat template, by its marks; generic for one that knows no tools. */
export function toolFormatOf(template: string | undefined): ToolFormat {
  if (template === undefined) return 'generic'
  return MARKS.find(([, ...marks]) => marks.every((mark) => template.includes(mark)))?.[0] ?? 'generic'
}
