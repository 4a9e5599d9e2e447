import * as z from 'zod'
import { group, oneOrMore } from './field.js'

const text = z.string().min(1)

/** Fields of which one names a language. */
export const LANGUAGE_FIELDS = ['schema', 'json_object', 'regex', 'choices', 'grammar', 'tools'] as const

/** Formats that a value may have. */
export const FORMATS = ['json', 'yaml', 'csv', 'xml'] as const
export type Format = (typeof FORMATS)[number]

/** Families of models by how they write calls. */
export const TOOL_FORMATS = [
  'hermes',
  'qwen-coder',
  'llama3',
  'pythonic',
  'mistral',
  'mistral-v11',
  'function-gemma',
  'gemma4',
  'harmony',
  'deepseek',
  'kimi-k2',
  'glm',
  'phi4',
  'generic',
] as const
export type ToolFormat = (typeof TOOL_FORMATS)[number]

/** Whether settings hold the text to a language. */
export function isHeld(
  config: Readonly<Partial<Record<(typeof LANGUAGE_FIELDS)[number], unknown>>>,
): boolean {
  return LANGUAGE_FIELDS.some(
    (field) =>
      (config[field] ?? undefined) !== undefined && !(field === 'json_object' && config[field] === false),
  )
}

/** A language that the text keeps to; one of `LANGUAGE_FIELDS`. */
export const structured = group('structured output', {
  schema: [
    'string',
    z.union([text, z.boolean(), z.record(z.string(), z.unknown())]).optional(),
    'JSON schema that the text keeps to, or its fields: "name, age int, tags [str]"',
  ],
  json_object: ['boolean', z.boolean().default(false), 'The text is a JSON object, of any fields'],
  regex: ['string', text.optional(), 'Regular expression that the whole text matches'],
  choices: ['strings', oneOrMore(text).optional(), 'Texts of which the text is one'],
  grammar: ['string', text.optional(), 'Grammar that the text keeps to, in GBNF or Lark'],
  any_order: ['boolean', z.boolean().default(false), 'Fields of a schema come in any order'],
  pretty: ['boolean', z.boolean().default(false), 'JSON comes with line breaks and indentation'],
  format: ['string', z.enum(FORMATS).default('json'), 'Format of the value of a schema'],
  tools: [
    'string',
    z.union([text, z.array(z.unknown()), z.record(z.string(), z.unknown())]).optional(),
    "Functions that the model may call, in OpenAI's format",
  ],
  tool_choice: [
    'string',
    z.union([text, z.record(z.string(), z.unknown())]).optional(),
    'Whether it calls any: auto, required, none, or the name of the one it has to call [auto]',
  ],
  parallel_tool_calls: ['boolean', z.boolean().default(true), 'An answer may have several calls'],
  tool_format: [
    'string',
    z.enum(TOOL_FORMATS).optional(),
    'How the model writes calls [by its chat template]',
  ],
  schema_in_prompt: ['boolean', z.boolean().default(true), 'The prompt tells the model of the schema'],
})
