import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { UserError } from '../../src/errors.js'
import { readHeads } from '../../src/heads/files.js'
import { requireSameTarget } from '../../src/heads/fingerprint.js'
import { MEDUSA, MTP } from '../../src/heads/kinds.js'
import { tinySpec } from '../train/tiny.js'

const root = mkdtempSync(join(tmpdir(), 'heads-'))
afterAll(() => rmSync(root, { recursive: true }))

const target = { path: 'model', spec: tinySpec, fingerprint: [] }

let count = 0
function read(kind: typeof MEDUSA | typeof MTP, config: string | undefined): Promise<unknown> {
  const directory = join(root, String(++count))
  mkdirSync(directory)
  if (config !== undefined) writeFileSync(join(directory, 'config.json'), config)
  return (readHeads as (...args: unknown[]) => Promise<unknown>)(directory, kind, target)
}

test.each<[string, typeof MEDUSA | typeof MTP, string | undefined, RegExp]>([
  ['more heads than there can be', MEDUSA, '{"medusa_num_heads": 1000000000}', /describes no Medusa heads/],
  ['more blocks', MEDUSA, '{"medusa_num_heads": 2, "medusa_num_layers": 1e9}', /describes no Medusa heads/],
  ['more modules', MTP, '{"num_nextn_predict_layers": 1000000000}', /describes no MTP modules/],
  ['a greater depth', MTP, '{"num_nextn_predict_layers": 1, "mtp_depth": 1e9}', /describes no MTP modules/],
  ['no configuration', MTP, undefined, /has no config.json of MTP modules: check the path/],
  ['a broken one', MTP, '{"a": }', /config.json is not valid JSON: line 1, column 7/],
  ['a list', MEDUSA, '[1]', /holds a list, where a JSON object is needed/],
  ['no weights', MEDUSA, '{"medusa_num_heads": 2}', /medusa_lm_head.safetensors/],
])('%s is refused before anything is made of it', async (_, kind, config, message) => {
  const error = (await read(kind, config).catch((error) => error)) as Error
  expect(error).toBeInstanceOf(UserError)
  expect(error.message).toMatch(message)
})

test.each([[1], ['x'], [{ toString: 2 }], [[1, null]], [[{ toString: 2 }]]])(
  'a fingerprint that is %j is none',
  (value) => {
    const names = { heads: './heads', model: './model' }
    expect(() => requireSameTarget(value, [1, 2], names)).toThrow(
      'The config.json in ./heads is damaged: base_model_fingerprint is no list of numbers.',
    )
  },
)
