import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { openPretrained } from '../../src/cli/train/pretrained.js'
import { generate } from '../../src/generation/generate.js'
import { readHeads } from '../../src/heads/files.js'
import { fingerprintOf } from '../../src/heads/fingerprint.js'
import { MEDUSA, MTP } from '../../src/heads/kinds.js'
import { BUILT_IN, BUILT_IN_DIRECTORY } from '../../src/language-model/built-in.js'
import { parameterCount } from '../../src/language-model/describe.js'
import { type LanguageModel, loadModel } from '../../src/language-model/load.js'
import { requireDraftOf } from '../../src/language-model/vocabulary.js'
import type { Pretrained } from '../../src/train/pretrained.js'
import { temporaryDirectory } from '../weights/files.js'

vi.stubEnv('XDG_CACHE_HOME', temporaryDirectory())

interface Golden {
  readonly sha256: string
  readonly new_tokens: number
  readonly rows: readonly {
    readonly text: string
    readonly ids: readonly number[]
    /** After the last token. */
    readonly logits: readonly number[]
    readonly greedy: readonly number[]
  }[]
}

const golden: Golden = JSON.parse(
  readFileSync(join(import.meta.dirname, '../golden/built-in/golden.json'), 'utf8'),
)
const part = (name: string) => join(BUILT_IN_DIRECTORY, name)
const signal = new AbortController().signal

describe('the built-in model in HF transformers and here', () => {
  let model: LanguageModel
  beforeAll(async () => {
    const weights = readFileSync(part('model.safetensors'))
    expect(createHash('sha256').update(weights).digest('hex'), 'make_golden.py is to be run again').toBe(
      golden.sha256,
    )
    model = await loadModel(BUILT_IN, { dtype: 'fp32', device: 'cpu' })
  })
  afterAll(() => model.dispose())

  test.each(golden.rows)('$text', async ({ text, ids, logits, greedy }) => {
    expect(model.tokenizer.encode(text)).toEqual(ids)
    const settings = {
      max_new_tokens: golden.new_tokens,
      do_sample: false,
      output_logits: true,
      return_dict_in_generate: true,
    }
    const result = await generate(model, text, settings).result()
    const difference = Math.max(...logits.map((value, i) => Math.abs(value - result.logits![0][i])))
    expect(difference).toBeLessThan(1e-4)
    expect(result.ids).toEqual(greedy)
  })
})

describe('the parts of the built-in model', () => {
  let target: Pretrained
  beforeAll(async () => {
    target = await openPretrained(BUILT_IN, signal)
  })

  test('are 30 MB together at most', () => {
    const files = readdirSync(BUILT_IN_DIRECTORY, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    )
    const bytes = files.reduce((sum, file) => sum + statSync(join(file.parentPath, file.name)).size, 0)
    expect(bytes).toBeLessThanOrEqual(30e6)
    expect(parameterCount(target.spec)).toBeGreaterThanOrEqual(5e6)
    expect(parameterCount(target.spec)).toBeLessThanOrEqual(10e6)
  })

  test('fit it: a draft model of a tenth of its size, four Medusa heads, an MTP module for a chain of three', async () => {
    const draft = await openPretrained(part('draft'), signal)
    requireDraftOf(target, draft)
    expect(parameterCount(draft.spec)).toBeLessThanOrEqual(parameterCount(target.spec) / 10)
    const { spec, weights } = target
    const model = { path: target.path, spec, fingerprint: fingerprintOf(spec, weights) }
    expect((await readHeads(part('medusa'), MEDUSA, model)).spec.heads).toBeGreaterThanOrEqual(4)
    expect((await readHeads(part('mtp'), MTP, model)).spec).toMatchObject({ depth: 3, parallel: false })
  })
})
