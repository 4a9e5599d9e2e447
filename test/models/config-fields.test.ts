import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { parametersIn } from '../../src/language-model/checkpoint.js'
import { layoutFromConfig, specFromConfig } from '../../src/models/families/index.js'
import { openWeights } from '../../src/weights/open.js'
import { fixturePath } from '../fixtures.js'
import { loadLayout } from '../runtime/layouts.js'
import { temporaryDirectory } from '../weights/files.js'

vi.stubEnv('XDG_CACHE_HOME', temporaryDirectory())

const PROMPT = [1, ...Array.from({ length: 23 }, (_, i) => 3 + ((11 * i) % 120))]
const TOLERANCE = 1e-3

type Fields = Readonly<Record<string, unknown>>
/** A fixture, a change of its config.json, and what transformers makes of it: the first logits, or that nothing changes, or an error. */
type Row = readonly [fixture: string, change: Fields, result: readonly number[] | 'same' | 'refused']

const golden: readonly Row[] = JSON.parse(
  readFileSync(join(import.meta.dirname, '../golden/fields/golden.json'), 'utf8'),
)

const configOf = (name: string): Fields =>
  JSON.parse(readFileSync(join(fixturePath(name), 'config.json'), 'utf8'))

/** The first logits after the prompt, or the message of what is refused. */
async function logitsOf(fixture: string, change: Fields): Promise<Float32Array | string> {
  const config = { ...configOf(fixture), ...change }
  const stored = await openWeights(fixturePath(fixture))
  try {
    const spec = specFromConfig(config, fixture)
    const store = parametersIn(stored, spec, layoutFromConfig(config, fixture), fixture)
    const model = await loadLayout(spec, store, 'in-place')
    const parents = PROMPT.map((_, i) => i - 1)
    const output = await model.forward(model.newCache(), PROMPT, parents, [PROMPT.length - 1])
    const logits = output.logits(PROMPT.length - 1).slice(0, 8)
    await model.dispose()
    return logits
  } catch (error) {
    return (error as Error).message
  } finally {
    await stored.close()
  }
}

const fixtures = [...new Set(golden.map(([fixture]) => fixture))]

test('there are fields of all kinds', () => {
  const count = (kind: (result: Row[2]) => boolean) => golden.filter(([, , result]) => kind(result)).length
  expect(count((result) => result === 'same')).toBeGreaterThan(500)
  expect(count((result) => typeof result !== 'string')).toBeGreaterThan(100)
  expect(count((result) => result === 'refused')).toBeGreaterThan(20)
})

describe('what a field of config.json changes in transformers it changes here, or it is refused by name', () => {
  test.each(fixtures)('%s', { timeout: 120_000 }, async (fixture) => {
    const own = (await logitsOf(fixture, {})) as Float32Array
    for (const [, change, result] of golden.filter(([name]) => name === fixture)) {
      if (result === 'refused') continue
      const found = await logitsOf(fixture, change)
      if (typeof found === 'string') {
        const [field] = Object.keys(change)
        expect.soft(found, JSON.stringify(change)).toContain(field.replace('rope_scaling', 'rope scaling'))
        continue
      }
      const wanted = result === 'same' ? own : result
      const difference = Math.max(...found.map((value, i) => Math.abs(value - wanted[i])))
      expect.soft(difference, JSON.stringify(change)).toBeLessThan(TOLERANCE)
    }
  })
})
