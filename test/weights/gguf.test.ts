import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { UserError } from '../../src/errors.js'
import { ggufTensors } from '../../src/models/gguf/model.js'
import { openGguf } from '../../src/weights/gguf.js'
import { readGgufHeader } from '../../src/weights/gguf-header.js'
import { withWeightFile } from '../../src/weights/weight-file.js'
import { openHfParameters } from '../fixtures.js'
import {
  type GgufParts,
  GOLDEN,
  ggufBytes,
  goldenJson,
  seededRandom,
  string,
  temporaryDirectory,
  u32,
  u64,
  writeIn,
} from './files.js'

const directory = temporaryDirectory()
const models =
  goldenJson<Record<string, { tensors: Record<string, { shape: number[]; sha256: string }> }>>('models.json')

async function headerOf(bytes: Buffer) {
  return withWeightFile(writeIn(directory, 'header.gguf', bytes), async (file) => {
    const header = readGgufHeader(file)
    await file.handle.close()
    return header
  })
}

describe('openGguf', () => {
  it.each(Object.keys(models))(
    'presents a %s file as the HF model it was converted from',
    async (architecture) => {
      const store = await openHfParameters(join(GOLDEN, `${architecture}.gguf`))
      const names = [...store.tensors.keys()].filter((name) => name !== 'rope_freqs.weight')
      expect(names.sort()).toEqual(Object.keys(models[architecture].tensors).sort())
      for (const [name, { shape, sha256 }] of Object.entries(models[architecture].tensors)) {
        const values = await store.read(name)
        expect(store.tensors.get(name)?.shape, name).toEqual(shape)
        expect(createHash('sha256').update(values).digest('hex'), name).toBe(sha256)
      }
      await store.close()
    },
  )

  it("keeps Llama 3's frequency factors under their own name", async () => {
    const store = await openGguf(join(GOLDEN, 'llama.gguf'), ggufTensors)
    expect(await store.read('rope_freqs.weight')).toEqual(Float32Array.of(1, 2.5, 32))
    await store.close()
  })

  const architecture = (name: string): [string, number, Buffer] => ['general.architecture', 8, string(name)]
  const norm = (name: string) => ({ name, dimensions: [8n], type: 0, offset: 0n })
  it.each<[string, GgufParts, RegExp]>([
    [
      'no architecture',
      {},
      /architecture null is not supported: use a model of llama, .*qwen2, qwen3, .*gemma3/,
    ],
    ['another one', { metadata: [architecture('mamba')] }, /architecture "mamba" is not supported/],
    [
      'a split model',
      { metadata: [architecture('llama'), ['split.count', 2, Buffer.of(3, 0)]] },
      /one of 3 parts/,
    ],
    ['a vocabulary alone', { metadata: [architecture('llama')] }, /has no tensors, only a vocabulary/],
    [
      'an adapter',
      { metadata: [architecture('llama'), ['general.type', 8, string('adapter')]] },
      /holds no model but what its metadata calls "adapter"/,
    ],
    [
      'a foreign tensor',
      { metadata: [architecture('llama')], tensors: [norm('blk.0.ffn_gate_inp.weight')], dataBytes: 32 },
      /Tensor blk.0.ffn_gate_inp.weight of .* does not belong to a dense llama model/,
    ],
    [
      'a Mixtral with a tensor for each expert',
      {
        metadata: [architecture('llama'), ['llama.expert_count', 4, u32(8)]],
        tensors: [
          norm('blk.0.ffn_gate_inp.weight'),
          { ...norm('blk.0.ffn_gate.3.weight'), dimensions: [8n, 4n], offset: 32n },
        ],
        dataBytes: 192,
      },
      /^The GGUF file has a tensor for each expert \(blk\.0\.ffn_gate\.3\.weight\), .*: convert the model again/,
    ],
    [
      'a repeated tensor',
      {
        metadata: [architecture('llama')],
        tensors: [norm('output_norm.weight'), { ...norm('output_norm.weight'), offset: 32n }],
        dataBytes: 64,
      },
      /output_norm.weight comes twice/,
    ],
  ])('refuses %s', async (_, parts, message) => {
    const error = await openGguf(writeIn(directory, 'refused.gguf', ggufBytes(parts)), ggufTensors).catch(
      (error) => error,
    )
    expect(error).toBeInstanceOf(UserError)
    expect(error.message).toMatch(message)
  })
})

describe('ggufTensors', () => {
  const hfTensorName = (architecture: string, name: string) =>
    ggufTensors(new Map([['general.architecture', architecture]]))(name)?.name

  it('gives names only to what the architecture has', () => {
    expect(hfTensorName('llama', 'blk.12.ffn_down.weight')).toBe('model.layers.12.mlp.down_proj.weight')
    expect(hfTensorName('llama', 'blk.0.ffn_norm.weight')).toBe(
      'model.layers.0.post_attention_layernorm.weight',
    )
    expect(hfTensorName('gemma3', 'blk.0.ffn_norm.weight')).toBe(
      'model.layers.0.pre_feedforward_layernorm.weight',
    )
    expect(hfTensorName('qwen3', 'blk.0.attn_k_norm.weight')).toBe('model.layers.0.self_attn.k_norm.weight')
    expect(hfTensorName('llama', 'blk.0.attn_k_norm.weight')).toBeUndefined()
    expect(hfTensorName('llama', 'blk.0.toString.weight')).toBeUndefined()
    expect(hfTensorName('llama', 'attn_q.weight')).toBeUndefined()
  })
})

describe('readGgufHeader', () => {
  it('reads every type of value, in both versions', async () => {
    const double = Buffer.alloc(8)
    double.writeDoubleLE(0.1)
    const metadata: [string, number, Buffer][] = [
      ['u8', 0, Buffer.of(255)],
      ['i8', 1, Buffer.of(255)],
      ['u16', 2, Buffer.of(255, 255)],
      ['i16', 3, Buffer.of(255, 255)],
      ['u32', 4, Buffer.of(255, 255, 255, 255)],
      ['i32', 5, Buffer.of(255, 255, 255, 255)],
      ['f32', 6, Buffer.of(0, 0, 0xc0, 0x3f)],
      ['bool', 7, Buffer.of(1)],
      ['string', 8, string('grüße 🙂')],
      ['array', 9, Buffer.concat([u32(8), u64(2n), string('a'), string('')])],
      ['numbers', 9, Buffer.concat([u32(4), u64(2n), u32(7), u32(8)])],
      ['flags', 9, Buffer.concat([u32(7), u64(2n), Buffer.of(1, 0)])],
      ['nested', 9, Buffer.concat([u32(9), u64(1n), u32(4), u64(2n), u32(7), u32(8)])],
      ['small u64', 10, u64(2n ** 53n - 1n)],
      ['large u64', 10, u64(2n ** 64n - 1n)],
      ['i64', 11, Buffer.alloc(8, 255)],
      ['f64', 12, double],
    ]
    for (const version of [2, 3]) {
      const header = await headerOf(ggufBytes({ version, metadata }))
      expect(Object.fromEntries(header.metadata)).toEqual({
        u8: 255,
        i8: -1,
        u16: 65535,
        i16: -1,
        u32: 4294967295,
        i32: -1,
        f32: 1.5,
        bool: true,
        string: 'grüße 🙂',
        array: ['a', ''],
        numbers: Uint32Array.of(7, 8),
        flags: [true, false],
        'small u64': Number.MAX_SAFE_INTEGER,
        'large u64': 18446744073709551615n,
        i64: -1,
        f64: 0.1,
      })
    }
  })

  it('reads arrays that are longer than a window, and passes over those that nobody needs', async () => {
    const tokens = Array.from({ length: 100_000 }, (_, i) => `token ${i}`)
    const array = Buffer.concat([u32(8), u64(100_000n), ...tokens.map(string)])
    const long = 'x'.repeat(300_000)
    const metadata: [string, number, Buffer][] = [
      ['tokenizer.ggml.tokens', 9, array],
      ['others', 9, array],
      ['template', 8, string(long)],
      ['after', 4, u32(3)],
    ]
    const header = await headerOf(ggufBytes({ metadata }))
    expect(header.metadata.get('tokenizer.ggml.tokens')).toEqual(tokens)
    expect(header.metadata.has('others')).toBe(false)
    expect(header.metadata.get('template')).toBe(long)
    expect(header.metadata.get('after')).toBe(3)
  })

  it('places tensors by the alignment, with their shape in the order of HF', async () => {
    const bytes = ggufBytes({
      metadata: [['general.alignment', 4, u32(64)]],
      tensors: [
        { name: 'b', dimensions: [32n, 3n, 2n], type: 2, offset: 64n },
        { name: 'a', dimensions: [], type: 1, offset: 0n },
      ],
      dataBytes: 256,
    })
    const { tensors } = await headerOf(bytes)
    expect(tensors).toMatchObject([
      { name: 'b', dtype: 'Q4_0', shape: [2, 3, 32], byteLength: 108 },
      { name: 'a', dtype: 'F16', shape: [], byteLength: 2 },
    ])
    expect(tensors[1].offset % 64).toBe(0)
    expect(tensors[0].offset - tensors[1].offset).toBe(64)
  })

  const tensor = (change: object) => ({
    tensors: [{ name: 't', dimensions: [32n], type: 0, offset: 0n, ...change }],
    dataBytes: 128,
  })
  it.each<[string, Buffer, RegExp]>([
    ['nothing', Buffer.alloc(0), /does not begin as a GGUF file/],
    ['another format', Buffer.alloc(100, 'PK'), /does not begin as a GGUF file/],
    ['version 1', ggufBytes({ version: 1 }), /of version 1: only little-endian/],
    ['big-endian', ggufBytes({ version: 0x03000000 }), /is big-endian/],
    ['a tensor count beyond the file', ggufBytes({ tensorCount: 9n }), /bytes are needed and \d+ are left/],
    [
      'an impossible count',
      ggufBytes({ tensorCount: 2n ** 63n }),
      /number of tensors is 9223372036854775808/,
    ],
    ['an unknown value type', ggufBytes({ metadata: [['k', 13, u32(0)]] }), /unknown type 13/],
    [
      'an unknown element type',
      ggufBytes({ metadata: [['k', 9, Buffer.concat([u32(99), u64(0n)])]] }),
      /type 99/,
    ],
    [
      'an array beyond the file',
      ggufBytes({ metadata: [['k', 9, Buffer.concat([u32(0), u64(2n ** 40n)])]] }),
      /array claims 1099511627776 elements/,
    ],
    ['a string beyond the file', ggufBytes({ metadata: [['k', 8, u64(999n)]] }), /999 bytes are needed/],
    [
      'deeply nested arrays',
      ggufBytes({ metadata: [['k', 9, Buffer.concat(Array(9).fill(Buffer.concat([u32(9), u64(1n)])))]] }),
      /nested too deeply/,
    ],
    [
      'a key twice',
      ggufBytes({
        metadata: [
          ['k', 0, Buffer.of(1)],
          ['k', 0, Buffer.of(1)],
        ],
      }),
      /key "k" comes twice/,
    ],
    ['an alignment of 3', ggufBytes({ metadata: [['general.alignment', 4, u32(3)]] }), /alignment is 3/],
    ['five dimensions', ggufBytes(tensor({ dimensions: [1n, 1n, 1n, 1n, 1n] })), /tensor t has 5 dimensions/],
    ['an impossible shape', ggufBytes(tensor({ dimensions: [2n ** 40n, 2n ** 40n] })), /impossible shape/],
    [
      'a broken block',
      ggufBytes(tensor({ dimensions: [33n], type: 2 })),
      /tensor t \(\[33\]\) are no whole blocks/,
    ],
    ['an unsupported type', ggufBytes(tensor({ type: 18 })), /Tensor t of .* has the type IQ3_XXS, .*Q6_K/],
    ['an unknown type', ggufBytes(tensor({ type: 77 })), /type number 77/],
    ['IQ1_M', ggufBytes(tensor({ type: 29 })), /has the type IQ1_M/],
    ['Q1_0', ggufBytes(tensor({ type: 41 })), /has the type Q1_0/],
    ...([10, 11, 20, 23, 34, 35, 39, 40] as const).map((type): [string, Buffer, RegExp] => [
      `rows that are no whole blocks of type ${type}`,
      ggufBytes(tensor({ type, dimensions: [16n] })),
      /rows of tensor t \(\[16\]\) are no whole blocks of (Q[23]_K|IQ4_(NL|XS)|TQ[12]_0|(MX|NV)FP4)/,
    ]),
    [
      'an impossible shape of TQ1_0',
      ggufBytes(tensor({ type: 34, dimensions: [2n ** 40n, 2n ** 30n] })),
      /impossible shape/,
    ],
    ['a pointer of Git LFS', Buffer.from('version https://git-lfs.github.com/spec/v1'), /pointer of Git LFS/],
    ['many tensors', ggufBytes({ tensorCount: 100_000n }), /number of tensors is 100000, and at most 65536/],
    [
      'a vocabulary that is too long',
      ggufBytes({
        metadata: [['tokenizer.ggml.token_type', 9, Buffer.concat([u32(0), u64(2n ** 21n + 1n)])]],
        dataBytes: 2 ** 21 + 1,
      }),
      /token_type claims 2097153 elements/,
    ],
    [
      'texts that are too long together',
      ggufBytes({ metadata: [0, 1].map((i) => [`k${i}`, 8, string('x'.repeat(33 * 2 ** 20))]) }),
      /a string claims 34603008 bytes too many/,
    ],
    ['an unaligned offset', ggufBytes(tensor({ offset: 4n })), /tensor t at 4 is not aligned/],
    ['a truncated tensor', ggufBytes({ ...tensor({}), dataBytes: 127 }), /tensor t ends at byte/],
    [
      'overlapping tensors',
      ggufBytes({
        tensors: ['t', 'u'].map((name) => ({
          name,
          dimensions: [32n],
          type: 0,
          offset: name === 't' ? 0n : 32n,
        })),
        dataBytes: 256,
      }),
      /tensor u overlaps/,
    ],
  ])('refuses %s', async (_, bytes, message) => {
    const error = await headerOf(bytes).catch((error) => error)
    expect(error).toBeInstanceOf(UserError)
    expect(error.message).toMatch(message)
  })

  it('gives a UserError for every truncation, and that or a valid parse for any flipped byte', async () => {
    const bytes = readFileSync(join(GOLDEN, 'gemma3.gguf'))
    const { tensors } = await headerOf(bytes)
    const headerEnd = Math.min(...tensors.map((tensor) => tensor.offset))
    const random = seededRandom(5)
    for (let i = 0; i < 300; i++) {
      const length = Math.floor(random() * (i % 2 === 0 ? headerEnd : bytes.length))
      await expect(headerOf(bytes.subarray(0, length))).rejects.toBeInstanceOf(UserError)
    }
    let parsed = 0
    for (let i = 0; i < 1000; i++) {
      const flipped = Buffer.from(bytes)
      flipped[Math.floor(random() * headerEnd)] ^= 1 << Math.floor(random() * 8)
      const path = writeIn(directory, 'fuzz.gguf', flipped)
      const outcome = await openGguf(path, ggufTensors).catch((error) => error)
      if (outcome instanceof Error) {
        expect(outcome).toBeInstanceOf(UserError)
        continue
      }
      parsed++
      for (const name of outcome.tensors.keys()) await outcome.read(name)
      await outcome.close()
    }
    expect(parsed).toBeGreaterThan(0)
    expect(parsed).toBeLessThan(1000)
  })
})
