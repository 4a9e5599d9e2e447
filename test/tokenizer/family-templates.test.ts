import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { UserError } from '../../src/errors.js'
import { JinjaError } from '../../src/jinja/errors.js'
import { renderChatTemplate } from '../../src/tokenizer/chat-template.js'
import { exactJson } from '../../src/tokenizer/exact-json.js'
import type { Message } from '../../src/tokenizer/message.js'

/** A text, or what Python raises. */
type Rendered = string | [exception: string, message: string]

type Entries = Record<string, Record<string, [text: Rendered, prompt?: Rendered]>>

interface Golden {
  special: Record<string, string>
  now: string
  conversations: Record<string, string>
  rendered: Entries
  joined: Entries
}

const folder = new URL('../golden/templates/', import.meta.url)
const read = (name: string) => readFileSync(new URL(name, folder), 'utf8')
const { special, now, conversations, rendered, joined } = JSON.parse(read('families.json')) as Golden
const names = readdirSync(new URL('families/', folder)).map((file) => file.replace('.jinja', ''))

/** Both of an entry: without a generation prompt, and with it. */
function both([text, prompt = text]: [Rendered, Rendered?]): [Rendered, Rendered] {
  return [text, typeof prompt === 'string' && prompt.startsWith('+') ? text + prompt.slice(1) : prompt]
}

function conversation(name: string) {
  const json = conversations[name]
  const { messages, tools, ...variables } = exactJson(json, JSON.parse(json)) as {
    messages: Message[]
    tools?: Record<string, unknown>[]
  }
  return { messages, tools, variables: { ...special, ...variables } }
}

/** What is made of a conversation here: a text, or the error with what raised it. */
function ours(family: string, name: string, addGenerationPrompt: boolean): string | UserError {
  const { messages, ...options } = conversation(name)
  try {
    return renderChatTemplate(read(`families/${family}.jinja`), messages, { ...options, addGenerationPrompt })
  } catch (error) {
    if (error instanceof UserError) return error
    throw error
  }
}

/** Families whose templates go through content parts; others are given these as one text, where transformers fails or prints a list. */
const READ_PARTS = ['gemma-3', 'granite-4', 'lfm2.5', 'ministral-3']

/** LFM2's template prints the parts of a turn as JSON, there as here. */
const PRINTED = [['lfm2', 'parts in turns']]

/** Prompts that leave out what was said: SmolLM3's template drops all systems but a first one. */
const LEFT_OUT = [['smollm3', 'several systems']]

function expected(family: string, name: string): [Rendered, Rendered] {
  const isPrinted = PRINTED.some(([own, printed]) => own === family && printed === name)
  const isText = name.startsWith('parts') && !READ_PARTS.includes(family) && !isPrinted
  return both((isText ? joined : rendered)[family][name])
}

const REFUSAL = 'The chat template refuses this conversation: '

function agrees(here: string | UserError, python: Rendered): boolean {
  if (typeof here === 'string' || typeof python === 'string') return here === python
  const [exception, message] = python
  if (exception === 'TemplateError') return here.message === REFUSAL + message && here.exitCode === 2
  return here.cause instanceof JinjaError && here.cause.exception === exception
}

beforeAll(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: new Date(now) })
})
afterAll(() => {
  vi.useRealTimers()
})

describe('the chat template of a family renders as in transformers', () => {
  it('every template has its golden', () => {
    expect(names.sort()).toEqual(Object.keys(rendered).sort())
    expect(names.length).toBeGreaterThan(20)
  })

  const cases = names.flatMap((family) => Object.keys(conversations).map((name) => [family, name] as const))

  it.each(cases)('%s: %s', (family, name) => {
    for (const [i, python] of expected(family, name).entries()) {
      const here = ours(family, name, i === 1)
      const isLeftOut = LEFT_OUT.some(([left, out]) => left === family && out === name)
      if (i === 1 && isLeftOut) expect((here as UserError).message).toContain('leaves out message 2 (system)')
      else if (!agrees(here, python)) expect(here instanceof UserError ? here.message : here).toEqual(python)
    }
  })

  it('conversations reach what the families have of their own', () => {
    const errors = names.map((family) =>
      Object.values(rendered[family]).filter(([text]) => Array.isArray(text)),
    )
    const raised = errors.flat().filter(([[exception]]) => exception === 'TemplateError')
    expect(raised.length).toBeGreaterThan(20)
    const texts = names.map(
      (family) => new Set(Object.values(rendered[family]).map(([text]) => String(text))),
    )
    // Phi's templates and Gemma's know neither tools nor documents.
    for (const own of texts) expect(own.size).toBeGreaterThan(9)
  })
})
