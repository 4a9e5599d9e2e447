import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { UserError } from '../../src/errors.js'
import { strftime } from '../../src/jinja/strftime.js'
import { readChatTemplate, renderChatTemplate } from '../../src/tokenizer/chat-template.js'
import type { Message } from '../../src/tokenizer/message.js'
import { golden } from './tokenizer-golden.js'

interface Golden {
  dates: { date: string; format: string; text: string }[]
  conversations: Record<string, Message[]>
  options: Record<string, { add_generation_prompt?: boolean; tools?: object[]; enable_thinking?: boolean }>
  cases: { template: string; conversation: string; options: string; prompt?: string; error?: string }[]
}

const { conversations, options, cases, dates } = golden<Golden>('chat.json')
const source = (name: string) =>
  readFileSync(new URL(`../golden/tokenizer/templates/${name}`, import.meta.url), 'utf8')

describe('a chat template renders as in transformers', () => {
  const named = cases.map(
    (entry) => [`${entry.template} ${entry.conversation} ${entry.options}`, entry] as const,
  )

  it.each(named)('%s', (_, { template, conversation, options: option, prompt, error }) => {
    const { add_generation_prompt, tools, ...rest } = options[option]
    const render = () =>
      renderChatTemplate(source(template), conversations[conversation], {
        addGenerationPrompt: add_generation_prompt,
        tools: tools as Record<string, unknown>[] | undefined,
        variables: { bos_token: '<s>', eos_token: '</s>', date_string: '26 Jul 2024', ...rest },
      })
    if (error === undefined) expect(render()).toBe(prompt)
    else expect(render).toThrow(UserError)
  })

  it('an exception of the template comes in its own words', () => {
    const wrong = () => renderChatTemplate(source('gemma-style.jinja'), conversations.wrong)
    const words = cases.find(
      (entry) => entry.template === 'gemma-style.jinja' && entry.conversation === 'wrong',
    )
    expect(wrong).toThrow(words!.error)
  })

  it('dates as Python writes them in the C locale', () => {
    for (const { date, format, text } of dates) expect(strftime(new Date(date), format)).toBe(text)
    expect(strftime(new Date(0), '%Q')).toBe('%Q')
  })

  it('strftime_now formats the present day', () => {
    const day = renderChatTemplate('{{ strftime_now("%Y-%m-%d") }}', [])
    expect(day).toMatch(/^20\d\d-[01]\d-[0-3]\d$/)
  })

  it('a variable of our own does not hide the messages', () => {
    const prompt = renderChatTemplate('{{ messages | length }}', [], { variables: { messages: [1, 2] } })
    expect(prompt).toBe('0')
  })

  it('a syntax error names the template', () => {
    expect(() => renderChatTemplate('{% if %}', [])).toThrow(/chat template/)
    expect(() => renderChatTemplate('{% if %}', [])).toThrow(UserError)
  })
})

describe('a chat template hears what was said', () => {
  const user = (content: unknown): Message => ({ role: 'user', content })
  const render = (template: string, messages: readonly Message[]) =>
    renderChatTemplate(template, messages, { addGenerationPrompt: true })

  it('one that reads parts alone is given texts as parts', () => {
    const parts =
      '{% for m in messages %}<{{ m.role }}>{% for part in m.content %}{% if part.type == "text" %}{{ part.text }}{% endif %}{% endfor %}{% endfor %}<assistant>'
    const system = { role: 'system', content: 'Short.' }
    expect(render(parts, [system, user('Hello')])).toBe('<system>Short.<user>Hello<assistant>')
    expect(render(parts, [user('a'), { role: 'assistant', content: 'b' }, user('c')])).toBe(
      '<user>a<assistant>b<user>c<assistant>',
    )
  })

  it.each([
    ['a text without variables', 'Hello', [user('Hi there')], 1, 'user'],
    ['a text that is among its own words', 'Hello', [user('Hell')], 1, 'user'],
    ['the user', '{{ messages[0].content }}', [{ role: 'system', content: 's' }, user('Hi')], 2, 'user'],
    ['the system', '{{ messages[-1].content }}', [{ role: 'system', content: 's' }, user('Hi')], 1, 'system'],
    ['a single part', 'Hello', [user([{ type: 'text', text: 'Hi there' }])], 1, 'user'],
  ])('one that leaves out %s is refused', (_, template, messages, number, role) => {
    expect(() => render(template, messages)).toThrow(
      `The chat template leaves out message ${number} (${role}): give another one`,
    )
  })

  it('one that writes texts in another way, or keeps the last turn alone, is not', () => {
    expect(render('{{ messages[0].content | upper }}', [user('Hi there')])).toBe('HI THERE')
    expect(render('{{ messages[-1].content.split()[-1] }}', [user('Hi there')])).toBe('there')
    expect(render('{{ messages[-1].content }}', [user('one'), user('two')])).toBe('two')
    expect(render('Hello', [user(' \n')])).toBe('Hello')
    const answered = [{ role: 'system', content: 's' }, user('Hi'), { role: 'assistant', content: 'a' }]
    expect(render('{{ messages[1].content }}', answered)).toBe('Hi')
  })
})

describe('--chat-template', () => {
  it('is a template where it holds a tag, else the path of a file', async () => {
    const path = join(tmpdir(), `chat-template-${process.pid}.jinja`)
    writeFileSync(path, 'from a {{ "file" }}')
    try {
      expect(await readChatTemplate(path)).toBe('from a {{ "file" }}')
    } finally {
      rmSync(path)
    }
    expect(await readChatTemplate('{{ messages }}')).toBe('{{ messages }}')
    await expect(readChatTemplate(path)).rejects.toThrow(/neither a readable file nor a Jinja template/)
  })
})
