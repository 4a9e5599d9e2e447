import type { GenerationConfig } from '../config/index.js'
import { refuseFileName } from '../config/language-files.js'
import { isHeld, LANGUAGE_FIELDS } from '../config/structured.js'
import { usageError } from '../errors.js'
import type { Automaton } from '../grammar/automaton.js'
import { gbnfAutomaton } from '../grammar/gbnf.js'
import { larkAutomaton } from '../grammar/lark/lark.js'
import { toUtf8 } from '../grammar/regex/language.js'
import { Regexes } from '../grammar/regex/nodes.js'
import { parseRegex } from '../grammar/regex/parse.js'
import { RegexAutomaton } from '../grammar/regex/regex-automaton.js'
import { compileSchema } from '../grammar/schema/index.js'
import { parseNotation } from '../grammar/schema/notation.js'
import type { GrammarVocabulary } from '../grammar/token-expressions.js'

/** A language that settings hold the text to. */
export interface Language {
  readonly automaton: Automaton
  /** Words of the prompt that tell the model of it; by default none. */
  readonly instruction?: string
  /** Lines on what was noticed in a schema, such as keywords that are not known. */
  readonly notices?: readonly string[]
  /** The value of a complete text. */
  parse(text: string): unknown
}

/** The settings that make a language, as a key of a cache; undefined where the text is free. */
export function languageKey(config: GenerationConfig): string | undefined {
  if (!isHeld(config)) return undefined
  const fields = [...LANGUAGE_FIELDS, 'any_order', 'pretty', 'schema_in_prompt'] as const
  return JSON.stringify(fields.map((field) => config[field] ?? null))
}

/** @throws UserError, exit code 2, for a schema, an expression or a grammar that cannot be held */
export function languageOf(config: GenerationConfig, vocabulary: GrammarVocabulary): Language {
  const { schema, json_object, regex, choices, grammar } = config
  const text = (value: string) => value
  if (schema !== undefined) {
    const source = schemaText(schema)
    return json(source, `Answer with JSON that follows this JSON schema:\n${source}`, config)
  }
  if (json_object) return json('{"type":"object"}', 'Answer with a JSON object.', config)
  if (grammar !== undefined) return { automaton: grammarAutomaton(grammar, vocabulary), parse: text }
  if (regex !== undefined) return { automaton: regexAutomaton(regex), parse: text }
  return { automaton: choicesAutomaton(choices ?? []), parse: text }
}

/** Spaces of a level of JSON that comes with line breaks. */
const INDENT = 2

function json(
  schema: string,
  instruction: string,
  { any_order, pretty, schema_in_prompt }: GenerationConfig,
): Language {
  const automaton = compileSchema(schema, {
    order: any_order ? 'any' : 'schema',
    whitespace: pretty ? { indent: INDENT } : 'compact',
  })
  const notices = automaton.warnings.map((warning) => `The JSON schema, ${warning}`)
  return { automaton, notices, parse: JSON.parse, ...(schema_in_prompt && { instruction }) }
}

/** Files are named by flags, in plans and in a chat; a row or a program has their text. */
const GIVE_TEXT = 'its text is needed: read the file first'

/** A schema as JSON text: as it was given, or from the short notation of its fields. */
export function schemaText(schema: NonNullable<GenerationConfig['schema']>): string {
  if (typeof schema !== 'string') return JSON.stringify(schema)
  refuseFileName(schema, 'schema', GIVE_TEXT)
  const isJson = /^\s*(?:[{["]|(?:true|false|null)\s*$)/.test(schema)
  return isJson ? schema.trim() : JSON.stringify(parseNotation(schema))
}

/** Rules of GBNF have `::=`, which Lark has not outside of its texts. */
const GBNF = /^\s*[\w-]+\s*::=/m

function grammarAutomaton(source: string, vocabulary: GrammarVocabulary): Automaton {
  refuseFileName(source, 'grammar', GIVE_TEXT)
  if (GBNF.test(source)) return gbnfAutomaton(source, { vocabulary })
  return larkAutomaton(source, { vocabulary, json: (schema) => compileSchema(schema) })
}

function regexAutomaton(source: string): Automaton {
  const regexes = new Regexes()
  const automaton = new RegexAutomaton(regexes, toUtf8(regexes, parseRegex(source)))
  if (automaton.start !== 0) return automaton
  throw usageError(`regex is ${JSON.stringify(source)}, which no text matches: give another expression.`)
}

function choicesAutomaton(choices: readonly string[]): Automaton {
  const regexes = new Regexes()
  return new RegexAutomaton(regexes, regexes.or(choices.map((choice) => regexes.literal(choice))))
}
