import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { convertModel } from '../../src/language-model/convert/convert.js'
import { openModel } from '../../src/language-model/load.js'
import { FAMILIES, specFromConfig } from '../../src/models/families/index.js'
import { specDifference } from '../../src/models/gguf/spec-difference.js'
import { ggufModel, isFloat } from '../../src/models/gguf/write.js'
import { parametersOf } from '../../src/models/parameters.js'
import { openGguf } from '../../src/weights/gguf.js'
import { openWeights } from '../../src/weights/index.js'
import { asciiTokenizer } from '../ascii-tokenizer.js'
import { fixturePath, largestDifference } from '../fixtures.js'

const GOLDEN = join(import.meta.dirname, '../golden/models')
const root = mkdtempSync(join(tmpdir(), 'write-gguf-'))
afterAll(() => rmSync(root, { recursive: true }))

async function converted(path: string, name: string): Promise<string> {
  const output = join(root, name)
  const model = await openModel({ path })
  await convertModel(model, output, { dtype: 'fp32', force: false }).finally(() => model.store.close())
  return output
}

/** Specification and all parameters. */
async function contents(path: string) {
  const { spec, store } = await openModel({ path })
  const values = new Map<string, Float32Array>()
  for (const { name } of parametersOf(spec)) values.set(name, await store.read(name))
  await store.close()
  return { spec, values }
}

/** A fixture with a tokenizer, and another config.json where that is given. */
function withTokenizer(name: string, fields: Record<string, unknown> = {}): string {
  const directory = mkdtempSync(join(root, 'tokenized-'))
  const config = JSON.parse(readFileSync(join(fixturePath(name), 'config.json'), 'utf8'))
  writeFileSync(join(directory, 'config.json'), JSON.stringify({ ...config, ...fields }))
  copyFileSync(join(fixturePath(name), 'model.safetensors'), join(directory, 'model.safetensors'))
  const size = config.text_config?.vocab_size ?? config.vocab_size
  for (const [file, content] of Object.entries(asciiTokenizer(size)))
    writeFileSync(join(directory, file), JSON.stringify(content))
  return directory
}

/** A GGUF file's tensors, by their names there, as llama.cpp has them. */
async function ggufTensorsOf(path: string) {
  const store = await openGguf(path)
  const tensors = new Map<string, { shape: number[]; values: Float32Array }>()
  for (const [name, { shape }] of store.tensors) tensors.set(name, { shape, values: await store.read(name) })
  await store.close()
  return tensors
}

/** What a GGUF file computes by llama.cpp is tried by hand (scripts/oracle/llama-cpp.mjs). */
describe('a GGUF file of a family', () => {
  const LAYERS = /cannot say the model's kinds of layers \(layer_types/
  const BIASES = /cannot say the model's biases: write safetensors instead\.$/
  const refused: Readonly<Record<string, RegExp>> = {
    cohere2: BIASES,
    ernie4_5: BIASES,
    exaone4: LAYERS,
    gemma3:
      /^A GGUF file of Gemma 3 cannot say the model's scale of attention scores \(query_pre_attn_scalar/,
    'gemma3-images': /query_pre_attn_scalar/,
    'gpt_neox-sequential': BIASES,
    hunyuan_v1_dense: BIASES,
    'lfm2-biased': /cannot say the model's convolution/,
    'llama-longrope': /^A GGUF file of Llama cannot say the model's rotary embedding \(rope_parameters\)/,
    ministral: LAYERS,
    'ministral3-sliding': LAYERS,
    mistral: LAYERS,
    'mixtral-window': LAYERS,
    olmo3: /rotary embedding/,
    olmoe: /cannot say the model's num_key_value_heads/,
    'qwen3_moe-sparse': /cannot say the model's norm_topk_prob/,
    smollm3: BIASES,
    'smollm3-sliding': LAYERS,
    starcoder2: LAYERS,
  }
  const whole = readdirSync(fixturePath('')).filter(
    (name) =>
      existsSync(join(fixturePath(name), 'model.safetensors')) && existsSync(join(GOLDEN, `${name}.json`)),
  )

  test.each(whole.filter((name) => !refused[name]))(
    '%s has the parameters that were written',
    async (name) => {
      const path = withTokenizer(name)
      const gguf = await converted(path, `${name}.gguf`)
      const [original, again] = [await contents(path), await contents(gguf)]
      expect(specDifference(original.spec, again.spec, false)).toBeUndefined()
      for (const [parameter, own] of original.values)
        expect(largestDifference(own, again.values.get(parameter)!), parameter).toBeLessThan(2 ** -22)
      const other = [join(fixturePath(name), `${name}.gguf`), join(GOLDEN, `${name}.gguf`)].find(existsSync)
      if (!other) return
      // By the gguf package's names, and the converter's order of rows (test/golden/models).
      const [written, wanted] = [await ggufTensorsOf(gguf), await ggufTensorsOf(other)]
      expect([...written.keys()].sort()).toEqual([...wanted.keys()].sort())
      for (const [tensor, { values }] of wanted)
        expect(largestDifference(values, written.get(tensor)!.values), tensor).toBeLessThan(2 ** -22)
    },
  )

  test.each(Object.entries(refused))('%s is refused by what it cannot say', async (name, message) => {
    await expect(converted(withTokenizer(name), `${name}.gguf`)).rejects.toThrow(message)
    expect(readdirSync(root)).not.toContain(`${name}.gguf`)
  })

  const without = { attention_bias: false }
  const BASES = {
    sliding_attention: { rope_type: 'default', rope_theta: 100 },
    full_attention: { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 16, rope_theta: 100 },
  }

  test.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ['cohere2', without, { 'attention.sliding_window': 8, 'attention.sliding_window_pattern': 4 }],
    ['ernie4_5', { use_bias: false }, {}],
    ['gemma3', { query_pre_attn_scalar: 16 }, { 'rope.freq_base_swa': 100 }],
    ['hunyuan_v1_dense', without, { 'rope.freq_base': Math.fround(100 * 4 ** (8 / 6)) }],
    ['mistral', { sliding_window: null }, {}],
    ['olmo3', { rope_parameters: BASES }, { 'rope.scaling.type': 'yarn', 'rope.scaling.factor': 4 }],
    ['smollm3', { ...without, mlp_bias: false }, {}],
    ['starcoder2', { sliding_window: null }, { 'attention.layer_norm_epsilon': Math.fround(1e-5) }],
  ])('%s is written where its files can say it', async (name, fields, keys) => {
    const { config, spec } = specOf(name, fields)
    const { architecture, metadata } = await ggufModel(spec, config)
    const stored = Object.entries(metadata).map(([key, value]) => [
      key,
      isFloat(key) ? Math.fround(value as number) : value,
    ])
    expect(Object.fromEntries(stored)).toMatchObject(keys)
    expect(architecture).toBe(FAMILIES.find(({ type }) => type === spec.family)!.gguf!.architecture)
  })

  test('names the ends of texts that llama.cpp does not know', async () => {
    const path = withTokenizer('gpt2', { eos_token_id: [2, 7, 9] })
    const model = await openModel({ path: await converted(path, 'ends.gguf') })
    expect(model.generationConfig.values.eos_token_id).toEqual([2, 7, 9])
    await model.store.close()
    const many = withTokenizer('gpt2', { eos_token_id: [2, 7, 9, 11] })
    await expect(converted(many, 'many.gguf')).rejects.toThrow(/eos_token_id \[2,7,9,11\]/)
  })

  const YARN = { rope_type: 'yarn', rope_theta: 100, factor: 4, original_max_position_embeddings: 16 }

  test.each<[string, string, Record<string, unknown>, RegExp]>([
    ['soft caps that are null', 'gemma2', { final_logit_softcapping: null }, /final_logit_softcapping/],
    ['an activation', 'gpt2', { activation_function: 'relu2' }, /activation \(hidden_act\)/],
    ['a head of its own', 'cohere', { tie_word_embeddings: false }, /tie_word_embeddings/],
    ['a tied head', 'olmo2', { tie_word_embeddings: true }, /tie_word_embeddings/],
    ['layers without experts', 'qwen3_moe', { mlp_only_layers: [1] }, /decoder_sparse_step, mlp_only_layers/],
    ['no experts', 'qwen2_moe', { mlp_only_layers: [0, 1] }, /would not be read again \(.*expert_count\)/],
    ['no window', 'cohere2', { ...without, layer_types: Array(4).fill('full_attention') }, /sliding_window/],
    ['heads of another size', 'phi3', { head_dim: 16 }, /head_dim/],
    ['a scale', 'gemma2', { query_pre_attn_scalar: 9 }, /scale of attention scores/],
    [
      'divisors',
      'qwen3',
      { rope_parameters: { ...YARN, rope_type: 'llama3', low_freq_factor: 1, high_freq_factor: 4 } },
      /rotary/,
    ],
    [
      'untruncated YaRN',
      'llama-yarn',
      { rope_parameters: { ...YARN, beta_slow: 0.5, truncate: false } },
      /rotary/,
    ],
  ])('%s is refused by name', async (_, name, fields, message) => {
    const { config, spec } = specOf(name, fields)
    await expect(ggufModel(spec, config)).rejects.toThrow(message)
  })

  test("YaRN's factor of cosines and sines is what llama.cpp multiplies its own by", async () => {
    const { config, spec } = specOf('llama-yarn', { rope_parameters: { ...YARN, attention_factor: 1.9 } })
    const { metadata } = await ggufModel(spec, config)
    expect(metadata['rope.scaling.attn_factor']).toBeCloseTo(1.9 / (1 + 0.1 * Math.log(4)), 12)
  })

  function specOf(name: string, fields: Record<string, unknown>) {
    const own = JSON.parse(readFileSync(join(fixturePath(name), 'config.json'), 'utf8'))
    const config = { ...own, ...fields }
    return { config, spec: specFromConfig(config, name) }
  }

  test.each(['phi3', 'gemma2', 'granitemoehybrid-nope', 'qwen2_moe', 'mistral-full'])(
    'of %s is a directory in HF layout again',
    async (name) => {
      const path = withTokenizer(name)
      const gguf = await converted(path, `back-${name}.gguf`)
      const [own, again] = [path, await converted(gguf, `back-${name}`)].map(
        (each) => [each, openWeights(each)] as const,
      )
      const [wanted, written] = [await own[1], await again[1]]
      expect(
        specDifference((await contents(own[0])).spec, (await contents(again[0])).spec, false),
      ).toBeUndefined()
      if (name === 'phi3')
        expect([...written.tensors.keys()].sort()).toEqual([...wanted.tensors.keys()].sort())
      await Promise.all([wanted.close(), written.close()])
    },
  )
})
