import { expect, test } from 'vitest'
import { runBatch } from '../../src/batch/batch.js'
import { rowSeed } from '../../src/batch/request.js'
import { generate } from '../../src/generation/generate.js'
import { heldModel, LANGUAGES } from '../generation/held-text.js'
import { inputOf, MemoryOutput } from './memory.js'

const SEED = 4
const HOW = [
  {},
  { do_sample: true },
  { num_beams: 3 },
  { prompt_lookup_num_tokens: 3 },
  { do_sample: true, num_return_sequences: 2 },
  { guidance_scale: 1.5 },
]

test('rows of different languages that run together are what each is alone', async () => {
  const model = await heldModel('llama3', [1, 2])
  const languages = Object.values(LANGUAGES)
  const rows = Array.from({ length: 30 }, (_, id) => ({
    id,
    prompt: `Row ${id % 4}: `,
    max_new_tokens: 40,
    ...HOW[id % HOW.length],
    ...languages[id % languages.length].settings,
  }))
  const output = new MemoryOutput()
  const told: string[] = []
  const generateOptions = { onWarning: (message: string) => told.push(message) }
  const options = { layers: [], maxBatch: 6, order: 'input' as const, generateOptions }
  const bad = { id: 'bad', prompt: 'x', regex: 'a', choices: ['b'] }
  const conflict = { id: 'conflict', prompt: 'x', choices: ['yes'], suppress_tokens: [...Array(528).keys()] }
  await runBatch(model, { input: inputOf([...rows, bad, conflict]), output, seed: SEED }, options)
  expect(model.model.caches.size).toBe(0)
  const byId = new Map(output.rows.map((row) => [row.id, row]))
  expect(byId.get('bad')).toMatchObject({ error: expect.stringMatching(/^regex is .* while choices is/) })
  expect(byId.get('conflict')).toMatchObject({ text: 'yes', value: 'yes', finish_reason: 'eos' })
  expect(told).toEqual([expect.stringMatching(/^Other settings forbid all/)])
  for (const { id, prompt, ...settings } of rows) {
    const alone = await generate(model, prompt, { seed: rowSeed(SEED, id), ...settings }).result()
    const shown = alone.sequences.map(({ text, value, finish_reason }) => ({ text, value, finish_reason }))
    expect(byId.get(id)).toMatchObject(shown.length > 1 ? { sequences: shown } : shown[0])
    const { has } = languages[id % languages.length]
    for (const { text } of shown) expect(has(text), text).toBe(true)
  }
})
