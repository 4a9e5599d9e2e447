import type { GenerationConfig } from '../config/index.js'
import { requireContent } from '../config/language-files.js'
import { schemaText } from '../config/schema-text.js'
import { type Format, LANGUAGE_FIELDS } from '../config/structured.js'
import { UserError, usageError } from '../errors.js'
import { type Automaton, DEAD } from '../grammar/automaton.js'
import { gbnfAutomaton } from '../grammar/gbnf.js'
import { larkAutomaton } from '../grammar/lark/lark.js'
import { toUtf8 } from '../grammar/regex/language.js'
import { Regexes } from '../grammar/regex/nodes.js'
import { parseRegex } from '../grammar/regex/parse.js'
import { RegexAutomaton } from '../grammar/regex/regex-automaton.js'
import { compileSchema } from '../grammar/schema/index.js'
import { type SpelledFormat, spellingOf } from '../grammar/spelling/formats.js'
import { jsonOfSpelled } from '../grammar/spelling/reader.js'
import { SpelledAutomaton } from '../grammar/spelling/spelled.js'
import type { GrammarVocabulary } from '../grammar/token-expressions.js'

import { toolChoiceOf, toolsOf } from '../tools/asked.js'
import type { ToolDefinition } from '../tools/definitions.js'
import { readAnswer, toolLanguage } from '../tools/language.js'

/** A language that settings hold the text to. */
export interface Language {
  readonly automaton: Automaton
  /** Lines on what was noticed in a schema, such as keywords that are not known. */
  readonly notices?: readonly string[]
  /** The value of a complete text. @param symbols its bytes, and `CONTROL` + id for control tokens */
  parse(text: string, symbols: readonly number[]): unknown
}

/** The settings that make a language, as a key of a cache. */
export function languageKey(config: GenerationConfig): string {
  const fields = [
    ...LANGUAGE_FIELDS,
    'any_order',
    'pretty',
    'format',
    'tool_choice',
    'parallel_tool_calls',
    'tool_format',
  ] as const
  return JSON.stringify(fields.map((field) => config[field] ?? null))
}

/** @throws UserError, exit code 2, for a schema, an expression or a grammar that cannot be held */
export function languageOf(config: GenerationConfig, vocabulary: GrammarVocabulary): Language {
  const { schema, json_object, regex, choices, grammar } = config
  const tools = toolsOf(config)
  if (tools) return toolAnswers(tools, config, vocabulary)
  const text = (value: string) => value
  if (schema !== undefined) return json(schemaText(schema), config)
  if (json_object) return json('{"type":"object"}', config)
  if (grammar !== undefined) return { automaton: grammarAutomaton(grammar, vocabulary), parse: text }
  if (regex !== undefined) return { automaton: regexAutomaton(regex), parse: text }
  return { automaton: choicesAutomaton(choices ?? []), parse: text }
}

function toolAnswers(
  tools: readonly ToolDefinition[],
  config: GenerationConfig,
  vocabulary: GrammarVocabulary,
): Language {
  const { tool_format: format = 'generic', parallel_tool_calls: isParallel } = config
  const choice = toolChoiceOf(config, tools)
  const automaton = toolLanguage({ format, choice, isParallel }, vocabulary)
  return { automaton, parse: (_, symbols) => readAnswer(automaton, symbols) }
}

/** Spaces of a level of JSON that comes with line breaks. */
const INDENT = 2

function json(schema: string, { any_order, pretty, format }: GenerationConfig): Language {
  const automaton = compileSchema(schema, {
    order: any_order ? 'any' : 'schema',
    whitespace: pretty ? { indent: INDENT } : 'compact',
  })
  const notices = automaton.warnings.map((warning) => `The JSON schema, ${warning}`)
  return format === 'json'
    ? { automaton, notices, parse: (text) => JSON.parse(text) }
    : { ...spelled(automaton, format, schema), notices }
}

/** @throws UserError, exit code 2, where no value of the schema can be spelled */
function spelledAutomaton(json: Automaton, format: SpelledFormat, schema: string): SpelledAutomaton {
  const automaton = new SpelledAutomaton(spellingOf(format, schema), json)
  if (automaton.start !== DEAD) return automaton
  throw usageError(`No value of the schema has a spelling in ${format}: set format to json.`)
}

/** A value's language in another format. */
function spelled(json: Automaton, format: SpelledFormat, schema: string): Language {
  const automaton = spelledAutomaton(json, format, schema)
  return {
    automaton,
    parse: (text) => {
      const value = jsonOfSpelled(automaton, text)
      if (value === undefined) throw new UserError(`The text is no ${format} of the schema.`)
      return JSON.parse(value)
    },
  }
}

/**
 * A function that writes values of a schema as a model would be held to.
 * @throws UserError as `spelled`; where a value has no text in the format
 */
export function valueWriter(schema: string, format: Format): (value: unknown) => string {
  if (format === 'json') return JSON.stringify
  const automaton = spelledAutomaton(compileSchema(schema), format, schema)
  return (value) => {
    const text = automaton.textOf(JSON.stringify(value))
    if (text) return Buffer.from(text).toString()
    throw usageError(`The value ${JSON.stringify(value)} has no spelling in ${format}: set format to json.`)
  }
}

/** Rules of GBNF have `::=`, which Lark has not outside of its texts. */
const GBNF = /^\s*[\w-]+\s*::=/m

function grammarAutomaton(source: string, vocabulary: GrammarVocabulary): Automaton {
  requireContent(source, 'grammar')
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
