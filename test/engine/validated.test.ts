import { expect, test } from 'vitest'
import * as z from 'zod'
import { jsonSchema } from '../../src/config/languages.js'
import { generateValidated } from '../../src/engine/generate-validated.js'
import type { Validate } from '../../src/engine/validated.js'
import { UserError } from '../../src/errors.js'
import { generate } from '../../src/generation/generate.js'
import { heldModel, PROMPT } from '../generation/held-text.js'

const model = await heldModel('llama3', [1, 2])
const ROOM = { max_new_tokens: 24, regex: '[a-z]{4}', do_sample: true, seed: 3 }

/** A validator that passes at a certain call, and keeps what it was asked. */
function passingAt(call: number) {
  const asked: string[] = []
  const validate: Validate = ({ text }) => (asked.push(text) < call ? `no: ${text}` : undefined)
  return { asked, validate }
}

test('an answer that passes at once is that of a generation without a judge', async () => {
  const { asked, validate } = passingAt(1)
  const { text } = await generate(model, PROMPT, ROOM).result()
  const result = await generateValidated(model, PROMPT, ROOM, { validate })
  expect(result).toMatchObject({ text, passed: true, attempts: 1, failures: [] })
  expect(asked).toEqual([text])
})

test('failures go back to the model, and attempts follow from the seed', async () => {
  const { asked, validate } = passingAt(3)
  const prompts: number[] = []
  const forward = model.model.forward
  model.model.forward = (cache, tokens, ...rest) => {
    prompts.push(tokens.length)
    return forward.call(model.model, cache, tokens, ...rest)
  }
  const result = await generateValidated(model, PROMPT, ROOM, { validate })
  model.model.forward = forward
  expect(result).toMatchObject({ passed: true, attempts: 3, text: asked[2] })
  expect(result.failures).toEqual(asked.slice(0, 2).map((text) => ({ text, failure: `no: ${text}` })))
  expect(new Set(asked).size).toBe(3)
  expect(result.config.seed).toBe(3)
  const again = passingAt(3)
  await generateValidated(model, PROMPT, ROOM, { validate: again.validate })
  expect(again.asked).toEqual(asked)
  // The prompt of the third attempt begins with that of the second, which is not run again.
  expect(result.statistics.prompt_tokens).toBeGreaterThan(Math.max(...prompts))
})

test('where none passes, the last answer is the result', async () => {
  const { asked, validate } = passingAt(9)
  const told: string[] = []
  const options = {
    validate,
    retries: 2,
    onFailure: (attempt: number, why: string) => told.push(`${attempt} ${why}`),
  }
  const result = await generateValidated(model, PROMPT, ROOM, options)
  expect(result).toMatchObject({ passed: false, attempts: 3, text: asked[2] })
  expect(told).toEqual(asked.map((text, i) => `${i + 1} no: ${text}`))
})

test('a judge that fails ends the attempts, and keeps the answer', async () => {
  const validate = () => {
    throw new UserError('The judge is ill.')
  }
  const result = await generateValidated(model, PROMPT, ROOM, { validate })
  expect(result).toMatchObject({ passed: false, attempts: 1, failures: [{ failure: 'The judge is ill.' }] })
  const broken = () => {
    throw new TypeError('a bug')
  }
  await expect(generateValidated(model, PROMPT, ROOM, { validate: broken })).rejects.toThrow('a bug')
})

test('the refinements of a zod type judge', async () => {
  let calls = 0
  const type = z.object({ a: z.int().min(0).max(9) }).refine(() => ++calls > 1, { error: 'not this one' })
  const { value, attempts, failures } = await generateValidated(
    model,
    PROMPT,
    { max_new_tokens: 30, schema_in_prompt: false },
    { constraint: jsonSchema(type) },
  )
  expect(attempts).toBe(2)
  expect(failures[0].failure).toContain('not this one')
  expect(value).toEqual({ a: expect.any(Number) })
})

test('a schema is told once, with the first prompt', async () => {
  const chat = [{ role: 'user', content: 'Go.' }]
  const template = '{% for m in messages %}[{{ m.role }}:{{ m.content }}]{% endfor %}'
  const { validate } = passingAt(2)
  const prompts: string[] = []
  const encode = model.tokenizer.encode
  const tokenizer = {
    ...model.tokenizer,
    encode: (text: string, ...rest: never[]) => {
      prompts.push(text)
      return encode.call(model.tokenizer, text, ...rest)
    },
  }
  const settings = { schema: { type: 'integer', minimum: 0, maximum: 9 }, max_new_tokens: 9 }
  const options = { validate, chatTemplate: template }
  const { text } = await generateValidated({ ...model, tokenizer }, chat, settings, options)
  const [first, second] = prompts.filter((prompt) => prompt.startsWith('[user:Go.'))
  expect(first.match(/JSON schema/g)).toHaveLength(1)
  expect(second.startsWith(`${first}[assistant:`)).toBe(true)
  expect(second.match(/JSON schema/g)).toHaveLength(1)
  expect(second).toContain('no: ')
  expect(text).toMatch(/^\d$/)
})

test.each([
  [PROMPT, { num_return_sequences: 2 }, 'num_return_sequences is 2'],
  [[3, 4], {}, 'the prompt has token ids'],
] as const)('%j with %j is refused', async (prompt, settings, message) => {
  const { validate } = passingAt(1)
  await expect(generateValidated(model, prompt, { ...ROOM, ...settings }, { validate })).rejects.toThrow(
    message,
  )
})
