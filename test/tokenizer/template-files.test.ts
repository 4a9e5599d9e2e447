import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { UserError } from '../../src/errors.js'
import { ChatTemplates, readTemplateFiles } from '../../src/tokenizer/template-files.js'

describe('the templates of a directory', () => {
  let directory: string
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'templates-'))
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  const write = (name: string, text: string) => {
    mkdirSync(join(directory, 'additional_chat_templates'), { recursive: true })
    writeFileSync(join(directory, name), text)
  }

  it('are those of tokenizer_config.json where there is no file', async () => {
    expect(await readTemplateFiles(directory, 'configured')).toBe('configured')
    write('chat_template.json', '{"chat_template": "json"}')
    expect(await readTemplateFiles(directory, 'configured')).toBe('json')
  })

  it('are files by name, which win over all others', async () => {
    write('chat_template.json', '{"chat_template": "json"}')
    write('additional_chat_templates/rag.jinja', 'rag')
    write('additional_chat_templates/notes.txt', 'none')
    expect(await readTemplateFiles(directory, 'configured')).toEqual({ rag: 'rag' })
    write('chat_template.jinja', '\uFEFFmain')
    expect(await readTemplateFiles(directory, 'configured')).toEqual({ default: 'main', rag: 'rag' })
  })

  it('are refused where they cannot be read', async () => {
    mkdirSync(join(directory, 'chat_template.jinja'))
    await expect(readTemplateFiles(directory, undefined)).rejects.toThrow(
      /chat_template\.jinja cannot be read: it is a directory/,
    )
  })
})

describe('the template to use', () => {
  const named = [
    { name: 'rag', template: '{{ 1 }}' },
    { name: 'tool_use', template: '{{ 2 }}' },
  ]

  it('is the only one, the default, or the one for tools', () => {
    expect(new ChatTemplates('{{ 0 }}').pick(true, undefined)).toBe('{{ 0 }}')
    expect(new ChatTemplates({ default: '{{ 0 }}' }).pick(true, undefined)).toBe('{{ 0 }}')
    expect(new ChatTemplates({ default: '{{ 0 }}', tool_use: 't' }).pick(true, undefined)).toBe('t')
    expect(new ChatTemplates([...named, { name: 'default', template: 'd' }]).pick(false, undefined)).toBe('d')
    expect(new ChatTemplates('').pick(false, undefined)).toBe('')
  })

  it('is the one that is given, by itself or by its name', () => {
    expect(new ChatTemplates(named).pick(false, 'rag')).toBe('{{ 1 }}')
    expect(new ChatTemplates(named).pick(false, '{{ 5 }}')).toBe('{{ 5 }}')
    expect(() => new ChatTemplates(named).pick(false, 'rags')).toThrow(
      'The chat template "rags" is neither a readable file nor a Jinja template nor the name of one of this model (rag, tool_use): give one of these.',
    )
  })

  it('is asked for where none of several is the default', () => {
    const templates = new ChatTemplates(named)
    expect([templates.isEmpty, templates.plain]).toEqual([false, undefined])
    expect(() => templates.pick(false, undefined)).toThrow(
      'This model has several chat templates and none called "default": give one of rag, tool_use with --chat-template.',
    )
    expect(templates.pick(true, undefined)).toBe('{{ 2 }}')
  })

  it.each([
    [5, 'a number'],
    [true, 'a boolean'],
    [[null], 'a list that holds something else than templates by name'],
    [['{{ 1 }}'], 'a list that holds something else than templates by name'],
    [[{ name: 'default' }], 'a list that holds something else than templates by name'],
    [[], 'a list that holds something else than templates by name'],
    [{}, 'an object that holds something else than templates by name'],
    [{ default: 5 }, 'an object that holds something else than templates by name'],
    [{ other: null }, 'an object that holds something else than templates by name'],
  ])('is told to be none: %j', (configured, what) => {
    const templates = new ChatTemplates(configured)
    expect(templates.isEmpty).toBe(false)
    expect(() => templates.pick(false, undefined)).toThrow(UserError)
    expect(() => templates.pick(false, undefined)).toThrow(
      `The model's chat_template is ${what}, where a text is needed`,
    )
  })

  it('is missing', () => {
    expect(new ChatTemplates(null).isEmpty).toBe(true)
    expect(() => new ChatTemplates(undefined).pick(false, undefined)).toThrow(
      /^This model has no chat template/,
    )
  })
})
