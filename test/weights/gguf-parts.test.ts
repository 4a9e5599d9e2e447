import { createHash } from 'node:crypto'
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { UserError } from '../../src/errors.js'
import { ggufTensors } from '../../src/models/gguf/model.js'
import { openGguf } from '../../src/weights/gguf.js'
import { type GgufParts, GOLDEN, ggufBytes, goldenJson, string, temporaryDirectory, u32 } from './files.js'

const root = temporaryDirectory()
const SPLIT = join(GOLDEN, 'split')
const models =
  goldenJson<Record<string, { tensors: Record<string, { shape: number[]; sha256: string }> }>>('models.json')
const name = (number: number, count = 3) => `qwen3-0000${number}-of-0000${count}.gguf`

let directory: string
let tests = 0
/** The parts as gguf-py has written them. */
beforeEach(() => {
  directory = join(root, String(tests++))
  mkdirSync(directory)
  for (const file of readdirSync(SPLIT)) copyFileSync(join(SPLIT, file), join(directory, file))
})
const at = (file: string) => join(directory, file)
const open = (file: string) => openGguf(at(file), ggufTensors)

async function refusal(file: string): Promise<string> {
  const error = await open(file).then(
    async (store) => store.close().then(() => undefined),
    (error) => error,
  )
  expect(error).toBeInstanceOf(UserError)
  return error.message
}

describe('a split model', () => {
  it.each([1, 2, 3])('is opened by part %i as the HF model that it was converted from', async (number) => {
    const store = await open(name(number))
    expect([...store.tensors.keys()].sort()).toEqual(Object.keys(models.qwen3.tensors).sort())
    for (const [tensor, { shape, sha256 }] of Object.entries(models.qwen3.tensors)) {
      const values = await store.read(tensor)
      expect(store.tensors.get(tensor)?.shape, tensor).toEqual(shape)
      expect(createHash('sha256').update(values).digest('hex'), tensor).toBe(sha256)
    }
    expect(store.metadata.get('general.architecture')).toBe('qwen3')
    await store.close()
  })

  it('has one fingerprint, whichever part it is opened by, and another when a part changes', async () => {
    const fingerprint = async (file: string) => {
      const store = await open(file)
      return store.fingerprint().finally(() => store.close())
    }
    const before = await fingerprint(name(1))
    expect(await fingerprint(name(3))).toBe(before)
    const bytes = readFileSync(at(name(3)))
    bytes[bytes.length - 40] ^= 1
    writeFileSync(at(name(3)), bytes)
    expect(await fingerprint(name(1))).not.toBe(before)
  })

  it('lacks no part', async () => {
    rmSync(at(name(2)))
    for (const number of [1, 3])
      expect(await refusal(name(number))).toMatch(
        /is one of 3 parts .*: it lacks qwen3-00002-of-00003\.gguf\.$/,
      )
  })

  it('has no part beyond its count', async () => {
    copyFileSync(at(name(3)), at(name(4)))
    expect(await refusal(name(1))).toMatch(/: qwen3-00004-of-00003\.gguf is none of its 3 parts\.$/)
  })

  it('has no part twice', async () => {
    copyFileSync(at(name(2)), at(name(3)))
    expect(await refusal(name(1))).toMatch(
      /qwen3-00003-of-00003\.gguf is damaged .* by its metadata it is part 2 of 3;/,
    )
  })

  it('is not opened by names that do not say where the others are', async () => {
    renameSync(at(name(2)), at('sha256-00'))
    expect(await refusal('sha256-00')).toMatch(
      /sha256-00 is one of 3 parts \(number 2\), and its name .*NAME-00001-of-00003\.gguf/,
    )
    renameSync(at('sha256-00'), at(name(2, 2)))
    expect(await refusal(name(2, 2))).toMatch(/is one of 3 parts \(number 2\)/)
  })

  it('has no part of another model', async () => {
    copyFileSync(join(GOLDEN, 'qwen3.gguf'), at(name(3)))
    expect(await refusal(name(1))).toMatch(
      /00003-of-00003\.gguf is damaged .* by its metadata it is part 1 of 1;/,
    )
  })

  it('is one file where the metadata say so, whatever its name', async () => {
    copyFileSync(join(GOLDEN, 'qwen3.gguf'), at('whole-00001-of-00002.gguf'))
    const store = await open('whole-00001-of-00002.gguf')
    expect(store.tensors.size).toBe(Object.keys(models.qwen3.tensors).length)
    await store.close()
  })
})

type Field = [string, number, Buffer]
const u16 = (value: number) => u32(value).subarray(0, 2)
const split = (number: number, count: number, total: number): Field[] => [
  ['split.no', 2, u16(number)],
  ['split.count', 2, u16(count)],
  ['split.tensors.count', 5, u32(total)],
]
const architecture: Field = ['general.architecture', 8, string('qwen3')]
const tensor = (name: string) => ({ name, dimensions: [8n], type: 0, offset: 0n })

describe('parts that contradict each other', () => {
  const parts = (...all: GgufParts[]) => {
    for (const [i, each] of all.entries()) {
      writeFileSync(at(`x-0000${i + 1}-of-0000${all.length}.gguf`), ggufBytes({ dataBytes: 32, ...each }))
    }
    return refusal('x-00002-of-00002.gguf')
  }
  const first = (total: number, names = ['output_norm.weight']): GgufParts => ({
    metadata: [architecture, ...split(0, 2, total)],
    tensors: names.map(tensor),
  })

  it('a tensor in two of them', async () => {
    const second = { metadata: split(1, 2, 2), tensors: [tensor('output_norm.weight')] }
    expect(await parts(first(2), second)).toMatch(
      /x-00002-of-00002\.gguf is damaged .* it has the tensor output_norm\.weight, as \S+x-00001-of-00002\.gguf has/,
    )
  })

  it('other numbers of tensors', async () => {
    const second = { metadata: split(1, 2, 3), tensors: [tensor('output.weight')] }
    expect(await parts(first(2), second)).toMatch(
      /x-00001-of-00002\.gguf .* a part of a model of 2 tensors, and \S+x-00002-of-00002\.gguf of one of 3/,
    )
    const third = { metadata: split(1, 2, 3), tensors: [tensor('output.weight')] }
    expect(await parts(first(3), third)).toMatch(/its model has 3 tensors, and its 2 parts have 2;/)
  })

  it('parts of a model of another architecture', async () => {
    const foreign: Field = ['general.architecture', 8, string('llama')]
    const second = { metadata: [foreign, ...split(1, 2, 2)], tensors: [tensor('output.weight')] }
    expect(await parts(first(2), second)).toMatch(
      /x-00001-of-00002\.gguf .*architecture "qwen3", and \S+x-00002-of-00002\.gguf of "llama"/,
    )
  })

  it('more tensors together than a file may have', async () => {
    const many = (from: number): GgufParts => ({
      metadata: [architecture, ...split(from, 2, 80_000)],
      tensors: Array.from({ length: 40_000 }, (_, i) => ({
        ...tensor(`t${from}.${i}`),
        offset: BigInt(32 * i),
      })),
      dataBytes: 32 * 40_000,
    })
    expect(await parts(many(0), many(1))).toMatch(/its model has more than 65536 tensors/)
  })

  it('no tensors at all', async () => {
    const empty = { metadata: split(1, 2, 0), tensors: [] }
    expect(await parts(first(0, []), empty)).toMatch(/has no tensors, only a vocabulary/)
  })

  it.each<[string, Field, RegExp]>([
    ['a text', ['split.count', 8, string('2')], /its split\.count is "2"/],
    ['a fraction', ['split.count', 6, Buffer.of(0, 0, 0x20, 0x40)], /its split\.count is 2\.5/],
    ['below zero', ['split.count', 5, Buffer.of(255, 255, 255, 255)], /its split\.count is -1/],
    [
      'without end',
      ['split.count', 4, u32(0xffffffff)],
      /is one of 4294967295 parts, and at most 1000 are opened/,
    ],
  ])('a count that is %s', async (_, field, message) => {
    writeFileSync(at('m-00001-of-00002.gguf'), ggufBytes({ metadata: [architecture, field], dataBytes: 32 }))
    expect(await refusal('m-00001-of-00002.gguf')).toMatch(message)
  })
})
