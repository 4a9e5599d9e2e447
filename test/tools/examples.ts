import type { ToolFormat } from '../../src/config/structured.js'

export const TOOLS = [
  {
    type: 'function',
    function: {
      name: 'get_weather',
      description: 'Weather of a city',
      parameters: {
        type: 'object',
        properties: {
          city: { type: 'string' },
          days: { type: 'integer', minimum: 1 },
          unit: { enum: ['celsius', 'fahrenheit'] },
        },
        required: ['city'],
      },
    },
  },
  { name: 'ping' },
  {
    type: 'function',
    function: {
      name: 'note.save-2',
      parameters: {
        type: 'object',
        properties: {
          text: { type: 'string' },
          done: { type: 'boolean' },
          score: { type: 'number' },
          owner: { anyOf: [{ $ref: '#/$defs/person' }, { type: 'null' }] },
          tags: { type: 'array', items: { type: 'string' } },
        },
        required: ['text'],
        $defs: {
          person: {
            type: 'object',
            properties: { name: { type: 'string' }, years: { type: 'array', items: { type: 'integer' } } },
            required: ['name'],
            additionalProperties: false,
          },
        },
      },
    },
  },
]

export interface Example {
  readonly content?: string
  readonly calls: readonly (readonly [name: string, given: Record<string, unknown>])[]
}

const weather = (city: string, more: object = {}) => ['get_weather', { city, ...more }] as const
const note = (text: string, more: object = {}) => ['note.save-2', { text, ...more }] as const

/** What an answer may be, in all families; texts with whatever they use for marks. */
export const EXAMPLES: readonly Example[] = [
  { calls: [['ping', {}]] },
  { calls: [weather('Paris')] },
  { calls: [weather('Paris', { days: 3 })] },
  { calls: [weather('Paris', { days: 12, unit: 'celsius' })] },
  { calls: [weather('')] },
  { calls: [weather('São Paulo')] },
  { calls: [weather('東京 😀')] },
  { calls: [weather("L'Aquila")] },
  { calls: [weather('the "Big" Apple')] },
  { calls: [weather('a\\b\\n')] },
  { calls: [note('two\nlines')] },
  { calls: [note('tab\there')] },
  { calls: [note('a < b & c > d, {x: [1]}')] },
  { calls: [note('x', { done: true })] },
  { calls: [note('x', { done: false, score: -1.5 })] },
  { calls: [note('x', { score: 1e-7 })] },
  { calls: [note('x', { owner: null })] },
  { calls: [note('x', { owner: { name: 'Ann' } })] },
  { calls: [note('x', { owner: { name: "O'Neil", years: [1999, 2001] } })] },
  { calls: [note('x', { tags: [] })] },
  { calls: [note('x', { tags: ['a', 'b c', "d'e", 'f"g'] })] },
  { calls: [note('true')] },
  { calls: [note('{"a": 1}')] },
  { content: 'Let me look.', calls: [weather('Oslo')] },
  { content: 'Two steps: first "one", then\nthe other.', calls: [weather('Oslo')] },
  { content: 'No tool is needed.', calls: [] },
  { content: 'A < b, [x], {y} and <tool', calls: [] },
]

/** Several calls, where a family has them. */
export const PARALLEL: readonly Example[] = [
  { calls: [weather('Oslo'), ['ping', {}]] },
  { calls: [note('a', { done: true }), weather('Rome', { days: 2 }), note('b')] },
]

const LITERAL = `{%- macro lit(v) -%}
{%- if v is none -%}NULL{%- elif v is boolean -%}{{ 'TRUE' if v else 'FALSE' }}{%- elif v is string -%}STRING
{%- elif v is mapping -%}{ {%- for k, e in v.items() -%}{{ ', ' if not loop.first }}KEY: {{ lit(e) }}{%- endfor -%} }
{%- elif v is iterable -%}[{%- for e in v -%}{{ ', ' if not loop.first }}{{ lit(e) }}{%- endfor -%}]
{%- else -%}{{ v | tojson }}{%- endif -%}
{%- endmacro -%}`

const PYTHON = LITERAL.replace('NULL', 'None')
  .replace('TRUE', 'True')
  .replace('FALSE', 'False')
  .replace('STRING', '{{ pystr(v) }}')
  .replace('KEY', '{{ pystr(k) }}')
  .replace(
    '{%- macro lit(v) -%}',
    `{%- macro pystr(s) -%}'{{ s | replace('\\\\', '\\\\\\\\') | replace("'", "\\\\'") | replace('\\n', '\\\\n') | replace('\\t', '\\\\t') }}'{%- endmacro -%}{%- macro lit(v) -%}`,
  )

const gemma = (mark: string) =>
  LITERAL.replace('NULL', 'null')
    .replace('TRUE', 'true')
    .replace('FALSE', 'false')
    .replace('STRING', `{{ '${mark}' ~ v ~ '${mark}' }}`)
    .replace('KEY: ', '{{ k }}:')
    .replaceAll("', '", "','")

const tagged = (open: string, middle: string, close: string) =>
  `{%- for k, v in c.function.arguments.items() -%}{{ '${open}' ~ k ~ '${middle}' ~ (v if v is string else v | tojson) ~ '${close}' }}{%- endfor -%}`

const each = (
  body: string,
  { open = '', close = '', separator = '', macros = '', text = '{{ m.content }}' } = {},
) =>
  `${macros}{%- for m in messages -%}{%- if m.content -%}${text}{%- endif -%}{%- if m.tool_calls -%}{{ '${open}' }}` +
  `{%- for c in m.tool_calls -%}{{ '${separator}' if not loop.first }}${body}{%- endfor -%}{{ '${close}' }}{%- endif -%}{%- endfor -%}`

const json = (key: string) =>
  `{{ '{"name": "' ~ c.function.name ~ '", "${key}": ' ~ c.function.arguments | tojson ~ '}' }}`

/** What a family's templates make of an answer. */
export const TEMPLATES: Readonly<Record<ToolFormat, string>> = {
  hermes: each(`{{ '<tool_call>\\n' }}${json('arguments')}{{ '\\n</tool_call>' }}`, { separator: '\\n' }),
  generic: each(json('arguments'), { separator: '\\n' }),
  'qwen-coder': each(
    `{{ '<tool_call>\\n<function=' ~ c.function.name ~ '>\\n' }}${tagged('<parameter=', '>\\n', '\\n</parameter>\\n')}{{ '</function>\\n</tool_call>' }}`,
    { separator: '\\n' },
  ),
  glm: each(
    `{{ '<tool_call>' ~ c.function.name ~ '\\n' }}${tagged('<arg_key>', '</arg_key>\\n<arg_value>', '</arg_value>\\n')}{{ '</tool_call>' }}`,
    { separator: '\\n' },
  ),
  llama3: each(json('parameters'), { open: '<|python_tag|>' }),
  pythonic: each(
    `{{ c.function.name }}({%- for k, v in c.function.arguments.items() -%}{{ ', ' if not loop.first }}{{ k }}={{ lit(v) }}{%- endfor -%})`,
    { open: '[', close: ']', separator: ', ', macros: PYTHON },
  ),
  mistral: each(json('arguments'), { open: '[TOOL_CALLS][', close: ']', separator: ', ' }),
  'mistral-v11': each(`{{ '[TOOL_CALLS]' ~ c.function.name ~ '[ARGS]' ~ c.function.arguments | tojson }}`),
  'function-gemma': each(
    `{{ '<start_function_call>call:' ~ c.function.name }}{{ lit(c.function.arguments) }}{{ '<end_function_call>' }}`,
    { macros: gemma('<escape>') },
  ),
  gemma4: each(
    `{{ '<|tool_call>call:' ~ c.function.name }}{{ lit(c.function.arguments) }}{{ '<tool_call|>' }}`,
    {
      macros: gemma('<|"|>'),
    },
  ),
  harmony: each(
    `{{ '<|channel|>commentary to=functions.' ~ c.function.name ~ ' <|constrain|>json<|message|>' ~ c.function.arguments | tojson ~ '<|call|>' }}`,
    { text: "{{ '<|channel|>final<|message|>' ~ m.content }}" },
  ),
  deepseek: each(
    `{{ '<｜tool▁call▁begin｜>' ~ c.function.name ~ '<｜tool▁sep｜>' ~ c.function.arguments | tojson ~ '<｜tool▁call▁end｜>' }}`,
    { open: '<｜tool▁calls▁begin｜>', close: '<｜tool▁calls▁end｜>' },
  ),
  'kimi-k2': each(
    `{{ '<|tool_call_begin|>functions.' ~ c.function.name ~ ':' ~ loop.index0 ~ '<|tool_call_argument_begin|>' ~ c.function.arguments | tojson ~ '<|tool_call_end|>' }}`,
    { open: '<|tool_calls_section_begin|>', close: '<|tool_calls_section_end|>' },
  ),
  phi4: each(json('arguments'), { open: '<|tool_call|>[', close: ']<|/tool_call|>', separator: ', ' }),
}

/** Families with one call an answer. */
export const SINGLE: readonly ToolFormat[] = ['llama3', 'harmony']
