import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { BUILT_IN_DIRECTORY } from '../../src/language-model/built-in.js'
import { describeModel } from '../../src/language-model/describe.js'
import { openFound } from '../../src/language-model/open.js'
import { findRoad } from '../../src/language-model/road.js'
import { FAMILIES } from '../../src/models/families/index.js'
import { loadTokenizer } from '../../src/tokenizer/tokenizer.js'
import { fixturePath } from '../fixtures.js'
import { temporaryDirectory } from '../weights/files.js'

const ROOT = temporaryDirectory()

/** A model's directory with an export, of which only the name is looked at. */
function withExport(name: string, parts: { config: string; weights?: string }): string {
  const directory = join(ROOT, name)
  mkdirSync(join(directory, 'onnx'), { recursive: true })
  writeFileSync(join(directory, 'onnx/model.onnx'), '')
  writeFileSync(join(directory, 'config.json'), parts.config)
  if (parts.weights) symlinkSync(parts.weights, join(directory, 'model.safetensors'))
  return directory
}

/** A fixture of each family, by its model_type. */
const FIXTURES = new Map<string, { config: string; weights: string }>()
for (const fixture of readdirSync(fixturePath('.')).reverse()) {
  const config = readFileSync(join(fixturePath(fixture), 'config.json'), 'utf8')
  FIXTURES.set(JSON.parse(config).model_type, {
    config,
    weights: join(fixturePath(fixture), 'model.safetensors'),
  })
}

describe.each(FAMILIES)('$name', ({ type, name }) => {
  const { config, weights } = FIXTURES.get(type)!

  test('is described by its name, and runs by a graph of our own, also beside an export', async () => {
    const path = withExport(type, { config, weights })
    const road = await findRoad(path)
    if (road.name !== 'graph') throw new Error(road.why)
    const opened = await openFound({ path }, road.files)
    try {
      const description = describeModel(opened, await loadTokenizer(BUILT_IN_DIRECTORY), road.why)
      expect(description).toMatchObject({ road: 'graph', why: 'it has safetensors', architecture: name })
      expect(description.parameters).toBeGreaterThan(0)
    } finally {
      await opened.store.close()
    }
  })

  test('runs from its export without weights, and where it is a variant without a graph', async () => {
    const alone = withExport(`${type}-alone`, { config })
    expect(await findRoad(alone)).toMatchObject({ name: 'export', why: 'it has no safetensors' })
    const quantised = JSON.stringify({ ...JSON.parse(config), quantization_config: { quant_method: 'awq' } })
    const variant = withExport(`${type}-variant`, { config: quantised, weights })
    expect(await findRoad(variant)).toMatchObject({ name: 'export', why: expect.stringContaining('AWQ') })
  })
})

test('a family without a graph runs from its export, and the reason names those that have one', async () => {
  const config = JSON.stringify({ model_type: 'falcon_h1', architectures: ['FalconH1ForCausalLM'] })
  const weights = join(fixturePath('llama'), 'model.safetensors')
  const road = await findRoad(withExport('falcon_h1', { config, weights }))
  expect(road).toMatchObject({
    name: 'export',
    why: expect.stringContaining('"falcon_h1", "FalconH1ForCausalLM"'),
  })
})
