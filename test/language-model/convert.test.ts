import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { BUILT_IN_DIRECTORY } from '../../src/language-model/built-in.js'
import { type ConvertOptions, checkOutput, convertModel } from '../../src/language-model/convert/convert.js'
import { type OpenModel, openModel } from '../../src/language-model/load.js'
import { parametersOf } from '../../src/models/parameters.js'
import { openWeights } from '../../src/weights/index.js'
import { fixturePath, largestDifference } from '../fixtures.js'

const root = mkdtempSync(join(tmpdir(), 'convert-'))
afterAll(() => rmSync(root, { recursive: true }))

const TEXT = 'Once upon a time, there were 12 dogs.\n  They said: "hello"!'

async function using<T>(path: string, use: (model: OpenModel) => Promise<T>, adapter?: string): Promise<T> {
  const model = await openModel({ path, adapter })
  return use(model).finally(() => model.store.close())
}

function converted(path: string, name: string, dtype: ConvertOptions['dtype'], adapter?: string) {
  const output = join(root, name)
  return using(path, (model) => convertModel(model, output, { dtype, force: false }), adapter).then(
    () => output,
  )
}

/** Specification, ids of a text, and all parameters. */
const contents = (path: string, adapter?: string) =>
  using(
    path,
    async ({ spec, store, loadTokenizer }) => {
      const values = new Map<string, Float32Array>()
      for (const { name } of parametersOf(spec)) values.set(name, await store.read(name))
      return { spec, ids: (await loadTokenizer()).encode(TEXT), values }
    },
    adapter,
  )

describe('a model', () => {
  test('is the same as a GGUF file, and as safetensors again', async () => {
    const original = await contents(BUILT_IN_DIRECTORY)
    const gguf = await converted(BUILT_IN_DIRECTORY, 'model.gguf', 'fp32')
    const asGguf = await contents(gguf)
    const back = await contents(await converted(gguf, 'back', 'fp32'))
    for (const { spec, ids, values } of [asGguf, back]) {
      expect(ids).toEqual(original.ids)
      const { normEpsilon, ...fields } = spec
      const { normEpsilon: epsilon, ...wanted } = original.spec
      expect(fields).toEqual(wanted)
      expect(normEpsilon).toBeCloseTo(epsilon, 10)
      for (const [name, own] of original.values)
        expect(largestDifference(own, values.get(name)!), name).toBe(0)
    }
  })

  test.each([
    ['q8_0', 0.006],
    // The largest value of the other sign is a whole step off.
    ['q4_0', 0.126],
    ['fp16', 0.0006],
    ['bf16', 0.005],
  ] as const)('is rounded to %s', async (dtype, bound) => {
    const original = await contents(BUILT_IN_DIRECTORY)
    const { values } = await contents(await converted(BUILT_IN_DIRECTORY, `${dtype}.gguf`, dtype))
    for (const [name, own] of original.values) {
      const largest = own.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      expect(largestDifference(own, values.get(name)!) / largest, name).toBeLessThan(bound)
    }
  })
})

describe('of a family with a layout of its own', () => {
  const laidOut = [
    'phi3',
    'gpt2',
    'gpt_neox',
    'cohere',
    'glm4',
    'granitemoehybrid',
    'starcoder2',
    'lfm2-biased',
  ]

  test.each(laidOut)('safetensors of %s are what they were', async (name) => {
    const [path, own] = [
      await converted(fixturePath(name), name, 'fp32'),
      await openWeights(fixturePath(name)),
    ]
    const written = await openWeights(path)
    expect([...written.tensors.keys()].sort()).toEqual([...own.tensors.keys()].sort())
    for (const tensor of own.tensors.keys())
      expect(await written.read(tensor), tensor).toEqual(await own.read(tensor))
    await Promise.all([own.close(), written.close()])
  })

  test('those of a text model are its own', async () => {
    const path = await converted(fixturePath('gemma3-images'), 'text', 'fp32')
    const [before, after] = [await openModel(fixturePath('gemma3-images')), await openModel(path)]
    expect(after.spec).toEqual(before.spec)
    const name = 'model.layers.1.self_attn.q_proj.weight'
    expect(await after.store.read(name)).toEqual(await before.store.read(name))
    await Promise.all([before.store.close(), after.store.close()])
  })
})

test('a configuration keeps its floats', async () => {
  const path = await converted(fixturePath('gemma2'), 'floats', 'fp32')
  const text = readFileSync(join(path, 'config.json'), 'utf8')
  expect(text).toContain('"final_logit_softcapping": 12.0,')
  expect(text).toContain('"query_pre_attn_scalar": 16,')
  const images = readFileSync(
    join(await converted(fixturePath('gemma3-images'), 'text-floats', 'fp32'), 'config.json'),
    'utf8',
  )
  expect(images).toMatch(/"rope_theta": 100\.0/)
})

test('an adapter is merged into what is written', async () => {
  const base = fixturePath('llama')
  const adapter = join(import.meta.dirname, '../golden/adapters/patterns')
  const path = await converted(base, 'merged', 'fp32', adapter)
  const [store, merged] = [await openWeights(path), await openModel({ path: base, adapter })]
  const name = 'model.layers.1.self_attn.v_proj.weight'
  expect(await store.read(name)).toEqual(await merged.store.read(name))
  await store.close()
  await merged.store.close()
})

describe('what is there', () => {
  test('is refused, unless it may be replaced', async () => {
    const output = join(root, 'there')
    await converted(fixturePath('llama'), 'there', 'fp32')
    await expect(checkOutput(output, { dtype: 'fp32', force: false })).rejects.toThrow(/has files already/)
    await checkOutput(output, { dtype: 'fp32', force: true })
    writeFileSync(join(output, 'old'), '')
    await converted(fixturePath('llama'), 'there', 'fp16')
    expect(readdirSync(output).sort()).toEqual(['config.json', 'generation_config.json', 'model.safetensors'])
    expect(JSON.parse(readFileSync(join(output, 'config.json'), 'utf8')).dtype).toBe('float16')
  })

  test('stays where nothing whole can be written', async () => {
    const signal = AbortSignal.abort(new Error('stopped'))
    const output = join(root, 'stopped')
    const options = { dtype: 'fp32', force: false, signal } as const
    const run = using(fixturePath('llama'), (model) => convertModel(model, output, options))
    await expect(run).rejects.toThrow('stopped')
    expect(readdirSync(root).filter((name) => name.startsWith('stopped'))).toEqual([])
  })

  test.each([
    ['directory', 'q8_0', /cannot be q8_0 for safetensors/],
    ['nowhere/model.gguf', 'q8_0', /there is no directory/],
  ] as const)('%s in %s is refused before anything is read', async (name, dtype, message) => {
    await expect(checkOutput(join(root, name), { dtype, force: false })).rejects.toThrow(message)
  })
})
