import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parametersIn } from '../../src/language-model/checkpoint.js'
import { openModel } from '../../src/language-model/open.js'
import { layoutFromConfig, specFromConfig } from '../../src/models/families/index.js'
import { type StoredLayout, storedRows, storedWeights, variantOf } from '../../src/models/layout.js'
import { parametersOf } from '../../src/models/parameters.js'
import { arranged, flattened } from '../../src/weights/index.js'
import { openWeights } from '../../src/weights/open.js'
import { writeSafetensors } from '../../src/weights/safetensors-writer.js'
import { fixturePath } from '../fixtures.js'

const configOf = (name: string) => JSON.parse(readFileSync(join(fixturePath(name), 'config.json'), 'utf8'))
const laidOut = readdirSync(fixturePath('')).filter((name) => {
  const config = configOf(name)
  return layoutFromConfig(config, name) !== undefined && config.text_config === undefined
})

describe('what is written by a layout is what was read by it', () => {
  test.each(laidOut)('%s', async (name) => {
    const config = configOf(name)
    const spec = specFromConfig(config, name)
    const whole = await openWeights(fixturePath(name))
    const stored = flattened(whole)
    const layout = variantOf(layoutFromConfig(config, name)!, stored.tensors.keys())
    const store = parametersIn(stored, spec, layout, name)
    const weights = new Map<string, Float32Array>()
    for (const parameter of parametersOf(spec)) weights.set(parameter.name, await store.read(parameter.name))
    const written = storedWeights(spec, layout, weights)
    expect([...written.keys()].sort()).toEqual([...stored.tensors.keys()].sort())
    for (const [tensor, { shape, values }] of written) {
      const { tensors } = shape.length === 3 ? whole : stored
      expect(shape).toEqual(tensors.get(tensor)!.shape)
      expect(values).toEqual(await stored.read(tensor))
    }
    await stored.close()
  })
})

describe('rows', () => {
  const spec = specFromConfig(
    { ...configOf('ernie4_5'), hidden_size: 16, head_dim: 8, num_attention_heads: 2 },
    'dir',
  )
  const rowsOf = (layout: StoredLayout, name: string) => [
    ...storedRows(spec, layout).get(`model.layers.0.self_attn.${name}`)!.rows!,
  ]

  test.each([
    ['neighbours', { interleaved: true, rotated: 8 }, [0, 2, 4, 6, 1, 3, 5, 7]],
    ['neighbours, half of a head', { interleaved: true, rotated: 4 }, [0, 2, 4, 5, 1, 3, 6, 7]],
    ['halves, half of a head', { interleaved: false, rotated: 4 }, [0, 1, 4, 5, 2, 3, 6, 7]],
    ['halves', { interleaved: false, rotated: 8 }, [0, 1, 2, 3, 4, 5, 6, 7]],
  ])('%s are moved in each head, of weights and biases alike', (_, rotary, head) => {
    const both = [...head, ...head.map((row) => row + 8)]
    expect(rowsOf({ rotary }, 'q_proj.weight')).toEqual(both)
    expect(rowsOf({ rotary }, 'q_proj.bias')).toEqual(both)
    expect(storedRows(spec, { rotary }).get('model.layers.0.self_attn.v_proj.weight')!.rows).toBeUndefined()
  })
})

describe('a store arranged anew', () => {
  const directory = mkdtempSync(join(tmpdir(), 'layout-'))
  const values = Float32Array.from({ length: 24 }, (_, i) => i)

  test('reads rows, and columns of what is transposed, and no more of a file than they take', async () => {
    const path = join(directory, 'model.safetensors')
    await writeSafetensors(path, new Map([['a', { dtype: 'F32', shape: [6, 4], values }]]), {})
    const opened = await openWeights(path)
    let read = 0
    const counting = {
      ...opened,
      tensors: opened.tensors,
      isVerbatim: opened.isVerbatim.bind(opened),
      read: async (name: string, range?: readonly [number, number]) => {
        const rows = await opened.read(name, range)
        read += rows.length
        return rows
      },
    } as typeof opened
    const store = arranged(
      counting,
      new Map([
        ['swapped', { tensor: 'a', rows: Int32Array.from([5, 1, 0]), transposed: false }],
        ['run', { tensor: 'a', rows: Int32Array.from([2, 3]), transposed: false }],
        ['columns', { tensor: 'a', rows: Int32Array.from([3, 1]), transposed: true }],
      ]),
    )
    expect([...(await store.read('swapped'))]).toEqual([20, 21, 22, 23, 4, 5, 6, 7, 0, 1, 2, 3])
    expect(read).toBe(12)
    expect([...(await store.read('run'))]).toEqual([8, 9, 10, 11, 12, 13, 14, 15])
    expect(read).toBe(20)
    expect([...(await store.read('columns'))]).toEqual([3, 7, 11, 15, 19, 23, 1, 5, 9, 13, 17, 21])
    expect([...(await store.read('columns', [1, 2]))]).toEqual([1, 5, 9, 13, 17, 21])
    expect(store.tensors.get('columns')!.shape).toEqual([2, 6])
    const { offset, byteLength } = store.tensors.get('run')!
    expect([offset - opened.tensors.get('a')!.offset, byteLength]).toEqual([32, 32])
    expect(['run', 'swapped', 'columns'].map((name) => store.isVerbatim(name, 'F32'))).toEqual([
      true,
      false,
      false,
    ])
    await opened.close()
  })
})

test('what a layout tells of and a checkpoint lacks is named as the checkpoint would', async () => {
  const config = configOf('phi3')
  const spec = { ...specFromConfig(config, 'phi3'), layers: ['full', 'full', 'full'] as const }
  const store = await openWeights(fixturePath('phi3'))
  expect(() => parametersIn(store, spec, layoutFromConfig(config, 'phi3'), 'phi3')).toThrow(
    /^phi3 has no tensor model\.layers\.2\.\S+, which its configuration asks for\.$/,
  )
  await store.close()
})

test('the text model of a wrapper is opened alone, and is one that can be written', async () => {
  const { config, spec, store, unused } = await openModel(fixturePath('gemma3-images'))
  expect(config).toMatchObject({
    model_type: 'gemma3_text',
    architectures: ['Gemma3ForCausalLM'],
    bos_token_id: 1,
  })
  expect(unused).toEqual([])
  expect(specFromConfig(config, 'text')).toEqual(spec)
  await store.close()
})
