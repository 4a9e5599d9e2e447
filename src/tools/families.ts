import type { ToolFormat } from '../config/structured.js'
import { CONTROL } from '../grammar/automaton.js'
import type { GrammarVocabulary } from '../grammar/token-expressions.js'
import { jsonArguments } from './arguments/json.js'
import { LiteralObjects } from './arguments/literal-objects.js'
import { TaggedArguments } from './arguments/tagged.js'
import type { CallFormat, CallPiece } from './turn.js'

const NAME: CallPiece = { kind: 'name' }
const DIGITS: CallPiece = { kind: 'digits' }
const ARGUMENTS: CallPiece = { kind: 'arguments' }

/** Texts in the symbols of a vocabulary. */
class MarkWriter {
  private readonly controls: ReadonlySet<number>

  constructor(private readonly vocabulary: Pick<GrammarVocabulary, 'idOf' | 'controls'>) {
    this.controls = new Set(vocabulary.controls)
  }

  /** A mark is its control token where the vocabulary has one, and text otherwise. */
  symbols(...texts: readonly string[]): readonly number[] {
    return texts.flatMap((text) => {
      const id = this.vocabulary.idOf(text)
      return id !== undefined && this.controls.has(id) ? [CONTROL + id] : [...Buffer.from(text)]
    })
  }

  fixed(...texts: readonly string[]): CallPiece {
    return { kind: 'fixed', symbols: this.symbols(...texts) }
  }

  on(...texts: readonly string[]): CallFormat['triggers'] {
    return [{ symbols: this.symbols(...texts), next: 0 }]
  }
}

const json = { arguments: jsonArguments }
const tagged = (open: string, middle: string, close: string) => new TaggedArguments({ open, middle, close })

function named(write: MarkWriter, key: string): readonly CallPiece[] {
  return [NAME, write.fixed(`", "${key}": `), ARGUMENTS, write.fixed('}')]
}

function gemma(write: MarkWriter, mark: string): LiteralObjects {
  return new LiteralObjects({
    isCall: false,
    quotes: [write.symbols(mark)],
    words: [],
    hasEscapes: false,
    hasSpaces: false,
  })
}

const FORMATS: Readonly<Record<ToolFormat, (write: MarkWriter) => CallFormat>> = {
  hermes: (write) => ({
    ...json,
    triggers: write.on('<tool_call>'),
    call: [write.fixed('\n{"name": "'), ...named(write, 'arguments'), write.fixed('\n')],
    close: write.symbols('</tool_call>'),
    gap: write.symbols('\n'),
  }),
  generic: (write) => ({
    ...json,
    triggers: write.on('{"name": "'),
    call: named(write, 'arguments'),
    close: [],
    gap: write.symbols('\n'),
  }),
  'qwen-coder': (write) => ({
    arguments: tagged('<parameter=', '>\n', '\n</parameter>\n'),
    triggers: write.on('<tool_call>'),
    call: [write.fixed('\n<function='), NAME, write.fixed('>\n'), ARGUMENTS, write.fixed('</function>\n')],
    close: write.symbols('</tool_call>'),
    gap: write.symbols('\n'),
  }),
  glm: (write) => ({
    arguments: tagged('<arg_key>', '</arg_key>\n<arg_value>', '</arg_value>\n'),
    triggers: write.on('<tool_call>'),
    call: [NAME, write.fixed('\n'), ARGUMENTS],
    close: write.symbols('</tool_call>'),
    gap: write.symbols('\n'),
  }),
  llama3: (write) => ({
    ...json,
    triggers: [
      { symbols: write.symbols('<|python_tag|>'), next: 0 },
      { symbols: write.symbols('{"name": "'), next: 1 },
    ],
    call: [write.fixed('{"name": "'), ...named(write, 'parameters')],
    close: [],
    isLast: true,
  }),
  pythonic: (write) => ({
    arguments: new LiteralObjects({
      isCall: true,
      quotes: [write.symbols("'"), write.symbols('"')],
      words: [
        ['True', 'true'],
        ['False', 'false'],
        ['None', 'null'],
      ],
      hasEscapes: true,
      hasSpaces: true,
    }),
    triggers: write.on('['),
    call: [NAME, write.fixed('('), ARGUMENTS, write.fixed(')')],
    separator: write.symbols(', '),
    close: write.symbols(']'),
    isAtStart: true,
    isLast: true,
  }),
  mistral: (write) => ({
    ...json,
    triggers: write.on('[TOOL_CALLS]', '['),
    call: [write.fixed('{"name": "'), ...named(write, 'arguments')],
    separator: write.symbols(', '),
    close: write.symbols(']'),
    isLast: true,
  }),
  'mistral-v11': (write) => ({
    ...json,
    triggers: write.on('[TOOL_CALLS]'),
    call: [NAME, write.fixed('[ARGS]'), ARGUMENTS],
    close: [],
  }),
  'function-gemma': (write) => ({
    arguments: gemma(write, '<escape>'),
    triggers: write.on('<start_function_call>'),
    call: [write.fixed('call:'), NAME, ARGUMENTS],
    close: write.symbols('<end_function_call>'),
  }),
  gemma4: (write) => ({
    arguments: gemma(write, '<|"|>'),
    triggers: write.on('<|tool_call>'),
    call: [write.fixed('call:'), NAME, ARGUMENTS],
    close: write.symbols('<tool_call|>'),
  }),
  harmony: (write) => ({
    ...json,
    triggers: write.on('<|channel|>', 'commentary to=functions.'),
    call: [NAME, write.fixed(' ', '<|constrain|>', 'json', '<|message|>'), ARGUMENTS],
    close: write.symbols('<|call|>'),
    textOpen: write.symbols('<|channel|>', 'final', '<|message|>'),
    isLast: true,
  }),
  deepseek: (write) => ({
    ...json,
    triggers: write.on('<｜tool▁calls▁begin｜>', '<｜tool▁call▁begin｜>'),
    call: [NAME, write.fixed('<｜tool▁sep｜>'), ARGUMENTS, write.fixed('<｜tool▁call▁end｜>')],
    separator: write.symbols('<｜tool▁call▁begin｜>'),
    close: write.symbols('<｜tool▁calls▁end｜>'),
    isLast: true,
  }),
  'kimi-k2': (write) => ({
    ...json,
    triggers: write.on('<|tool_calls_section_begin|>', '<|tool_call_begin|>', 'functions.'),
    call: [
      NAME,
      write.fixed(':'),
      DIGITS,
      write.fixed('<|tool_call_argument_begin|>'),
      ARGUMENTS,
      write.fixed('<|tool_call_end|>'),
    ],
    separator: write.symbols('<|tool_call_begin|>', 'functions.'),
    close: write.symbols('<|tool_calls_section_end|>'),
    isLast: true,
  }),
  phi4: (write) => ({
    ...json,
    triggers: write.on('<|tool_call|>', '['),
    call: [write.fixed('{"name": "'), ...named(write, 'arguments')],
    separator: write.symbols(', '),
    close: write.symbols(']', '<|/tool_call|>'),
    isLast: true,
  }),
}

/** How a family writes calls, in the symbols of a vocabulary. */
export function callFormat(
  format: ToolFormat,
  vocabulary: Pick<GrammarVocabulary, 'idOf' | 'controls'>,
): CallFormat {
  return FORMATS[format](new MarkWriter(vocabulary))
}
