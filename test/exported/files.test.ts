import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { requireExternalData } from '../../src/exported/external-data.js'
import { chooseExport, dataFiles, exportedFiles } from '../../src/exported/files.js'
import { exportedGraph as graphOf } from '../../src/exported/graph.js'
import { type GraphSignature, readSignature, type ValueSignature } from '../../src/exported/signature.js'
import { generate } from '../../src/generation/generate.js'
import { filesUnder } from '../../src/hub/cache.js'
import { pullModel } from '../../src/hub/index.js'
import { BUILT_IN_DIRECTORY } from '../../src/language-model/built-in.js'
import { describeExport } from '../../src/language-model/describe-export.js'
import { modelFingerprint } from '../../src/language-model/fingerprint.js'
import { type LoadOptions, loadModel, openModel } from '../../src/language-model/load.js'
import { exportChooser, findRoad } from '../../src/language-model/road.js'
import { bytes, hubFixture, REPO } from '../hub/fixture.js'
import { temporaryDirectory } from '../weights/files.js'
import { writeExport } from './exports.js'

const ROOT = temporaryDirectory()
const SOURCE = join(BUILT_IN_DIRECTORY, 'draft')

const SUFFIXES = ['', '_fp16', '_quantized', '_int8', '_uint8', '_q4', '_bnb4', '_q4f16', '_q2']
const ALL = SUFFIXES.map((suffix) => `onnx/model${suffix}.onnx`)

describe('the file of a dtype', () => {
  const choose = (paths: string[], dtype: LoadOptions['dtype'], config: object = {}, device = 'cpu') =>
    chooseExport(exportedFiles(paths), dtype!, { ...config }, 'DIR', device).path

  test.each([
    ['fp32', 'model.onnx'],
    ['fp16', 'model_fp16.onnx'],
    ['int8', 'model_quantized.onnx'],
    ['int4', 'model_q4.onnx'],
    ['int4f16', 'model_q4f16.onnx'],
    ['auto', 'model.onnx'],
  ] as const)('%s is %s', (dtype, file) => {
    expect(choose(ALL, dtype)).toBe(`onnx/${file}`)
  })

  test('is another one of the same dtype where the first is not there', () => {
    expect(choose(['onnx/model_int8.onnx', 'onnx/model_uint8.onnx'], 'int8')).toBe('onnx/model_int8.onnx')
    expect(choose(['onnx/model_bnb4.onnx'], 'int4')).toBe('onnx/model_bnb4.onnx')
    expect(choose(['onnx/model_q4.onnx', 'onnx/model_fp16.onnx'], 'auto')).toBe('onnx/model_q4.onnx')
  })

  const js = (values: object) => ({ 'transformers.js_config': values })
  test.each([
    [js({ dtype: 'q4' }), 'model_q4.onnx'],
    [js({ dtype: 'bnb4' }), 'model_bnb4.onnx'],
    [js({ dtype: 'auto' }), 'model.onnx'],
    [js({ dtype: { model: 'q4f16', embed_tokens: 'fp16' } }), 'model_q4f16.onnx'],
    [js({ dtype: 'q4', device_config: { cpu: { dtype: 'int8' } } }), 'model_int8.onnx'],
    [js({ dtype: 'q4', device_config: { webgpu: { dtype: 'int8' } } }), 'model_q4.onnx'],
    [js({ dtype: null, device_config: null, kv_cache_dtype: { fp16: 'float16' } }), 'model.onnx'],
  ])('for auto is what config.json names: %j', (config, file) => {
    expect(choose(ALL, 'auto', config)).toBe(`onnx/${file}`)
    expect(choose(ALL, 'fp16', config)).toBe('onnx/model_fp16.onnx')
  })

  test.each([
    [js({ dtype: 5 }), 'dtype in the config.json of DIR is 5, not a name: correct it.'],
    [js({ dtype: { model: ['q4'] } }), 'dtype.model in the config.json of DIR is ["q4"], not a name'],
    [js({ device: false }), 'device in the config.json of DIR is false, not a name'],
    [js({ device_config: 'cpu' }), 'device_config in the config.json of DIR is "cpu", not an object'],
    [js({ device_config: { wasm: 4 } }), 'device_config.wasm in the config.json of DIR is 4, not an object'],
    [js({ device_config: { cpu: { dtype: 4 } } }), 'device_config.cpu.dtype in the config.json of DIR is 4'],
    [js({ kv_cache_dtype: { fp16: 16 } }), 'kv_cache_dtype.fp16 in the config.json of DIR is 16, not a name'],
    [
      js({ use_external_data_format: 'many' }),
      'use_external_data_format in the config.json of DIR is "many"',
    ],
    [js({ use_external_data_format: { model: -1 } }), 'is -1, not true, false or a number of files'],
    [
      { 'transformers.js_config': [] },
      'transformers.js_config in the config.json of DIR is [], not an object',
    ],
  ])('is refused by a configuration of another kind: %j', (config, message) => {
    for (const dtype of ['auto', 'fp16'] as const) expect(() => choose(ALL, dtype, config)).toThrow(message)
  })

  test('is refused where it is not there, with those that are', () => {
    const there = ['onnx/model_q4.onnx', 'onnx/model.onnx']
    const list = 'use --dtype fp32, int4 (onnx/model.onnx, onnx/model_q4.onnx).'
    expect(() => choose(there, 'int8')).toThrow(`DIR has no ONNX file of the dtype int8: ${list}`)
    const named = 'q8, which its transformers.js_config names'
    expect(() => choose(there, 'auto', js({ dtype: 'q8' }))).toThrow(`dtype ${named}: ${list}`)
    expect(() => choose(ALL, 'auto', js({ dtype: 'q2' }))).toThrow('dtype q2, which its')
  })

  test('goes with the files of its weights, and with no other', () => {
    const data = ['onnx/model_q4.onnx_data', 'onnx/model_q4.onnx_data_1']
    expect(
      dataFiles('onnx/model_q4.onnx', [
        ...ALL,
        ...data,
        'onnx/model.onnx_data',
        'onnx/model_q4.onnx_data.bak',
      ]),
    ).toEqual(data)
  })
})

describe('what a graph takes and gives', () => {
  const path = 'model.onnx'
  const exportedGraph = (signature: Pick<GraphSignature, 'inputs' | 'outputs'>, path: string) =>
    graphOf({ operators: new Set(), ...signature }, path)
  const value = (name: string, shape: ValueSignature['shape'] = ['b', 2, 'past', 8], type = 1) => ({
    name,
    type,
    shape,
  })
  const inputs = [value('input_ids'), value('past_key_values.0.key'), value('past_key_values.0.value')]
  const outputs = [value('logits', ['b', 't', 50]), value('present.0.key'), value('present.0.value')]

  test('says how it is run', () => {
    expect(exportedGraph({ inputs, outputs }, path)).toMatchObject({
      vocabSize: 50,
      keepsLogits: false,
      givesStates: false,
      isRecurrent: false,
      cache: [
        { input: 'past_key_values.0.key', output: 'present.0.key', axis: 2, bytesPerToken: 64 },
        { input: 'past_key_values.0.value', output: 'present.0.value', axis: 2, bytesPerToken: 64 },
      ],
    })
  })

  test.each([
    ['past_conv.1', 'present_conv.1'],
    ['past_ssm.1', 'present_ssm.1'],
    ['past_recurrent.1', 'present_recurrent.1'],
    ['past_conv.1.key', 'present_conv.1.key'],
    ['past_key_values.1.conv_state', 'present.1.conv_state'],
  ])('is recurrent with %s', (input, output) => {
    const graph = exportedGraph(
      { inputs: [...inputs, value(input)], outputs: [...outputs, value(output)] },
      path,
    )
    expect(graph.isRecurrent).toBe(true)
    expect(graph.cache.at(-1)).toMatchObject({ input, output, axis: undefined, bytesPerToken: 0 })
  })

  test('has one tensor of keys and values for all heads', () => {
    const both = {
      inputs: [inputs[0], value('past_key_values.0.key_value', ['b', 'past', 16], 10)],
      outputs: [outputs[0], value('present.0.key_value')],
    }
    expect(exportedGraph(both, path).cache[0]).toMatchObject({ axis: 1, bytesPerToken: 32 })
  })

  test.each([
    ['wants the input inputs_embeds', { inputs: [...inputs, value('inputs_embeds')], outputs }],
    ['takes no input_ids', { inputs: inputs.slice(1), outputs }],
    ['takes no past keys and values', { inputs: inputs.slice(0, 1), outputs }],
    ['gives no logits', { inputs, outputs: outputs.slice(1) }],
    ['logits are no floats', { inputs, outputs: [value('logits', [1], 7), ...outputs.slice(1)] }],
    [
      'nothing that its graph gives goes on from the input past_key_values.0.value',
      { inputs, outputs: outputs.slice(0, 2) },
    ],
    [
      'has batch and heads in one',
      { inputs: [inputs[0], value('past_key_values.0.key', ['batch_size x num_heads', 8, 'past'])], outputs },
    ],
  ])('is refused: it %s', (why, signature) => {
    expect(() => exportedGraph(signature, path)).toThrow(why)
  })
})

describe('a model on disk', () => {
  test('runs from its export where it has no weights, or no graph for them', async () => {
    const directory = await writeExport(SOURCE, join(ROOT, 'road'))
    expect(await findRoad(directory)).toMatchObject({ name: 'export', why: 'it has no safetensors' })
    copyFileSync(join(SOURCE, 'model.safetensors'), join(directory, 'model.safetensors'))
    expect(await findRoad(directory)).toMatchObject({ name: 'graph', why: 'it has safetensors' })
    const other = await writeExport(SOURCE, join(ROOT, 'other'), { config: { model_type: 'falcon_h1' } })
    copyFileSync(join(SOURCE, 'model.safetensors'), join(other, 'model.safetensors'))
    expect(await findRoad(other)).toMatchObject({
      name: 'export',
      why: expect.stringContaining('"falcon_h1"'),
    })
    const spiral = { rope_scaling: { type: 'spiral', factor: 4 } }
    const scaled = await writeExport(SOURCE, join(ROOT, 'spiral'), { config: spiral })
    copyFileSync(join(SOURCE, 'model.safetensors'), join(scaled, 'model.safetensors'))
    expect(await findRoad(scaled)).toMatchObject({ name: 'export', why: expect.stringContaining('spiral') })
  })

  test('is given by its directory, and not by a file or folder in it', async () => {
    const directory = await writeExport(SOURCE, join(ROOT, 'inside'), { isExternal: true })
    for (const name of ['onnx/model.onnx', 'onnx/model.onnx_data', 'onnx', 'onnx/']) {
      const what = name.startsWith('onnx/m') ? 'one file' : 'a folder'
      await expect(findRoad(join(directory, name))).rejects.toThrow(
        `${join(directory, name)} is ${what} of an export to ONNX: give its directory, ${directory}.`,
      )
    }
    copyFileSync(join(directory, 'onnx/model.onnx'), join(directory, 'model.onnx'))
    await expect(findRoad(join(directory, 'model.onnx'))).rejects.toThrow(`give its directory, ${directory}.`)
  })

  test('is described: its files, its lacks, the strategies that are left', async () => {
    const plain = await writeExport(SOURCE, join(ROOT, 'described'), { suffixes: ['', '_q4'] })
    const description = async (path: string) => {
      const road = await findRoad(path)
      if (road.name !== 'export') throw new Error('It is no export.')
      return describeExport(path, road)
    }
    expect(await description(plain)).toMatchObject({
      road: 'export',
      why: 'it has no safetensors',
      architecture: 'llama',
      chosen: { type: 'fp32', path: 'onnx/model.onnx' },
      onnx_files: [{ type: 'fp32' }, { type: 'int4', dtype: 'q4', path: 'onnx/model_q4.onnx' }],
      vocab_size: 4096,
      lacks: { states: expect.any(String) },
    })
    expect((await description(plain)).strategies).toContain('beam_search')
    expect((await description(plain)).strategies).not.toContain('contrastive_search')
    const recurrent = await writeExport(SOURCE, join(ROOT, 'described-2'), { isRecurrent: true })
    expect((await description(recurrent)).strategies).toEqual(['greedy_search', 'sample'])
  })

  test('is refused before its graph is loaded, by what is asked of it', async () => {
    const directory = await writeExport(SOURCE, join(ROOT, 'refused'))
    // What is left of it tells its inputs, and cannot be loaded.
    writeFileSync(join(directory, 'tokenizer.json'), '{')
    const refused = (options: LoadOptions) => expect(loadModel(directory, options)).rejects
    await refused({ exits: () => [1] }).toThrow('DoLa needs early exits')
    await refused({ layers: 1 }).toThrow('An early exit needs the first layers')
    await refused({ taps: [1] }).toThrow('states of the model')
    await refused({ adapter: directory }).toThrow(
      `An adapter needs weights to be merged into, but ${directory}`,
    )
    await refused({ exact: true }).toThrow('--exact needs passes of one shape')
    await refused({ dtype: 'int8' }).toThrow('no ONNX file of the dtype int8: use --dtype fp32')
    const check: LoadOptions['check'] = ({ lacks }) => {
      throw new Error(`lacks ${Object.keys(lacks)}`)
    }
    await refused({ check }).toThrow('lacks graph,states')
    await expect(openModel(directory)).rejects.toThrow('can be decoded with alone')
  })

  test.each([
    ['cut off', (path: string) => truncateSync(path, 1000)],
    ['empty', (path: string) => truncateSync(path, 0)],
    ['something else', (path: string) => writeFileSync(path, bytes(5000))],
    [
      'a pointer of LFS',
      (path: string) => writeFileSync(path, 'version https://git-lfs.github.com/spec/v1\n'),
    ],
  ])('is refused where its graph is %s', async (name, damage) => {
    const directory = await writeExport(SOURCE, join(ROOT, `damaged-${name.length}`))
    damage(join(directory, 'onnx/model.onnx'))
    await expect(loadModel(directory)).rejects.toThrow(/model\.onnx is no ONNX file, or a damaged one/)
  })

  test('is refused where it is of an architecture that transformers.js does not know, and without sizes', async () => {
    const unknown = await writeExport(SOURCE, join(ROOT, 'unknown'), {
      config: { model_type: 'never_heard_of' },
    })
    await expect(loadModel(unknown)).rejects.toThrow(
      '"never_heard_of", which @huggingface/transformers decodes no text',
    )
    const config = { max_position_embeddings: null }
    const unsized = await writeExport(SOURCE, join(ROOT, 'unsized'), { config })
    await expect(loadModel(unsized)).rejects.toThrow('max_position_embeddings is missing')
    const wrong = await writeExport(SOURCE, join(ROOT, 'wrong'), { config: { max_position_embeddings: -1 } })
    await expect(loadModel(wrong)).rejects.toThrow('max_position_embeddings is -1, not a positive integer')
  })

  test.each([
    ['num_hidden_layers', { num_hidden_layers: 1e9 }],
    ['n_layer', { n_layer: 1e9 }],
    ['num_layers', { text_config: { num_layers: 1e9 } }],
  ])('is refused with more layers than a model has in %s', async (name, config) => {
    const directory = await writeExport(SOURCE, join(ROOT, `deep-${name}`), { config })
    await expect(loadModel(directory)).rejects.toThrow(
      `config.json: ${name} is 1000000000, and at most 10,000 is read.`,
    )
  })

  test('is refused where its graph is a directory', async () => {
    const directory = await writeExport(SOURCE, join(ROOT, 'no-file'))
    rmSync(join(directory, 'onnx/model.onnx'))
    mkdirSync(join(directory, 'onnx/model.onnx'))
    await expect(loadModel(directory)).rejects.toThrow('onnx/model.onnx cannot be read: it is no file.')
  })

  test.each([true, 2, 1e9, { model: 3 }])(
    'runs from the files that there are where config.json tells of others: %j',
    async (use_external_data_format) => {
      const config = { 'transformers.js_config': { use_external_data_format } }
      const name = `external-${JSON.stringify(use_external_data_format).replace(/\W/g, '')}`
      for (const isExternal of [false, true]) {
        const directory = await writeExport(SOURCE, join(ROOT, `${name}-${isExternal}`), {
          config,
          isExternal,
        })
        const model = await loadModel(directory)
        expect(await generate(model, 'Once upon', { max_new_tokens: 2 }).result()).toMatchObject({
          finish_reason: 'length',
        })
        await model.dispose()
      }
    },
  )

  test.each<[string, (path: string) => void, RegExp]>([
    [
      'missing',
      rmSync,
      /model\.onnx_data is missing, which holds weights of .*model\.onnx: fetch it, too\.$/,
    ],
    [
      'empty',
      (path) => truncateSync(path, 0),
      /model\.onnx_data has 0 bytes, but .* need \d+: fetch it again\.$/,
    ],
    [
      'cut off',
      (path) => truncateSync(path, 5000),
      /model\.onnx_data has 5000 bytes, but .*: fetch it again\.$/,
    ],
    [
      'a directory',
      (path) => {
        rmSync(path)
        mkdirSync(path)
      },
      /model\.onnx_data cannot be read: it is no file\.$/,
    ],
  ])('is refused where the file of its weights is %s', async (name, damage, message) => {
    const directory = await writeExport(SOURCE, join(ROOT, `data-${name}`), { isExternal: true })
    damage(join(directory, 'onnx/model.onnx_data'))
    await expect(loadModel(directory)).rejects.toThrow(message)
  })

  test.each(['../model.onnx_data', '/etc/passwd', 'C:\\data', '*/_ORT_MEM_ADDR_/*'])(
    'is refused where its weights are not beside it: %s',
    async (place) => {
      const file = place.startsWith('*') ? /is missing, which holds weights/ : /which is not beside it/
      await expect(requireExternalData('onnx/model.onnx', new Map([[place, 1]]))).rejects.toThrow(file)
    },
  )

  test('runs where a file of weights is there that its graph does not name', async () => {
    const directory = await writeExport(SOURCE, join(ROOT, 'data-twice'), { isExternal: true })
    copyFileSync(join(directory, 'onnx/model.onnx_data'), join(directory, 'onnx/model.onnx_data_1'))
    const model = await loadModel(directory)
    expect((await generate(model, 'Once', { max_new_tokens: 2 }).result()).ids).toHaveLength(2)
    await model.dispose()
  })

  test('has a fingerprint of its graph and configuration', async () => {
    const one = await writeExport(SOURCE, join(ROOT, 'print'), { suffixes: ['', '_q4'] })
    const same = await writeExport(SOURCE, join(ROOT, 'print-2'))
    const other = await writeExport(SOURCE, join(ROOT, 'print-3'), { isExternal: true })
    expect(await modelFingerprint(one)).toBe(await modelFingerprint(same))
    const prints = [
      await modelFingerprint(one),
      await modelFingerprint(one, 'int4'),
      await modelFingerprint(other),
    ]
    expect(new Set(prints).size).toBe(3)
  })

  test('runs where its files are links, as in the cache of the hub', async () => {
    const directory = await writeExport(SOURCE, join(ROOT, 'blobs'), { isExternal: true })
    const snapshot = join(ROOT, 'snapshot')
    mkdirSync(join(snapshot, 'onnx'), { recursive: true })
    for (const path of filesUnder(directory)) symlinkSync(join(directory, path), join(snapshot, path))
    const model = await loadModel(snapshot, { device: 'cpu' })
    const { text } = await generate(model, 'Once', { max_new_tokens: 5, do_sample: false }).result()
    await model.dispose()
    expect(text.length).toBeGreaterThan(5)
    await expect(generate(model, 'Once', { max_new_tokens: 5 }).result()).rejects.toThrow('disposed of')
  })
})

test('a signature is read past weights of any size', async () => {
  const directory = await writeExport(SOURCE, join(ROOT, 'signature'), { keepsLogits: true })
  const { inputs, outputs, operators } = await readSignature(join(directory, 'onnx/model.onnx'))
  expect(inputs[0]).toEqual({ name: 'input_ids', type: 7, shape: ['batch_size', 'sequence_length'] })
  expect(inputs.map(({ name }) => name)).toContain('num_logits_to_keep')
  expect([...operators]).toEqual(expect.arrayContaining(['Gather', 'MatMul', 'Softmax']))
  expect(outputs.at(-1)).toEqual({ name: 'logits', type: 1, shape: ['batch_size', 'logits_length', 4096] })
})

describe('a pull', () => {
  const hub = hubFixture()
  const files = {
    'config.json': '{"model_type":"falcon_h1","transformers.js_config":{"dtype":"q4"}}',
    'model.safetensors': bytes(3000),
    'onnx/model.onnx': bytes(2000),
    'onnx/model.onnx_data': bytes(4000),
    'onnx/model_q4.onnx': bytes(2001),
    'onnx/model_quantized.onnx': bytes(2002),
    'tokenizer.json': '{}',
  }
  const pulled = async (dtype?: LoadOptions['dtype'], env = hub.env) => {
    const path = await pullModel(REPO, { env, retryDelay: 1, chooseExport: exportChooser(REPO, dtype) })
    return filesUnder(path)
      .filter((name) => !/^(config|tokenizer)\.json$/.test(name))
      .map((name) => basename(name))
  }

  test('takes the files of the dtype alone', async () => {
    hub.server.commit(files)
    expect(await pulled('fp32')).toEqual(['model.onnx', 'model.onnx_data'])
    expect(hub.server.transfers('model.safetensors')).toEqual([])
    expect(hub.server.transfers('onnx/model_q4.onnx')).toEqual([])
    await expect(pulled('fp16')).rejects.toThrow(
      'acme/tiny-model has no ONNX file of the dtype fp16: use --dtype fp32, int8, int4',
    )
  })

  test('takes what config.json names, offline too', async () => {
    hub.server.commit(files)
    expect(await pulled()).toEqual(['model_q4.onnx'])
    const offline = { ...hub.env, HF_HUB_OFFLINE: '1' }
    expect(await pulled('auto', offline)).toEqual(['model_q4.onnx'])
    await expect(pulled('int8', offline)).rejects.toThrow('use --dtype int4')
  })

  test('takes weights where there is a graph for them', async () => {
    hub.server.commit({ ...files, 'config.json': JSON.stringify({ ...BUILT_IN_CONFIG, dtype: 'x' }) })
    expect(await pulled()).toEqual(['model.safetensors'])
    const { 'model.safetensors': _, ...others } = files
    const own = JSON.stringify(BUILT_IN_CONFIG)
    hub.server.commit({ ...others, 'config.json': own, 'a.gguf': bytes(1000) })
    expect(await pullModel(REPO, { env: hub.env, chooseExport: exportChooser(REPO) })).toMatch(/a\.gguf$/)
    hub.server.commit({ ...others, 'a.gguf': bytes(1000) })
    expect(await pulled()).toEqual(['model_q4.onnx'])
  })

  test('refuses a config.json that is none', async () => {
    hub.server.commit({ ...files, 'config.json': '[' })
    await expect(pulled()).rejects.toThrow('config.json of acme/tiny-model is no JSON object')
  })
})
const BUILT_IN_CONFIG = JSON.parse(readFileSync(join(BUILT_IN_DIRECTORY, 'config.json'), 'utf8'))
