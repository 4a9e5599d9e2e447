import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { loadModel, locateModel, type OpenModel, openModel } from '../../src/language-model/load.js'
import { EMBEDDING, HEAD } from '../../src/models/parameters.js'
import { openWeights } from '../../src/weights/index.js'
import { type WrittenTensor, writeSafetensors } from '../../src/weights/safetensors-writer.js'
import { fixturePath } from '../fixtures.js'
import { GOLDEN } from '../weights/files.js'

const root = mkdtempSync(join(tmpdir(), 'open-model-'))
afterAll(() => rmSync(root, { recursive: true }))

type Tensors = Map<string, WrittenTensor>

/** The fixture `llama3-rope`, whose head is tied, with other fields and tensors. */
async function modelWith(
  name: string,
  change: (tensors: Tensors) => void,
  config: object = {},
  fixture = 'llama3-rope',
): Promise<string> {
  const directory = join(root, name)
  mkdirSync(directory, { recursive: true })
  const own = JSON.parse(readFileSync(join(fixturePath(fixture), 'config.json'), 'utf8'))
  writeFileSync(join(directory, 'config.json'), JSON.stringify({ ...own, ...config }))
  const store = await openWeights(fixturePath(fixture))
  const tensors: Tensors = new Map()
  for (const { name: tensor, shape } of store.tensors.values()) {
    tensors.set(tensor, { dtype: 'F32', shape, values: await store.read(tensor) })
  }
  await store.close()
  change(tensors)
  await writeSafetensors(join(directory, 'model.safetensors'), tensors)
  return directory
}

async function opened<T>(path: string, use: (model: OpenModel) => T | Promise<T>): Promise<T> {
  const model = await openModel(path)
  try {
    return await use(model)
  } finally {
    await model.store.close()
  }
}

function rename(tensors: Tensors, from: string, to: string): void {
  tensors.set(to, tensors.get(from)!)
  tensors.delete(from)
}

const vector = (size = 4): WrittenTensor => ({ dtype: 'F32', shape: [size], values: new Float32Array(size) })

describe("a tied model's vocabulary projection", () => {
  const head = (change: (value: number) => number) => (tensors: Tensors) => {
    const embedding = tensors.get(EMBEDDING)!
    tensors.set(HEAD, { ...embedding, values: embedding.values.map(change) })
  }

  test.each(['llama3-rope', 'gemma3'])('of %s is its own head where that differs', async (fixture) => {
    const path = await modelWith(
      `own-${fixture}`,
      head((value) => value + 0.5),
      { tie_word_embeddings: true },
      fixture,
    )
    const embedding = await opened(path, async ({ spec, store }) => {
      expect(spec.tiedHead).toBe(false)
      return store.read(EMBEDDING)
    })
    expect(await opened(path, ({ store }) => store.read(HEAD))).toEqual(embedding.map((value) => value + 0.5))
  })

  test('is the embedding where both are the same', async () => {
    const path = await modelWith(
      'same',
      head((value) => value),
    )
    expect(await opened(path, ({ spec, unused }) => [spec.tiedHead, unused])).toEqual([true, []])
  })

  test('is the embedding as well, where there is only a head', async () => {
    const path = await modelWith('head', (tensors) => rename(tensors, EMBEDDING, HEAD))
    const values = await opened(path, async ({ spec, store }) => {
      expect(spec.tiedHead).toBe(true)
      expect(store.tensors.has(HEAD)).toBe(false)
      return store.read(EMBEDDING)
    })
    const original = await openWeights(fixturePath('llama3-rope'))
    expect(values).toEqual(await original.read(EMBEDDING))
    await original.close()
  })

  test('does not stand in for an embedding that is missing where it is not tied', async () => {
    const path = await modelWith('untied', (tensors) => rename(tensors, EMBEDDING, HEAD), {
      tie_word_embeddings: false,
    })
    await expect(openModel(path)).rejects.toThrow(/has no tensor model.embed_tokens.weight/)
  })
})

test('names without `model.`, of a model saved without its head, are read', async () => {
  const path = await modelWith('bare', (tensors) => {
    for (const name of [...tensors.keys()]) rename(tensors, name, name.replace('model.', ''))
  })
  const { spec, store, unused } = await openModel(path)
  expect([spec.tiedHead, unused]).toEqual([true, []])
  expect(store.tensors.has('model.norm.weight')).toBe(true)
  await store.close()
})

describe('tensors that no parameter stands for', () => {
  test('are named, but for buffers that never count', async () => {
    const path = await modelWith('unused', (tensors) => {
      tensors.set('model.layers.0.self_attn.rotary_emb.inv_freq', vector())
      tensors.set('model.layers.0.self_attn.masked_bias', vector(1))
      tensors.set('model.layers.0.self_attn.q_proj.bias', vector(64))
      tensors.set('model.layers.9.mlp.up_proj.weight', vector())
    })
    const names = ['model.layers.0.self_attn.q_proj.bias', 'model.layers.9.mlp.up_proj.weight']
    expect(await opened(path, ({ unused }) => [...unused].sort())).toEqual(names)
    const notices: string[] = []
    const load = loadModel(path, { device: 'cpu', onNotice: (message) => notices.push(message) })
    // The fixture has no tokenizer.
    await expect(load).rejects.toThrow(/tokenizer.json is missing/)
    expect(notices).toEqual([
      `${path} holds tensors that its configuration does not ask for, and which are not used: ${names.join(', ')}.`,
    ])
  })

  test.each([
    [
      'model.layers.0.self_attn.q_proj.lora_A.weight',
      /holds an adapter .*: save it as PEFT does and give it with --adapter, or merge it into its base/,
    ],
    [
      'model.layers.0.mlp.up_proj.weight_scale_inv',
      /holds quantised weights .*: use the original checkpoint/,
    ],
    ['model.layers.0.mlp.up_proj.qweight', /holds quantised weights/],
    ['model.layers.0.mlp.up_proj.weight.quant_state.bitsandbytes__nf4', /holds quantised weights/],
  ])('are refused where the others are another model without them: %s', async (name, message) => {
    const path = await modelWith('refused', (tensors) => tensors.set(name, vector()))
    await expect(openModel(path)).rejects.toThrow(message)
  })
})

describe('fields of generation', () => {
  const config = { num_beams: 3, eos_token_id: 7, temperature: null }
  test('are those of config.json where there is no generation_config.json', async () => {
    const path = await modelWith('old', () => {}, config)
    expect(await opened(path, ({ generationConfig }) => generationConfig)).toMatchObject({
      values: { num_beams: 3, eos_token_id: 7 },
      origin: join(path, 'config.json'),
    })
  })

  test('are those of generation_config.json, with a byte order mark or not', async () => {
    const path = await modelWith('new', () => {}, config)
    writeFileSync(join(path, 'generation_config.json'), '\ufeff{"top_k": 3}')
    const { values } = await opened(path, ({ generationConfig }) => generationConfig)
    expect(values).toMatchObject({ top_k: 3, eos_token_id: 7 })
    expect(values).not.toHaveProperty('num_beams')
  })
})

describe('files', () => {
  test('a directory with one GGUF file and no config.json is that file', async () => {
    const directory = join(root, 'gguf')
    mkdirSync(directory)
    copyFileSync(join(GOLDEN, 'qwen3.gguf'), join(directory, 'MODEL.GGUF'))
    expect(await opened(directory, ({ spec, path }) => [spec.family, path])).toEqual(['qwen3', directory])
    const blob = join(root, 'sha256-00')
    copyFileSync(join(GOLDEN, 'qwen3.gguf'), blob)
    expect(await opened(blob, ({ spec }) => spec.family)).toBe('qwen3')
  })

  test('a directory with one split GGUF model is that model, and any of its parts as well', async () => {
    const directory = join(root, 'split')
    cpSync(join(GOLDEN, 'split'), directory, { recursive: true })
    writeFileSync(join(directory, 'mmproj-model.gguf'), 'GGUF')
    const first = await opened(directory, ({ store }) => store.fingerprint())
    const part = join(directory, 'qwen3-00002-of-00003.gguf')
    expect(await opened(part, ({ store }) => store.fingerprint())).toBe(first)
    copyFileSync(join(GOLDEN, 'llama.gguf'), join(directory, 'a.gguf'))
    await expect(openModel(directory)).rejects.toThrow(
      'has several GGUF files: give the path of one (a.gguf, qwen3-00001-of-00003.gguf).',
    )
  })

  test('a safetensors file is read with the configuration beside it', async () => {
    const path = join(await modelWith('file', () => {}), 'model.safetensors')
    expect(await opened(path, ({ spec }) => spec.family)).toBe('llama')
  })

  test('what looks like a hub id is asked for there only after it was said that there is no such path', async () => {
    const notices: string[] = []
    const signal = AbortSignal.abort()
    const located = locateModel('models/foo', { signal, onNotice: (message) => notices.push(message) })
    await expect(located).rejects.toThrow()
    expect(notices[0]).toBe('There is no models/foo here: it is taken for the id of a model on the hub.')
  })
})
