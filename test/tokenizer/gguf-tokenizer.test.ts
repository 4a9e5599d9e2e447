import { describe, expect, it } from 'vitest'
import { tokenizerFromGguf } from '../../src/tokenizer/gguf-tokenizer.js'
import { loadTokenizer } from '../../src/tokenizer/tokenizer.js'
import { encodings, golden, texts, trained } from './tokenizer-golden.js'

interface Case {
  metadata: Record<string, unknown>
  ids: number[][]
  by_pre?: Record<string, number[][]>
}

const cases = golden<Record<string, Case>>('gguf.json')
const fields = (name: string, changes: Record<string, unknown> = {}) =>
  new Map(Object.entries({ ...cases[name].metadata, ...changes }))
const load = (metadata: ReadonlyMap<string, unknown>) => loadTokenizer(tokenizerFromGguf(metadata))
const bare = { addSpecialTokens: false }

describe('a tokenizer from GGUF metadata encodes as transformers does', () => {
  it.each(Object.keys(cases))('%s', async (name) => {
    const tokenizer = await load(fields(name))
    expect(texts.map((text) => tokenizer.encode(text, bare))).toEqual(cases[name].ids)
  })

  it.each(Object.entries(cases.gpt2.by_pre!))('gpt2 with the pre-tokenizer %s', async (pre, ids) => {
    const tokenizer = await load(fields('gpt2', { 'tokenizer.ggml.pre': pre }))
    expect(texts.map((text) => tokenizer.encode(text, bare))).toEqual(ids)
  })

  it('gpt2 with the pre-tokenizer smollm, which transformers ignores, as HF tokenizers', async () => {
    const files = tokenizerFromGguf(fields('gpt2', { 'tokenizer.ggml.pre': 'smollm' }))
    const tokenizerJson = { ...files.tokenizerJson, model: trained('smollm').model }
    const tokenizer = await loadTokenizer({ tokenizerJson })
    expect(texts.map((text) => tokenizer.encode(text, bare))).toEqual(encodings.smollm.bare)
  })

  it('every text comes back from its ids', async () => {
    for (const name of Object.keys(cases)) {
      const tokenizer = await load(fields(name))
      // In front of control tokens and around their spaces SentencePiece is not reversible.
      for (const text of texts.filter((candidate) => !/<|\u2581/.test(candidate))) {
        const ids = tokenizer.encode(text, bare)
        const space = name === 'stories260K' && text.startsWith(' ')
        expect(tokenizer.decode(ids)).toBe(space ? text.slice(1) : text)
      }
    }
  })
})

describe('special tokens of GGUF metadata', () => {
  it('BOS and EOS stand where the flags say, or where the model family has them', async () => {
    const ends = { 'tokenizer.ggml.bos_token_id': 1, 'tokenizer.ggml.eos_token_id': 2 }
    const encode = async (name: string, changes: object) =>
      (await load(fields(name, { ...ends, ...changes }))).encode('a')
    const [llama] = (await encode('stories260K', {})).slice(1)
    expect(await encode('stories260K', {})).toEqual([1, llama])
    expect(await encode('stories260K', { 'tokenizer.ggml.add_bos_token': false })).toEqual([llama])
    expect(await encode('stories260K', { 'tokenizer.ggml.add_eos_token': true })).toEqual([1, llama, 2])
    expect(await encode('gpt2', {})).toHaveLength(1)
    expect(await encode('gpt2', { 'tokenizer.ggml.pre': 'llama-bpe' })).toHaveLength(2)
  })

  it('control tokens are special, user-defined ones are text', async () => {
    const tokenizer = await load(
      fields('gpt2', { 'tokenizer.ggml.eos_token_id': 1, 'tokenizer.ggml.eot_token_id': 2 }),
    )
    expect(tokenizer.eosToken).toBe('<|end|>')
    expect(tokenizer.eosTokenIds).toEqual([1, 2])
    const ids = tokenizer.encode('<|end|><tool>')
    expect(ids).toEqual([1, 520])
    expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe('<tool>')
  })

  const renamed = (names: Readonly<Record<number, string>>, changes: Record<string, unknown> = {}) => {
    const tokens = [...(cases.gpt2.metadata['tokenizer.ggml.tokens'] as string[])]
    for (const [id, name] of Object.entries(names)) tokens[Number(id)] = name
    return load(fields('gpt2', { 'tokenizer.ggml.tokens': tokens, ...changes }))
  }

  it.each([
    '<|im_end|>',
    '<|eot_id|>',
    '<end_of_turn>',
    '<|endoftext|>',
    '<|eom_id|>',
    '</s>',
    '<|fim_pad|>',
    '<|file_sep|>',
  ])('%s ends a text and is left out, whatever the metadata say', async (name) => {
    const tokenizer = await renamed({ 300: name }, { 'tokenizer.ggml.eos_token_id': 1 })
    expect(tokenizer.eosTokenIds).toEqual([1, 300])
    expect(tokenizer.encode(`${name}`)).toEqual([300])
    expect(tokenizer.decode([300, 520], { skipSpecialTokens: true })).toBe('<tool>')
  })

  it('tokens that fill in are special, and end nothing', async () => {
    const tokenizer = await renamed({ 300: '<|fim_prefix|>' }, { 'tokenizer.ggml.eos_token_id': 1 })
    expect(tokenizer.eosTokenIds).toEqual([1])
    expect(tokenizer.specialIds.has(300)).toBe(true)
  })

  it("names end nothing where they are another thing: gpt-oss's frame, Gemma's tag", async () => {
    const harmony = await renamed({ 300: '<|return|>', 301: '<|call|>', 303: '<|channel|>' })
    expect(harmony.eosTokenIds).toEqual([300, 301])
    expect(harmony.decode([1, 303], { skipSpecialTokens: true })).toBe('<|end|><|channel|>')
    const types = [...(cases.gpt2.metadata['tokenizer.ggml.token_type'] as number[])]
    types[300] = 4
    const gemma = await renamed({ 300: '</s>' }, { 'tokenizer.ggml.token_type': types })
    expect(gemma.eosTokenIds).toEqual([1])
    expect(gemma.decode([300], { skipSpecialTokens: true })).toBe('</s>')
  })

  it('EOS is left out where its type is that of a normal token', async () => {
    const tokenizer = await load(fields('gpt2', { 'tokenizer.ggml.eos_token_id': 300 }))
    expect(tokenizer.decode([300, 520], { skipSpecialTokens: true })).toBe('<tool>')
  })

  it('templates by name are chosen as those of a directory', async () => {
    const names = { 'tokenizer.chat_template': 'plain', 'tokenizer.chat_template.tool_use': 'tools' }
    const tokenizer = await load(fields('gpt2', names))
    const chat = [{ role: 'user', content: 'x' }]
    expect(tokenizer.applyChatTemplate(chat)).toBe('plain')
    expect(tokenizer.applyChatTemplate(chat, { tools: [] })).toBe('tools')
    const nameless = await load(fields('gpt2', { 'tokenizer.chat_template.rag': 'documents' }))
    expect(() => nameless.applyChatTemplate(chat)).toThrow(/give one of rag/)
  })

  it('the chat template comes along', async () => {
    const template = '{{ bos_token }}{{ messages[0].content }}'
    const changes = { 'tokenizer.chat_template': template, 'tokenizer.ggml.bos_token_id': 0 }
    const tokenizer = await load(fields('gpt2', changes))
    expect(tokenizer.applyChatTemplate([{ role: 'user', content: 'hi' }])).toBe('<|bos|>hi')
  })

  it('arrays may be typed arrays', async () => {
    const metadata = fields('stories260K')
    metadata.set(
      'tokenizer.ggml.scores',
      Float32Array.from(metadata.get('tokenizer.ggml.scores') as number[]),
    )
    metadata.set(
      'tokenizer.ggml.token_type',
      Int32Array.from(metadata.get('tokenizer.ggml.token_type') as number[]),
    )
    const tokenizer = await load(metadata)
    expect(texts.map((text) => tokenizer.encode(text, bare))).toEqual(cases.stories260K.ids)
  })
})

describe('merging by score', () => {
  it('prefers the longest left part among the splits of one token, as HF converters do', async () => {
    const tokens = ['<unk>', 'a', 'aa', 'aaa', '▁']
    const metadata = new Map<string, unknown>([
      ['tokenizer.ggml.model', 'llama'],
      ['tokenizer.ggml.tokens', tokens],
      ['tokenizer.ggml.scores', [0, -9, -1, -2, -9]],
      ['tokenizer.ggml.unknown_token_id', 0],
      ['tokenizer.ggml.add_space_prefix', false],
      ['tokenizer.ggml.add_bos_token', false],
    ])
    const tokenizer = await load(metadata)
    expect(tokenizer.encode('aaaaa').map((id) => tokenizer.idToToken(id))).toEqual(['aa', 'aaa'])
  })
})

describe('GGUF metadata that cannot be used', () => {
  it.each([
    ['tokenizer.ggml.model', 'rwkv', /model "rwkv"/],
    ['tokenizer.ggml.pre', 'whitespace', /pre-tokenizer "whitespace"/],
    ['tokenizer.ggml.bos_token_id', 521, /"tokenizer\.ggml\.bos_token_id" is 521, but .* has 521 tokens/],
    ['tokenizer.ggml.merges', undefined, /no "tokenizer\.ggml\.merges"/],
    ['tokenizer.ggml.tokens', undefined, /no "tokenizer\.ggml\.tokens"/],
    ['tokenizer.ggml.tokens', [5], /"tokenizer\.ggml\.tokens" is a list, where a list of texts/],
    ['tokenizer.ggml.merges', 'a b', /"tokenizer\.ggml\.merges" is a string/],
    ['tokenizer.ggml.add_sep_token', true, /add_sep_token/],
  ])('%s = %s is refused', (key, value, message) => {
    const metadata = fields('gpt2')
    if (value === undefined) metadata.delete(key)
    else metadata.set(key, value)
    expect(() => tokenizerFromGguf(metadata)).toThrow(message)
  })
})

it.each([
  [undefined, `has no "tokenizer.ggml.model", which names its tokenizer: gpt2, llama, gemma4 are read.`],
  ['bert', 'has the tokenizer model "bert", which is not supported: gpt2, llama, gemma4 are read.'],
])('a file whose tokenizer model is %s is refused by it', (model, fault) => {
  expect(() => tokenizerFromGguf(fields('gpt2', { 'tokenizer.ggml.model': model }))).toThrow(fault)
})
