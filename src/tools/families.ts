import { CONTROL } from '../grammar/automaton.js'
import type { GrammarVocabulary } from '../grammar/token-expressions.js'
import { jsonArguments } from './arguments/json.js'
import { LiteralObjects } from './arguments/literal-objects.js'
import { TaggedArguments } from './arguments/tagged.js'
import type { CallFormat, CallPiece } from './turn.js'

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

const NAME: CallPiece = { kind: 'name' }
const DIGITS: CallPiece = { kind: 'digits' }
const ARGUMENTS: CallPiece = { kind: 'arguments' }

/** How a family writes calls, in the symbols of a vocabulary. */
export function callFormat(
  format: ToolFormat,
  vocabulary: Pick<GrammarVocabulary, 'idOf' | 'controls'>,
): CallFormat {
  const controls = new Set(vocabulary.controls)
  /** A mark is its control token where the vocabulary has one, and text otherwise. */
  const symbols = (...texts: readonly string[]): readonly number[] =>
    texts.flatMap((text) => {
      const id = vocabulary.idOf(text)
      return id !== undefined && controls.has(id) ? [CONTROL + id] : [...Buffer.from(text)]
    })
  const fixed = (...texts: readonly string[]): CallPiece => ({ kind: 'fixed', symbols: symbols(...texts) })
  const on = (...texts: readonly string[]) => [{ symbols: symbols(...texts), next: 0 }]
  const json = { arguments: jsonArguments }
  const named = (key: string) => [NAME, fixed(`", "${key}": `), ARGUMENTS, fixed('}')]
  const tagged = (open: string, middle: string, close: string) => new TaggedArguments({ open, middle, close })
  const gemma = (mark: string) =>
    new LiteralObjects({
      isCall: false,
      quotes: [symbols(mark)],
      words: [],
      hasEscapes: false,
      hasSpaces: false,
    })
  switch (format) {
    case 'hermes':
      return {
        ...json,
        triggers: on('<tool_call>'),
        call: [fixed('\n{"name": "'), ...named('arguments'), fixed('\n')],
        close: symbols('</tool_call>'),
        gap: symbols('\n'),
      }
    case 'generic':
      return { ...json, triggers: on('{"name": "'), call: named('arguments'), close: [], gap: symbols('\n') }
    case 'qwen-coder':
      return {
        arguments: tagged('<parameter=', '>\n', '\n</parameter>\n'),
        triggers: on('<tool_call>'),
        call: [fixed('\n<function='), NAME, fixed('>\n'), ARGUMENTS, fixed('</function>\n')],
        close: symbols('</tool_call>'),
        gap: symbols('\n'),
      }
    case 'glm':
      return {
        arguments: tagged('<arg_key>', '</arg_key>\n<arg_value>', '</arg_value>\n'),
        triggers: on('<tool_call>'),
        call: [NAME, fixed('\n'), ARGUMENTS],
        close: symbols('</tool_call>'),
        gap: symbols('\n'),
      }
    case 'llama3':
      return {
        ...json,
        triggers: [
          { symbols: symbols('<|python_tag|>'), next: 0 },
          { symbols: symbols('{"name": "'), next: 1 },
        ],
        call: [fixed('{"name": "'), ...named('parameters')],
        close: [],
        isLast: true,
      }
    case 'pythonic':
      return {
        arguments: new LiteralObjects({
          isCall: true,
          quotes: [symbols("'"), symbols('"')],
          words: [
            ['True', 'true'],
            ['False', 'false'],
            ['None', 'null'],
          ],
          hasEscapes: true,
          hasSpaces: true,
        }),
        triggers: on('['),
        call: [NAME, fixed('('), ARGUMENTS, fixed(')')],
        separator: symbols(', '),
        close: symbols(']'),
        isAtStart: true,
        isLast: true,
      }
    case 'mistral':
      return {
        ...json,
        triggers: on('[TOOL_CALLS]', '['),
        call: [fixed('{"name": "'), ...named('arguments')],
        separator: symbols(', '),
        close: symbols(']'),
        isLast: true,
      }
    case 'mistral-v11':
      return { ...json, triggers: on('[TOOL_CALLS]'), call: [NAME, fixed('[ARGS]'), ARGUMENTS], close: [] }
    case 'function-gemma':
      return {
        arguments: gemma('<escape>'),
        triggers: on('<start_function_call>'),
        call: [fixed('call:'), NAME, ARGUMENTS],
        close: symbols('<end_function_call>'),
      }
    case 'gemma4':
      return {
        arguments: gemma('<|"|>'),
        triggers: on('<|tool_call>'),
        call: [fixed('call:'), NAME, ARGUMENTS],
        close: symbols('<tool_call|>'),
      }
    case 'harmony':
      return {
        ...json,
        triggers: on('<|channel|>', 'commentary to=functions.'),
        call: [NAME, fixed(' ', '<|constrain|>', 'json', '<|message|>'), ARGUMENTS],
        close: symbols('<|call|>'),
        textOpen: symbols('<|channel|>', 'final', '<|message|>'),
        isLast: true,
      }
    case 'deepseek':
      return {
        ...json,
        triggers: on('<｜tool▁calls▁begin｜>', '<｜tool▁call▁begin｜>'),
        call: [NAME, fixed('<｜tool▁sep｜>'), ARGUMENTS, fixed('<｜tool▁call▁end｜>')],
        separator: symbols('<｜tool▁call▁begin｜>'),
        close: symbols('<｜tool▁calls▁end｜>'),
        isLast: true,
      }
    case 'kimi-k2':
      return {
        ...json,
        triggers: on('<|tool_calls_section_begin|>', '<|tool_call_begin|>', 'functions.'),
        call: [
          NAME,
          fixed(':'),
          DIGITS,
          fixed('<|tool_call_argument_begin|>'),
          ARGUMENTS,
          fixed('<|tool_call_end|>'),
        ],
        separator: symbols('<|tool_call_begin|>', 'functions.'),
        close: symbols('<|tool_calls_section_end|>'),
        isLast: true,
      }
    case 'phi4':
      return {
        ...json,
        triggers: on('<|tool_call|>', '['),
        call: [fixed('{"name": "'), ...named('arguments')],
        separator: symbols(', '),
        close: symbols(']', '<|/tool_call|>'),
        isLast: true,
      }
  }
}
