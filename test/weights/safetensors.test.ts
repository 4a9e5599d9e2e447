import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { UserError } from '../../src/errors.js'
import { openSafetensors, openShardedSafetensors } from '../../src/weights/safetensors.js'
import { type WrittenTensor, writeSafetensors } from '../../src/weights/safetensors-writer.js'
import { bitsOf, GOLDEN, safetensorsBytes, seededRandom, temporaryDirectory, writeIn } from './files.js'

const directory = temporaryDirectory()
const GOLDEN_FILE = join(GOLDEN, 'half.safetensors')

async function f32Golden(): Promise<Float32Array> {
  const store = await openSafetensors(GOLDEN_FILE)
  const values = await store.read('f32')
  await store.close()
  return values
}

describe('openSafetensors', () => {
  it('reads what safetensors.torch wrote', async () => {
    const store = await openSafetensors(GOLDEN_FILE)
    expect([...store.tensors.keys()].sort()).toEqual(['bf16', 'f16', 'f32', 'scalar'])
    expect(store.tensors.get('bf16')).toMatchObject({ dtype: 'BF16', shape: [619], file: GOLDEN_FILE })
    expect(store.tensors.get('scalar')).toMatchObject({ shape: [], byteLength: 4 })
    expect([...store.metadata]).toEqual([['format', 'pt']])
    expect(await store.read('scalar')).toEqual(Float32Array.of(1.5))
    const values = await store.read('f32')
    const bf16 = await store.read('bf16')
    const relative = values.slice(0, 400).map((value, i) => Math.abs(bf16[i] / value - 1))
    expect(Math.max(...relative)).toBeLessThanOrEqual(2 ** -8)
    await store.close()
  })

  it('names tensors of a type that cannot be read, and reads the others', async () => {
    const header = { a: f32(0, 4), ids: f32(4, 12, [1], 'I64'), mask: f32(12, 13, [1], 'BOOL') }
    const store = await openSafetensors(writeIn(directory, 'types.safetensors', safetensorsBytes(header, 13)))
    expect([...store.tensors.keys()]).toEqual(['a'])
    expect([...store.unreadable]).toEqual([
      ['ids', 'I64'],
      ['mask', 'BOOL'],
    ])
    await store.close()
  })

  it('compares the bytes of two tensors', async () => {
    const values = Float32Array.from({ length: 600_000 }, (_, i) => i)
    const last = Float32Array.from(values).fill(0, 599_999)
    const tensors = new Map<string, WrittenTensor>([
      ['a', { dtype: 'F32', shape: [2, 300_000], values }],
      ['same', { dtype: 'F32', shape: [2, 300_000], values }],
      ['flat', { dtype: 'F32', shape: [600_000], values }],
      ['last', { dtype: 'F32', shape: [2, 300_000], values: last }],
      ['half', { dtype: 'F16', shape: [2, 300_000], values }],
    ])
    const path = join(directory, 'same.safetensors')
    await writeSafetensors(path, tensors)
    const store = await openSafetensors(path)
    const same = await Promise.all([...tensors.keys()].map((name) => store.isSame('a', name)))
    expect(same).toEqual([true, true, false, false, false])
    await store.close()
  })

  const f32 = (begin: number, end: number, shape = [(end - begin) / 4], dtype = 'F32') => ({
    dtype,
    shape,
    data_offsets: [begin, end],
  })
  it('refuses a tensor that is not there, by name', async () => {
    const store = await openSafetensors(GOLDEN_FILE)
    await expect(store.read('lm_head.weight')).rejects.toThrow(
      /no tensor lm_head.weight in .*half.safetensors/,
    )
    await store.close()
  })

  it.each([
    ['empty', Buffer.alloc(0), /has 0 bytes/],
    ['header-beyond-end', safetensorsBytes('{}', 0).fill(9, 0, 1), /claims 9 bytes, but the file has 10/],
    ['header-huge', Buffer.alloc(16, 0xff), /header claims 18446744073709552000 bytes/],
    ['not-json', safetensorsBytes('{"a":', 0), /header is not JSON/],
    ['not-object', safetensorsBytes('[1]', 0), /not a JSON object/],
    ['entry', safetensorsBytes({ a: 3 }, 4), /shape of tensor a/],
    ['shape', safetensorsBytes({ a: f32(0, 4, [-1]) }, 4), /shape of tensor a/],
    [
      'offsets',
      safetensorsBytes({ a: { ...f32(0, 4), data_offsets: [4, 0] } }, 4),
      /data_offsets of tensor a/,
    ],
    ['length', safetensorsBytes({ a: f32(0, 8, [3]) }, 8), /tensor a \(F32 \[3\]\) needs 12 bytes and has 8/],
    ['hole', safetensorsBytes({ a: f32(0, 4), b: f32(8, 12) }, 12), /tensor b begins at byte/],
    ['overlap', safetensorsBytes({ a: f32(0, 8), b: f32(4, 12) }, 12), /tensor b begins at byte/],
    ['truncated', safetensorsBytes({ a: f32(0, 4), b: f32(4, 12) }, 11), /tensor b ends at byte/],
    ['trailing', safetensorsBytes({ a: f32(0, 4) }, 8), /its tensors end at byte/],
    ['no-dtype', safetensorsBytes({ a: { ...f32(0, 4), dtype: 7 } }, 4), /dtype of tensor a is not a name/],
    ['values', safetensorsBytes(`[${'0,'.repeat(2 ** 20)}0]`, 0), /lists too much: at most 1,048,576 values/],
  ])('refuses a file that is wrong: %s', async (name, bytes, message) => {
    const path = writeIn(directory, `${name}.safetensors`, bytes)
    const error = await openSafetensors(path).catch((error) => error)
    expect(error).toBeInstanceOf(UserError)
    expect(error.message).toMatch(message)
    expect(error.message).toContain(path)
  })

  it('says that there is no file', async () => {
    const path = join(directory, 'absent.safetensors')
    await expect(openSafetensors(path)).rejects.toThrow(`No weight file at ${path}`)
    await expect(openSafetensors(directory)).rejects.toThrow(/it is not a file/)
  })

  it('gives a UserError or a valid parse for every truncation and any flipped byte of the header', async () => {
    const bytes = readFileSync(GOLDEN_FILE)
    const headerEnd = 8 + Number(bytes.readBigUInt64LE())
    const random = seededRandom(4)
    for (let i = 0; i < 150; i++) {
      const length = Math.floor(random() * bytes.length)
      const path = writeIn(directory, 'fuzz.safetensors', bytes.subarray(0, length))
      await expect(openSafetensors(path)).rejects.toBeInstanceOf(UserError)
    }
    for (let i = 0; i < 300; i++) {
      const flipped = Buffer.from(bytes)
      flipped[Math.floor(random() * headerEnd)] ^= 1 << Math.floor(random() * 8)
      const path = writeIn(directory, 'fuzz.safetensors', flipped)
      const outcome = await openSafetensors(path).catch((error) => error)
      if (outcome instanceof Error) expect(outcome).toBeInstanceOf(UserError)
      else await outcome.close()
    }
  })
})

describe('openShardedSafetensors', () => {
  const tensor = (value: number): WrittenTensor => ({
    dtype: 'F32',
    shape: [2],
    values: Float32Array.of(value, -value),
  })
  const index = (name: string, weightMap: unknown) =>
    writeIn(directory, `${name}.json`, JSON.stringify({ metadata: {}, weight_map: weightMap }))

  it('reads each tensor from the shard that the index names', async () => {
    await writeSafetensors(join(directory, 's1.safetensors'), new Map([['a', tensor(1)]]), { format: 'pt' })
    await writeSafetensors(
      join(directory, 's2.safetensors'),
      new Map([
        ['b', tensor(2)],
        ['a', tensor(9)],
      ]),
    )
    const store = await openShardedSafetensors(index('good', { a: 's1.safetensors', b: 's2.safetensors' }))
    expect([...store.tensors.keys()]).toEqual(['a', 'b'])
    expect(await store.read('a')).toEqual(Float32Array.of(1, -1))
    expect(await store.read('b')).toEqual(Float32Array.of(2, -2))
    expect(store.metadata.get('format')).toBe('pt')
    await store.close()
  })

  it.each([
    [
      'missing-shard',
      { a: 's1.safetensors', c: 's9.safetensors' },
      /The shard .*s9.safetensors that .* is missing/,
    ],
    [
      'missing-tensor',
      { a: 's1.safetensors', c: 's1.safetensors' },
      /s1.safetensors is .* lacks the tensor c/,
    ],
    ['path', { a: '../s1.safetensors' }, /the tensor a names no safetensors file but "..\/s1.safetensors"/],
    ['no-map', undefined, /has no weight_map/],
  ])('refuses an index that is wrong: %s', async (name, weightMap, message) => {
    const error = await openShardedSafetensors(index(name, weightMap)).catch((error) => error)
    expect(error).toBeInstanceOf(UserError)
    expect(error.message).toMatch(message)
  })

  it('refuses an index that is not JSON or not there', async () => {
    await expect(openShardedSafetensors(writeIn(directory, 'bad.json', '{'))).rejects.toThrow(
      /is not valid JSON: line 1, column 2: it ends too early/,
    )
    await expect(openShardedSafetensors(join(directory, 'no.json'))).rejects.toThrow(
      /no.json cannot be read: there is no such file/,
    )
  })
})

describe('writeSafetensors', () => {
  it('rounds to F16 and BF16 as PyTorch does', async () => {
    const values = await f32Golden()
    const path = join(directory, 'written.safetensors')
    const tensors = new Map<string, WrittenTensor>([
      ['f16', { dtype: 'F16', shape: [values.length], values }],
      ['bf16', { dtype: 'BF16', shape: [values.length], values }],
      ['f32', { dtype: 'F32', shape: [1, values.length], values }],
    ])
    await writeSafetensors(path, tensors)
    const [written, golden] = await Promise.all([openSafetensors(path), openSafetensors(GOLDEN_FILE)])
    for (const name of tensors.keys()) {
      expect(bitsOf(await written.read(name)), name).toEqual(bitsOf(await golden.read(name)))
    }
    expect(written.tensors.get('f32')?.shape).toEqual([1, values.length])
    expect(written.tensors.get('f32')!.offset % 8).toBe(0)
    await Promise.all([written.close(), golden.close()])
  })

  it('leaves what is there and no temporary file when it fails', async () => {
    const file = writeIn(directory, 'taken', 'old')
    mkdirSync(join(directory, 'occupied'))
    for (const target of [join(file, 'below'), join(directory, 'absent', 'x'), join(directory, 'occupied')]) {
      const error = await writeSafetensors(target, new Map()).catch((error) => error)
      expect(error).toBeInstanceOf(UserError)
      expect(error.message).toContain(`Cannot write ${target}: `)
    }
    expect(readFileSync(file, 'utf8')).toBe('old')
    expect(readdirSync(directory).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })

  it('refuses values that do not fill the shape', async () => {
    const wrong = new Map([['a', { dtype: 'F32' as const, shape: [3], values: new Float32Array(2) }]])
    await expect(writeSafetensors(join(directory, 'x'), wrong)).rejects.toThrow(/shape \[3\] has 2 values/)
  })
})
