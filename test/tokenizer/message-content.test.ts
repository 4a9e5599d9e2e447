import { describe, expect, it } from 'vitest'
import { renderChatTemplate } from '../../src/tokenizer/chat-template.js'
import { exactJson } from '../../src/tokenizer/exact-json.js'
import { messagesFault } from '../../src/tokenizer/message-content.js'

const text = (value: string) => ({ type: 'text', text: value })
const user = (content: unknown) => [{ role: 'user', content }]

describe('content parts', () => {
  const parts = user([text('What is'), text('this?')])

  it.each([
    [
      'concatenates',
      '{% for m in messages %}{{ m.role + ": " + m.content }}{% endfor %}',
      'user: What is\nthis?',
    ],
    ['prints', '{{ messages[0].content }}', 'What is\nthis?'],
    ['joins', '{{ "[" ~ messages[0].content ~ "]" }}', '[What is\nthis?]'],
    ['trims', '{{ messages[0].content|trim }}', 'What is\nthis?'],
    ['splits', '{{ messages[0].content.split(" ")[1] }}', 'is\nthis?'],
    ['formats', '{{ "%s!" % messages[0].content }}', 'What is\nthis?!'],
    [
      'leaves out what is no text',
      '{% if messages[0].content is string %}{{ messages[0].content }}{% endif %}.',
      'What is\nthis?.',
    ],
  ])('are one text for a template that %s content', (_, template, prompt) => {
    expect(renderChatTemplate(template, parts)).toBe(prompt)
  })

  it.each([
    [
      'goes through them',
      '{% for part in messages[0].content %}<{{ part.text }}>{% endfor %}',
      '<What is><this?>',
    ],
    [
      'asks for a text first',
      '{% if messages[0].content is string %}text{% else %}{% for p in messages[0].content if p.type == "text" %}{{ p.text }}{% endfor %}{% endif %}',
      'What isthis?',
    ],
    ['maps them', '{{ messages[0].content|map(attribute="text")|join("+") }}', 'What is+this?'],
    ['takes the first', '{{ messages[0].content[0].text }}', 'What is'],
    [
      'writes JSON',
      '{{ messages[0].content|tojson }}',
      '[{"type": "text", "text": "What is"}, {"type": "text", "text": "this?"}]',
    ],
  ])('stay parts for a template that %s', (_, template, prompt) => {
    expect(renderChatTemplate(template, parts)).toBe(prompt)
  })

  it('keep the refusal of a template that wants texts', () => {
    const template = '{% if messages[0].content is not string %}{{ raise_exception("only text") }}{% endif %}'
    expect(() => renderChatTemplate(template, parts)).toThrow(
      'The chat template refuses this conversation: only text',
    )
  })

  it.each([
    [5, 'has a number for its content'],
    [true, 'has a boolean for its content'],
    [{ type: 'text', text: 'a' }, 'has an object for its content'],
    [['a'], 'has a string among the parts of its content'],
    [[null], 'has null among the parts of its content'],
    [
      [text('a'), { type: 'image_url', image_url: { url: 'x' } }],
      'has a part of type "image_url" in its content',
    ],
    [[{ type: 'input_audio' }], 'has a part of type "input_audio" in its content'],
    [[{ text: 'a' }], 'has a part of type null in its content'],
    [[{ type: 'text' }], 'has a part of type "text" without a text'],
  ])('that are no text are refused: %j', (content, fault) => {
    const messages = [...user('a'), ...user(content)]
    expect(messagesFault(messages)).toMatch(
      /^Message 2 \(user\) has .+: give a text, or a list of \{"type": "text", "text": "\.\.\."\}\.$/,
    )
    expect(messagesFault(messages)).toContain(fault)
    expect(() => renderChatTemplate('{{ messages }}', messages)).toThrow(fault)
  })

  it('may be missing, and null is missing', () => {
    expect(
      messagesFault([
        { role: 'assistant' },
        { role: 'assistant', content: null },
        { role: 'user', content: [] },
      ]),
    ).toBeUndefined()
    const template = '{{ messages[0].content is defined }}{{ messages[0].tool_calls is defined }}'
    expect(renderChatTemplate(template, [{ role: 'assistant', content: null, tool_calls: null }])).toBe(
      'FalseFalse',
    )
  })

  it('reasoning has the names that templates read', () => {
    const template = '{{ messages[0].reasoning_content }}/{{ messages[0].thinking }}'
    for (const name of ['reasoning_content', 'thinking', 'reasoning']) {
      expect(renderChatTemplate(template, [{ role: 'assistant', [name]: 'hm' }])).toBe('hm/hm')
    }
  })
})

describe('numbers and keys of JSON', () => {
  const exact = (json: string) =>
    renderChatTemplate('{{ messages[0].x|tojson }}', [{ role: 'r', x: exactJson(json, JSON.parse(json)) }])

  it.each([
    '{"a": 1.0, "b": [2, -3.0, 1e2], "c": "1.0"}',
    '[12345678901234567890, 0.1, 1]',
    '{"1.0": {"\\"2.0": 2.0}}',
    '5',
    '"1.0"',
    '{"b": 1, "10": 2, "9": {"z": 1, "0": [{"y": 1, "1": 2.0}]}}',
    '{"b": 1, "4294967295": 2, "01": 3, "-1": 4, "1.5": 5, "7": 6}',
    '{"__proto__": 1, "a": "3\\": 4", "3": {"constructor": 2}}',
    '{"\\u0000": "1.0", "\\u0000\\u0000": "x", "a": 1.0, "1": -0.0}',
    '{"a": {"\\u0000": "no number"}, "b": 1e2}',
  ])('stay as they are written: %s', (json) => {
    expect(exact(json)).toBe(json.replace('1e2', '100.0'))
  })

  it('are what Python reads where JSON has several ways', () => {
    expect(exact('{"b": 1, "\\u0031" : 2, "b": 3, "a": -0}')).toBe('{"b": 3, "1": 2, "a": 0}')
    expect(exact('{"b": 1, "1": 2, "a": 3, "1": {"c": 0}}')).toBe('{"b": 1, "1": {"c": 0}, "a": 3}')
  })

  it('cost nothing where none differs', () => {
    const value = { a: [1, 2.5] }
    expect(exactJson('{"a": [1, 2.5]}', value)).toBe(value)
  })
})
