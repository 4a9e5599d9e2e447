import { copyFileSync, existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { UserError } from '../../src/errors.js'
import { ggufTensors } from '../../src/models/gguf/model.js'
import { openWeights } from '../../src/weights/open.js'
import { writeSafetensors } from '../../src/weights/safetensors-writer.js'
import { openHfParameters } from '../fixtures.js'
import { bitsOf, GOLDEN, temporaryDirectory, writeIn } from './files.js'

const root = temporaryDirectory()

function directoryWith(name: string, ...files: string[]): string {
  const directory = join(root, name)
  mkdirSync(directory)
  for (const file of files) writeFileSync(join(directory, file), '')
  return directory
}

async function tensorNames(path: string): Promise<string[]> {
  const store = await openWeights(path, ggufTensors)
  await store.close()
  return [...store.tensors.keys()]
}

function writeTensor(path: string, name: string, values = Float32Array.of(1)): Promise<void> {
  return writeSafetensors(path, new Map([[name, { dtype: 'F32', shape: [values.length], values }]]))
}

describe('openWeights', () => {
  it('takes model.safetensors, then the index, then the only safetensors file', async () => {
    const directory = directoryWith('model')
    await writeTensor(join(directory, 'adapter.safetensors'), 'only')
    expect(await tensorNames(directory)).toEqual(['only'])
    await writeTensor(join(directory, 'other.safetensors'), 'other')
    const index = { weight_map: { only: 'adapter.safetensors', other: 'other.safetensors' } }
    writeIn(directory, 'model.safetensors.index.json', JSON.stringify(index))
    expect(await tensorNames(directory)).toEqual(['only', 'other'])
    // What a sharded save leaves behind when the model is saved as one file later, damaged or not.
    await writeTensor(join(directory, 'model.safetensors'), 'single')
    expect(await tensorNames(directory)).toEqual(['single'])
    writeIn(directory, 'model.safetensors.index.json', '{')
    expect(await tensorNames(directory)).toEqual(['single'])
  })

  it("has the names of a GGUF file's own where nothing says which are HF's", async () => {
    const store = await openWeights(join(GOLDEN, 'qwen3.gguf'))
    expect([...store.tensors.keys()]).toContain('blk.0.attn_q_norm.weight')
    await store.close()
  })

  it('takes a file of either format', async () => {
    expect(await tensorNames(join(GOLDEN, 'half.safetensors'))).toContain('bf16')
    expect(await tensorNames(join(GOLDEN, 'qwen3.gguf'))).toContain('model.layers.0.self_attn.q_norm.weight')
  })

  it('tells a file by what it begins with', async () => {
    const blob = join(root, 'sha256-0a')
    copyFileSync(join(GOLDEN, 'qwen3.gguf'), blob)
    expect(await tensorNames(blob)).toContain('model.layers.0.self_attn.q_norm.weight')
    copyFileSync(join(GOLDEN, 'qwen3.gguf'), join(root, 'MODEL.GGUF'))
    expect(await tensorNames(join(root, 'MODEL.GGUF'))).toContain('model.norm.weight')
    copyFileSync(join(GOLDEN, 'half.safetensors'), join(root, 'sha256-0b'))
    expect(await tensorNames(join(root, 'sha256-0b'))).toContain('bf16')
  })

  it('says that a file is a pointer of Git LFS', async () => {
    const pointer = writeIn(root, 'pointer.safetensors', 'version https://git-lfs.github.com/spec/v1\n')
    await expect(openWeights(pointer)).rejects.toThrow(/is a pointer of Git LFS .*: run git lfs pull/)
  })

  it.each([
    [
      'several',
      ['a.safetensors', 'b.safetensors'],
      /several safetensors files .* name one of a.safetensors, b.saf/,
    ],
    ['gguf', ['m.gguf', 'pytorch_model.bin'], /give the path of a GGUF file in it \(m.gguf\)/],
    ['pickle', ['pytorch_model.bin'], /no safetensors but pytorch_model.bin: convert it/],
    ['nothing', ['config.json'], /has no weights: it needs model.safetensors/],
  ])('says what a directory without weights holds: %s', async (name, files, message) => {
    const error = await openWeights(directoryWith(name, ...files)).catch((error) => error)
    expect(error).toBeInstanceOf(UserError)
    expect(error.message).toMatch(message)
  })

  it('refuses a path that is not there or no weights', async () => {
    await expect(openWeights(join(root, 'absent'))).rejects.toThrow(/There is no .*absent: check the path/)
    const text = writeIn(root, 'weights.bin', '')
    await expect(openWeights(text)).rejects.toThrow(/weights.bin is no weight file/)
    await expect(openWeights(join(text, 'below'))).rejects.toBeInstanceOf(UserError)
  })
})

describe('fingerprint', () => {
  const TIME = new Date(1_700_000_000_000)
  async function fingerprint(path: string, time = TIME): Promise<string> {
    utimesSync(path, time, time)
    const store = await openWeights(path)
    const key = await store.fingerprint()
    await store.close()
    return key
  }

  it('stays for a moved model, and changes with its values, names and time', async () => {
    const [here, there] = [directoryWith('here'), directoryWith('there')]
    const path = join(here, 'model.safetensors')
    await writeTensor(path, 'a', Float32Array.of(1, 2))
    const key = await fingerprint(path)
    expect(key).toMatch(/^[0-9a-f]{64}$/)
    copyFileSync(path, join(there, 'model.safetensors'))
    expect(await fingerprint(join(there, 'model.safetensors'))).toBe(key)
    expect(await fingerprint(path, new Date(1_700_000_001_000))).not.toBe(key)
    await writeTensor(path, 'b', Float32Array.of(1, 2))
    expect(await fingerprint(path)).not.toBe(key)
    await writeTensor(path, 'a', Float32Array.of(1, 3))
    expect(await fingerprint(path)).not.toBe(key)
  })
})

const STORIES = fileURLToPath(new URL('../../../shared/models/stories260K/', import.meta.url))
const absent = !existsSync(STORIES)
if (absent) console.log(`Skipped: the comparison of safetensors with GGUF needs ${STORIES}`)

it.skipIf(absent)('reads the same bits from the safetensors and the GGUF file of stories260K', async () => {
  const [safetensors, gguf] = await Promise.all([
    openWeights(STORIES),
    openHfParameters(join(STORIES, 'model.gguf')),
  ])
  // The GGUF file repeats the tied embeddings as its output matrix.
  const names = [...gguf.tensors.keys()].filter((name) => name !== 'lm_head.weight')
  expect(names.sort()).toEqual(
    [...safetensors.tensors.keys()].filter((name) => name !== 'lm_head.weight').sort(),
  )
  expect(names.length).toBe(47)
  for (const name of names) {
    expect(gguf.tensors.get(name)?.shape, name).toEqual(safetensors.tensors.get(name)?.shape)
    expect(bitsOf(await gguf.read(name)), name).toEqual(bitsOf(await safetensors.read(name)))
  }
  const embeddings = bitsOf(await safetensors.read('model.embed_tokens.weight'))
  expect(bitsOf(await gguf.read('lm_head.weight'))).toEqual(embeddings)
  await Promise.all([safetensors.close(), gguf.close()])
})
