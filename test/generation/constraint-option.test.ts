import { expect, expectTypeOf, test } from 'vitest'
import * as z from 'zod'
import { resolveGenerationConfig } from '../../src/config/index.js'
import { choices, grammar, jsonSchema, regex } from '../../src/config/languages.js'
import { generate, generatePrepared } from '../../src/generation/generate.js'
import { prepare } from '../../src/generation/prepare.js'
import { heldModel } from './held-text.js'

const model = await heldModel('llama3', [1, 2])
const settings = { max_new_tokens: 80, schema_in_prompt: false }

test('a zod type gives its own values: input is written, output comes back', async () => {
  const type = z.object({
    day: z.iso.date().transform((text) => new Date(text)),
    rating: z.int().min(1).max(5).default(3),
    tags: z.array(z.enum(['a', 'b'])).max(2),
  })
  const { text, value } = await generate(model, 'x', settings, { constraint: jsonSchema(type) }).result()
  expectTypeOf(value).toEqualTypeOf<z.output<typeof type> | undefined>()
  expect(value).toEqual(type.parse(JSON.parse(text)))
  expect(value?.day).toBeInstanceOf(Date)
})

test('a value that the type refuses is left out, and told of', async () => {
  const told: string[] = []
  const type = z.object({ a: z.enum(['x', 'y']).refine(() => false, 'never') })
  const options = { constraint: jsonSchema(type), onWarning: (message: string) => told.push(message) }
  const result = await generate(model, 'x', settings, options).result()
  expect(result.text).toMatch(/^\{"a":"[xy]"\}$/)
  expect('value' in result).toBe(false)
  expect(told).toEqual([
    'The text follows its JSON schema, but the zod type refuses the value: never (at a).',
  ])
})

test('choices, expressions and grammars give texts', async () => {
  const chosen = await generate(model, 'x', settings, { constraint: choices(['yes', 'no']) }).result()
  expectTypeOf(chosen.value).toEqualTypeOf<'yes' | 'no' | undefined>()
  expect(['yes', 'no']).toContain(chosen.value)
  const matched = await generate(model, 'x', settings, { constraint: regex(/ab[c-e]/i) }).result()
  expect(matched.value).toMatch(/^ab[c-e]$/i)
  const derived = await generate(model, 'x', settings, {
    constraint: grammar('root ::= "(" root? ")"'),
  }).result()
  expectTypeOf(derived.value).toEqualTypeOf<string | undefined>()
  expect(derived.value).toBe(derived.text)
})

test('is refused beside settings that name a language, after settings are resolved, and for types without a schema', async () => {
  const constraint = choices(['yes', 'no'])
  const twice = generate(model, 'x', { regex: 'a' }, { constraint })
  await expect(twice.result()).rejects.toThrow(
    'regex in the settings and options.constraint both name a language: leave one of them out.',
  )
  const prepared = prepare(model, 'x', resolveGenerationConfig(model.generationConfig))
  expect(() => generatePrepared(model, prepared, { constraint })).toThrow('after the settings were resolved')
  expect(() => jsonSchema(z.date())).toThrow(
    'The zod type has no JSON schema: Date cannot be represented in JSON Schema; give another type, or a schema.',
  )
})
