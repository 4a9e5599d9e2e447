import type { GenerationConfig } from '../config/index.js'
import { schemaText } from '../config/schema-text.js'
import type { Format } from '../config/structured.js'
import type { Message } from '../tokenizer/message.js'
import { isChat, type Prompt } from './prompt.js'

/**
 * A prompt that ends with the JSON that the answer has to be: the last message of the user has it, or the text. Token ids stay as they are.
 * @throws UserError as `schemaText`
 */
export function toldLanguage(prompt: Prompt, config: GenerationConfig): Prompt {
  const instruction = instructionOf(config)
  if (instruction === undefined) return prompt
  if (typeof prompt === 'string') return `${prompt}\n\n${instruction}\n\n`
  if (!isChat(prompt)) return prompt
  const last = prompt.findLastIndex(({ role }) => role === 'user')
  if (last < 0) return [...prompt, { role: 'user', content: instruction }]
  return prompt.map((message, i) => (i === last ? told(message, instruction) : message))
}

const NAMES: Readonly<Record<Format, string>> = { json: 'JSON', yaml: 'YAML', csv: 'CSV', xml: 'XML' }

/** Words that tell the model of JSON; undefined for other languages, and where settings leave them out. */
function instructionOf({
  schema,
  json_object,
  format,
  schema_in_prompt,
}: GenerationConfig): string | undefined {
  if (!schema_in_prompt) return undefined
  if (schema !== undefined)
    return `Answer with ${NAMES[format]} that follows this JSON schema:\n${schemaText(schema)}`
  if (!json_object) return undefined
  return format === 'json' ? 'Answer with a JSON object.' : `Answer with an object in ${NAMES[format]}.`
}

function told(message: Message, instruction: string): Message {
  const { content } = message
  if (Array.isArray(content)) {
    return { ...message, content: [...content, { type: 'text', text: `\n\n${instruction}` }] }
  }
  return { ...message, content: `${content ?? ''}\n\n${instruction}` }
}
