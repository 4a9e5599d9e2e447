import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { modelFingerprint } from '../../src/language-model/fingerprint.js'
import { loadModel, locate, openModel } from '../../src/language-model/load.js'
import { loadOnnxModel } from '../../src/runtime/load.js'
import type { RunType } from '../../src/runtime/storage.js'
import { initialAdapters, Lora, mergeAdapters, writeAdapter } from '../../src/train/lora.js'
import { readWeights } from '../../src/train/pretrained.js'
import { openWeights } from '../../src/weights/index.js'
import { type WrittenTensor, writeSafetensors } from '../../src/weights/safetensors-writer.js'
import { decodeFloats, fixturePath, largestDifference } from '../fixtures.js'
import { seededRandom } from '../weights/files.js'

const root = mkdtempSync(join(tmpdir(), 'adapter-'))
afterAll(() => rmSync(root, { recursive: true }))
vi.stubEnv('XDG_CACHE_HOME', join(root, 'cache'))

interface Golden {
  readonly base: string
  readonly prompt: number[]
  /** Of the last token of the prompt. */
  readonly logits: string
}

const goldens: Record<string, Golden> = JSON.parse(
  readFileSync(join(import.meta.dirname, '../golden/adapters/adapters.json'), 'utf8'),
).adapters
const adapterPath = (name: string) => join(import.meta.dirname, '../golden/adapters', name)

/** The logits after a prompt. */
async function logitsOf(
  base: string,
  adapter: string | undefined,
  prompt: number[],
  dtype: RunType = 'fp32',
) {
  const { spec, store } = await openModel({ path: fixturePath(base), adapter })
  const { model } = await loadOnnxModel(spec, store, base, { device: 'cpu', dtype }).finally(() =>
    store.close(),
  )
  try {
    const parents = prompt.map((_, i) => i - 1)
    const last = prompt.length - 1
    const output = await model.forward(model.newCache(), prompt, parents, [last])
    return output.logits(last).slice()
  } finally {
    await model.dispose()
  }
}

/** The files of an adapter with other fields of its configuration, and other tensors. */
async function adapterWith(
  name: string,
  fields: object,
  change: (tensors: Map<string, WrittenTensor>) => void = () => {},
): Promise<string> {
  const directory = mkdtempSync(join(root, 'changed-'))
  const config = JSON.parse(readFileSync(join(adapterPath(name), 'adapter_config.json'), 'utf8'))
  writeFileSync(join(directory, 'adapter_config.json'), JSON.stringify({ ...config, ...fields }))
  const store = await openWeights(join(adapterPath(name), 'adapter_model.safetensors'))
  const tensors = new Map<string, WrittenTensor>()
  for (const { name: tensor, shape } of store.tensors.values()) {
    tensors.set(tensor, { dtype: 'F32', shape, values: await store.read(tensor) })
  }
  await store.close()
  change(tensors)
  await writeSafetensors(join(directory, 'adapter_model.safetensors'), tensors)
  return directory
}

const opening = (name: string, adapter: string) =>
  openModel({ path: fixturePath(goldens[name].base), adapter }).then(({ store }) => store.close())

describe('a model with an adapter of PEFT', () => {
  test.each(Object.entries(goldens))(
    'computes what PEFT does: %s',
    async (name, { base, prompt, logits }) => {
      const own = await logitsOf(base, adapterPath(name), prompt)
      expect(largestDifference(own, decodeFloats(logits))).toBeLessThan(2e-4)
      expect(largestDifference(own, await logitsOf(base, undefined, prompt))).toBeGreaterThan(1)
    },
  )

  test('is kept apart from its base, and from other adapters, where weights are converted', async () => {
    const { prompt, logits } = goldens.patterns
    const plain = await logitsOf('llama', undefined, prompt, 'int8')
    const adapted = await logitsOf('llama', adapterPath('patterns'), prompt, 'int8')
    const other = await logitsOf('llama', adapterPath('head'), prompt, 'int8')
    expect(await logitsOf('llama', undefined, prompt, 'int8')).toEqual(plain)
    expect(largestDifference(adapted, decodeFloats(logits))).toBeLessThan(1)
    expect(largestDifference(adapted, plain)).toBeGreaterThan(2)
    expect(largestDifference(adapted, other)).toBeGreaterThan(2)
  })

  test('is told from its base and other adapters, wherever the files lie', async () => {
    const moved = join(root, 'moved')
    cpSync(adapterPath('patterns'), moved, { recursive: true })
    const path = fixturePath('llama')
    const [plain, own, copy, other] = await Promise.all(
      [undefined, adapterPath('patterns'), moved, adapterPath('head')].map((adapter) =>
        modelFingerprint({ path, adapter }),
      ),
    )
    expect(copy).toBe(own)
    expect(new Set([plain, own, other]).size).toBe(3)
  })
})

test.each([
  ['gemma3', ['q_proj', 'down_proj']],
  ['phi3', 'all-linear'],
  ['phi3', ['v_proj', 'layers.1.mlp.up_proj']],
  ['gpt_neox', ['q_proj', 'v_proj', 'up_proj']],
  ['gpt2', 'all-linear'],
  ['cohere', ['q_proj', 'k_proj']],
  ['lfm2', 'all-linear'],
  ['lfm2-biased', ['in_proj', 'layers.0.conv.out_proj', 'v_proj']],
] as const)('what training writes is what it merges: %s, %s', async (name, targetModules) => {
  const { spec, layout, store } = await openModel(fixturePath(name))
  const weights = await readWeights(spec, store).finally(() => store.close())
  const lora = new Lora(spec, { rank: 2, alpha: 3, targetModules })
  const random = seededRandom(1)
  for (const [name, values] of initialAdapters(lora, 0))
    weights.set(
      name,
      values.map(() => random() - 0.5),
    )
  const directory = mkdtempSync(join(root, 'trained-'))
  await writeAdapter(directory, lora, weights, fixturePath(name), layout)
  const merged = mergeAdapters(lora, weights)
  const opened = await openModel(await locate(directory))
  for (const [parameter, values] of merged)
    expect(largestDifference(await opened.store.read(parameter), values), parameter).toBe(0)
  await opened.store.close()
})

test('parts of a model with images that its text model has not change nothing', async () => {
  const name = 'base_model.model.model.vision_tower.encoder.layers.0.self_attn.q_proj.lora_A.weight'
  const seen = await adapterWith('images', {}, (tensors) => {
    tensors.set(name, { dtype: 'F32', shape: [2, 4], values: new Float32Array(8) })
  })
  await opening('images', seen)
  const alone = await adapterWith('images', {}, (tensors) => {
    const values = new Float32Array(8)
    tensors.clear()
    tensors.set(name, { dtype: 'F32', shape: [2, 4], values })
  })
  await expect(opening('images', alone)).rejects.toThrow('it has no tensor for the text model')
})

describe('an adapter in the place of a model', () => {
  test('is that of its base model, which is said', async () => {
    const notices: string[] = []
    const base = fixturePath('llama')
    const adapter = await adapterWith('head', { base_model_name_or_path: base })
    const located = await locate(adapter, { onNotice: (message) => notices.push(message) })
    expect(located).toEqual({ path: base, adapter })
    expect(notices).toEqual([
      `${adapter} holds an adapter (adapter_config.json, LORA): it is applied to its base model, ${base}.`,
    ])
  })

  test.each([
    ['/nowhere/base', /holds an adapter .* for \/nowhere\/base, which is not here: give that model with -m/],
    ['', /holds an adapter .* that names no base model: give that with -m, and the adapter with --adapter/],
    [null, /that names no base model/],
  ])('is refused where the base is %j', async (base, message) => {
    await expect(locate(await adapterWith('head', { base_model_name_or_path: base }))).rejects.toThrow(
      message,
    )
  })

  test('is not the base of another one', async () => {
    const adapter = await adapterWith('head', { base_model_name_or_path: adapterPath('patterns') })
    await expect(loadModel(adapter)).rejects.toThrow(/holds an adapter .* and no model: give its base model/)
  })
})

describe('an adapter beside a model', () => {
  let directory: string
  beforeAll(() => {
    directory = join(root, 'beside')
    cpSync(fixturePath('llama'), directory, { recursive: true })
    cpSync(adapterPath('head'), directory, { recursive: true })
  })

  test('is applied where it is asked for', async () => {
    const { store, spec } = await openModel({ path: directory, adapter: directory })
    expect(spec.family).toBe('llama')
    expect(store.isVerbatim('lm_head.weight', 'F32')).toBe(false)
    await store.close()
  })

  test('is never ignored', async () => {
    const message = /holds an adapter .* beside a model, which is not applied: give it with --adapter/
    await expect(openModel(directory)).rejects.toThrow(message)
    await expect(openModel({ path: directory, adapter: adapterPath('patterns') })).rejects.toThrow(message)
  })
})

describe('what changes the result and is not served is refused by name', () => {
  test.each([
    [{ peft_type: 'LOHA' }, /peft_type is "LOHA", and LORA alone is served/],
    [{ peft_type: null }, /it names no peft_type/],
    [{ use_qalora: true }, /use_qalora is true/],
    [{ layer_replication: [[0, 2]] }, /layer_replication is \[\[0,2\]\]/],
    [{ alora_invocation_tokens: [1] }, /alora_invocation_tokens/],
    [{ trainable_token_indices: [3] }, /trainable_token_indices/],
    [{ target_parameters: ['mlp.experts'] }, /target_parameters/],
    [{ megatron_config: { a: 1 } }, /megatron_config/],
    [{ a_field_to_come: 0.5 }, /a_field_to_come is 0.5/],
    [{ init_lora_weights: 'pissa' }, /init_lora_weights is "pissa", which changes the base model/],
    [{ init_lora_weights: 'pissa_niter_4' }, /init_lora_weights/],
    [{ init_lora_weights: 'olora' }, /init_lora_weights/],
    [{ bias: 'some' }, /bias is "some"/],
    [{ r: 0 }, /r is 0/],
    [{ r: '2' }, /r is "2", not a number/],
    [{ lora_alpha: null, r: 4 }, /lora_A.weight has the shape \[2,64\], and \[4,64\] is needed/],
    [{ use_rslora: 1 }, /use_rslora is 1/],
    [{ rank_pattern: { '(a+)+': 2 } }, /rank_pattern has the pattern "\(a\+\)\+"/],
    [{ alpha_pattern: { '(?=q)': 2 } }, /alpha_pattern has the pattern/],
    [{ alpha_pattern: { q_proj: null } }, /alpha_pattern has null for q_proj/],
    [{ exclude_modules: '.*q_proj' }, /exclude_modules is the regular expression/],
    [{ exclude_modules: ['o_proj'] }, /its configuration does not adapt model.layers.0.self_attn.o_proj/],
    [{ target_modules: ['lm_head'] }, /does not adapt model.layers.0.self_attn.o_proj/],
    [
      { layers_to_transform: [0, 1] },
      /does not adapt model.layers.2.self_attn.o_proj|does not adapt lm_head/,
    ],
    [{ layers_to_transform: 0, layers_pattern: 'h' }, /does not adapt/],
    [{ use_dora: true }, /use_dora is true, but not so the tensors of/],
  ])('%j', async (fields, message) => {
    await expect(opening('head', await adapterWith('head', fields))).rejects.toThrow(message)
  })

  test('what changes nothing is passed over', async () => {
    const fields = { lora_dropout: 0.1, fan_in_fan_out: true, eva_config: { rho: 2 }, a_field_to_come: null }
    await opening('head', await adapterWith('head', { ...fields, init_lora_weights: 'gaussian' }))
  })

  const A = 'base_model.model.lm_head.lora_A.weight'
  const vector = (shape: number[]): WrittenTensor => ({
    dtype: 'F32',
    shape,
    values: new Float32Array(shape.reduce((a, b) => a * b, 1)),
  })
  test.each<[string, (tensors: Map<string, WrittenTensor>) => void, RegExp]>([
    ['half a pair', (tensors) => tensors.delete(A), /half of the tensors of lm_head/],
    ['another rank', (tensors) => tensors.set(A, vector([3, 64])), /has the shape \[3,64\], and \[2,64\]/],
    ['a foreign name', (tensors) => tensors.set('lora_te.weight', vector([1])), /which is not PEFT's/],
    [
      'a name of another adapter',
      (tensors) => tensors.set('base_model.model.lm_head.lora_A.default.weight', vector([2, 64])),
      /for which the model has no lm_head.lora_A.default.weight/,
    ],
    [
      'another vocabulary',
      (tensors) => tensors.set('base_model.model.model.embed_tokens.weight', vector([321, 64])),
      /has the shape \[321,64\], and \[320,64\] is needed. It was made for test\/fixtures\/llama\.$/,
    ],
    [
      'a bias of B that its configuration has not',
      (tensors) => tensors.set('base_model.model.lm_head.lora_B.bias', vector([320])),
      /and lora_bias is not set/,
    ],
    [
      'a layer that the model has not',
      (tensors) => {
        for (const part of ['A', 'B'])
          tensors.set(`base_model.model.model.layers.9.self_attn.o_proj.lora_${part}.weight`, vector([2, 2]))
      },
      /for which the model has no model.layers.9.self_attn.o_proj.weight/,
    ],
  ])('%s', async (_, change, message) => {
    await expect(opening('head', await adapterWith('head', {}, change))).rejects.toThrow(message)
  })

  test('an adapter of another model, and files that are not whole', async () => {
    const adapter = adapterPath('head')
    const open = (path: string, directory: string) =>
      openModel({ path: fixturePath(path), adapter: directory })
    await expect(open('qwen3', adapter)).rejects.toThrow(/cannot be applied: .* is needed/)
    await expect(open('llama', fixturePath('qwen3'))).rejects.toThrow(/has no adapter_config.json/)
    const empty = mkdtempSync(join(root, 'empty-'))
    writeFileSync(join(empty, 'adapter_config.json'), '{"peft_type": "LORA"}')
    await expect(open('llama', empty)).rejects.toThrow(/has no adapter_model.safetensors/)
    writeFileSync(join(empty, 'adapter_model.bin'), '')
    await expect(open('llama', empty)).rejects.toThrow(/pickled tensors are not read/)
  })

  test('a tied embedding that is to stay tied', async () => {
    const adapter = await adapterWith('embedding', { ensure_weight_tying: true })
    await expect(opening('embedding', adapter)).rejects.toThrow(/ensure_weight_tying is set/)
  })
})
