import { describe, expect, test } from 'vitest'
import { TOOL_FORMATS, type ToolFormat } from '../../src/config/structured.js'
import { CONTROL, DEAD } from '../../src/grammar/automaton.js'
import { createRandom } from '../../src/random.js'
import { renderChatTemplate } from '../../src/tokenizer/chat-template.js'
import { readToolChoice, readTools } from '../../src/tools/definitions.js'
import { toolFormatOf } from '../../src/tools/detect.js'
import { readAnswer, type ToolDelta, ToolStream, toolLanguage } from '../../src/tools/language.js'
import { tinyVocabulary } from '../grammar/tiny-vocabulary.js'
import { EXAMPLES, type Example, PARALLEL, SINGLE, TEMPLATES, TOOLS } from './examples.js'

const MARKS = [
  ...['<|python_tag|>', '[TOOL_CALLS]', '[ARGS]', '<start_function_call>', '<end_function_call>', '<escape>'],
  ...['<|tool_call>', '<tool_call|>', '<|"|>', '<|channel|>', '<|constrain|>', '<|message|>', '<|call|>'],
  ...[
    '<｜tool▁calls▁begin｜>',
    '<｜tool▁call▁begin｜>',
    '<｜tool▁sep｜>',
    '<｜tool▁call▁end｜>',
    '<｜tool▁calls▁end｜>',
  ],
  ...[
    '<|tool_calls_section_begin|>',
    '<|tool_call_begin|>',
    '<|tool_call_argument_begin|>',
    '<|tool_call_end|>',
  ],
  ...['<|tool_calls_section_end|>', '<|tool_call|>', '<|/tool_call|>'],
]
const vocabulary = tinyVocabulary(Object.fromEntries(MARKS.map((mark, i) => [i, mark])), {})

/** A text as bytes and control tokens. */
function symbolsOf(text: string): number[] {
  const symbols: number[] = []
  for (let at = 0; at < text.length; ) {
    const mark = MARKS.findIndex((each) => text.startsWith(each, at))
    if (mark >= 0) {
      symbols.push(CONTROL + mark)
      at += MARKS[mark].length
      continue
    }
    const character = String.fromCodePoint(text.codePointAt(at)!)
    symbols.push(...Buffer.from(character))
    at += character.length
  }
  return symbols
}

const tools = readTools(TOOLS)
const language = (format: ToolFormat, choice: unknown = 'auto', isParallel = true) =>
  toolLanguage({ format, choice: readToolChoice(choice, tools), isParallel }, vocabulary)

function rendered(format: ToolFormat, { content, calls }: Example): string {
  const tool_calls = calls.map(([name, given]) => ({
    type: 'function',
    function: { name, arguments: given },
  }))
  const message = { role: 'assistant', content: content ?? '', ...(calls.length > 0 && { tool_calls }) }
  return renderChatTemplate(TEMPLATES[format], [message])
}

const accepts = (automaton: ReturnType<typeof language>, symbols: readonly number[]) => {
  let state = automaton.start
  for (const symbol of symbols) state = automaton.next(state, symbol)
  return state !== DEAD && automaton.accepts(state)
}

const answerOf = ({ content = '', calls }: Example) => ({
  content,
  calls: calls.map(([name, given]) => ({ name, arguments: given })),
})

describe.each(TOOL_FORMATS)('%s', (format) => {
  const automaton = language(format)
  const examples = [...EXAMPLES, ...(SINGLE.includes(format) ? [] : PARALLEL)]
    // A call in Python's way is a whole answer.
    .filter(({ content, calls }) => format !== 'pythonic' || content === undefined || calls.length === 0)
    .filter(({ content, calls }) => format !== 'harmony' || content === undefined || calls.length === 0)
    .filter(({ content }) => format !== 'generic' || !content?.includes('{'))

  test('template, grammar and parser agree', () => {
    expect(examples.length).toBeGreaterThanOrEqual(20)
    for (const example of examples) {
      const text = rendered(format, example)
      const symbols = symbolsOf(text)
      expect(accepts(automaton, symbols), text).toBe(true)
      const answer = readAnswer(automaton, symbols)!
      const calls = answer.tool_calls.map(({ function: { name, arguments: given } }) => ({
        name,
        arguments: JSON.parse(given),
      }))
      expect({ content: answer.content, calls }, text).toEqual(answerOf(example))
    }
  })

  test('an answer streams at every split, arguments as prefixes of the JSON', () => {
    for (const example of examples) {
      const symbols = symbolsOf(rendered(format, example))
      const whole = readAnswer(automaton, symbols)!
      for (let split = 0; split <= symbols.length; split++) {
        const stream = new ToolStream(automaton)
        const parts = [symbols.slice(0, split), symbols.slice(split)]
        const deltas = [...parts.flatMap((part) => stream.push(part)), ...stream.finish()]
        expect(joined(deltas)).toEqual(joinedOf(whole))
      }
      const stream = new ToolStream(automaton)
      const deltas = [...symbols.flatMap((symbol) => stream.push([symbol])), ...stream.finish()]
      expect(joined(deltas)).toEqual(joinedOf(whole))
    }
  })

  test('what is not a call of a known tool is refused where one is required', () => {
    const required = language(format, 'required')
    const one = language(format, 'get_weather', false)
    for (const example of examples) {
      const symbols = symbolsOf(rendered(format, example))
      const isCall = example.calls.length > 0 && example.content === undefined
      expect(accepts(required, symbols), rendered(format, example)).toBe(isCall)
      const isOne = isCall && example.calls.length === 1 && example.calls[0][0] === 'get_weather'
      expect(accepts(one, symbols)).toBe(isOne)
    }
    const [call] = examples.filter(({ calls }) => calls.length > 0)
    const text = rendered(format, call)
    for (let i = 0; i < text.length; i++)
      expect(accepts(required, symbolsOf(text.slice(0, i))), text.slice(0, i)).toBe(false)
    const odd: readonly Example[] = [
      { calls: [['nothing', {}]] },
      { calls: [['get_weather', {}]] },
      { calls: [['get_weather', { city: 'x', days: 0 }]] },
      { calls: [['get_weather', { city: 'x', unit: 'kelvin' }]] },
      { calls: [['get_weather', { city: 'x', more: 1 }]] },
      { calls: [['get_weather', { city: null }]] },
      { calls: [['ping', { city: 'x' }]] },
      { calls: [['note.save-2', { text: 'x', done: 1 }]] },
      { calls: [['note.save-2', { text: 'x', owner: { age: 1 } }]] },
      { calls: [['note.save-2', { text: 'x', tags: [1] }]] },
    ]
    // Without quotation marks null is a text.
    const others = odd.filter(
      ({ calls: [[, given]] }) => given.city !== null || !['glm', 'qwen-coder'].includes(format),
    )
    for (const example of others) expect(accepts(required, symbolsOf(rendered(format, example)))).toBe(false)
  })

  test('none has no calls, and random answers come to an end that reads', () => {
    const none = language(format, 'none')
    for (const example of examples)
      expect(accepts(none, symbolsOf(rendered(format, example)))).toBe(example.calls.length === 0)
    const random = createRandom(5)
    for (const each of [automaton, language(format, 'required'), language(format, 'auto', false)]) {
      for (let i = 0; i < 12; i++) {
        const symbols: number[] = []
        let state = each.start
        for (let left = Math.floor(random() * 80); left > 0; left--) {
          const open = [
            ...Array.from({ length: 127 }, (_, byte) => byte),
            ...each.controls(state).map((id) => id + CONTROL),
          ]
          const next = open.filter((symbol) => each.next(state, symbol) !== DEAD)
          if (next.length === 0) break
          const marks = next.filter(
            (symbol) => symbol >= CONTROL || '<[{"'.includes(String.fromCharCode(symbol)),
          )
          const from = marks.length > 0 && random() < 0.6 ? marks : next
          symbols.push(from[Math.floor(random() * from.length)])
          state = each.next(state, symbols.at(-1)!)
        }
        symbols.push(...each.completionSymbols(state))
        const answer = readAnswer(each, symbols)
        expect(answer, JSON.stringify(symbols)).toBeDefined()
        for (const { function: call } of answer!.tool_calls) JSON.parse(call.arguments)
      }
    }
  })
})

function joined(deltas: readonly ToolDelta[]) {
  const calls: { name: string; arguments: string }[] = []
  let content = ''
  for (const delta of deltas) {
    if (delta.type === 'text') content += delta.text
    else if (delta.type === 'call') calls[delta.index] = { name: delta.name, arguments: '' }
    else calls[delta.index].arguments += delta.text
  }
  return { content, calls }
}

function joinedOf({ content, tool_calls }: NonNullable<ReturnType<typeof readAnswer>>) {
  return { content, calls: tool_calls.map(({ function: call }) => ({ ...call })) }
}

describe('tools', () => {
  test.each([
    [{}, 'is no list'],
    [[], 'has no functions'],
    [[{ type: 'function', function: {} }], 'tools[0] has no name'],
    [[{ name: 'a b' }], 'tools[0] is called "a b"'],
    [[{ name: 'a' }, { name: 'a' }], 'two functions "a"'],
    [[{ name: 'a', parameters: { type: 'string' } }], 'tools[0] (a) has parameters of the type "string"'],
    [[{ name: 'a', command: 'rm -rf /' }], 'has a command that a shell would read'],
    [['a'], 'tools[0] is no object'],
  ])('%j are refused', (value, message) => {
    expect(() => readTools(value)).toThrow(message)
  })

  test('come in the formats of others, too', () => {
    const [tool] = readTools({
      tools: [{ name: 'a', input_schema: { type: 'object', properties: { b: { type: 'string' } } } }],
    })
    expect(tool).toMatchObject({
      name: 'a',
      parameters: { properties: { b: { type: 'string' } }, additionalProperties: false },
    })
  })

  test('are chosen by name, and as OpenAI has it', () => {
    expect(readToolChoice('any', tools)).toMatchObject({ mode: 'required' })
    expect(readToolChoice({ type: 'function', function: { name: 'ping' } }, tools).tools).toHaveLength(1)
    const allowed = { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'function', name: 'ping' }] }
    expect(readToolChoice(allowed, tools)).toMatchObject({ mode: 'auto', tools: [{ name: 'ping' }] })
    expect(() => readToolChoice('pong', tools)).toThrow('"pong", which no tool is called')
  })

  test('parameters that cannot be held are told with the tool', () => {
    const odd = readTools([
      { name: 'odd', parameters: { type: 'object', properties: { a: { pattern: '(a)\\1' } } } },
    ])
    const make = () =>
      toolLanguage({ format: 'hermes', choice: readToolChoice('auto', odd), isParallel: true }, vocabulary)
    expect(make).toThrow('The parameters of the tool odd cannot be held.')
  })
})

test('a family is known by its template', () => {
  for (const format of TOOL_FORMATS) {
    if (format === 'generic' || format === 'pythonic') continue
    expect([format, toolFormatOf(`${TEMPLATES[format]} tools`)]).toEqual([format, format])
  }
  expect(toolFormatOf('{{ messages }}')).toBe('generic')
  expect(toolFormatOf(undefined)).toBe('generic')
})
