import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadTokenizer } from '../../src/tokenizer/tokenizer.js'
import type { TokenizerJson } from '../../src/tokenizer/tokenizer-json.js'
import { encodings, styles, texts, trained } from './tokenizer-golden.js'

describe.each(styles)('a %s tokenizer, as Rust tokenizers has it', (style) => {
  const expected = encodings[style]

  it.each(texts.map((text, i) => [text, i] as const))('encodes %j', async (text, i) => {
    const tokenizer = await loadTokenizer({ tokenizerJson: trained(style) })
    expect(tokenizer.encode(text)).toEqual(expected.ids[i])
    expect(tokenizer.encode(text, { addSpecialTokens: false })).toEqual(expected.bare[i])
  })

  it('decodes random ids, invalid UTF-8 too', async () => {
    const tokenizer = await loadTokenizer({ tokenizerJson: trained(style) })
    for (const { ids, text, plain } of expected.decoded) {
      expect(tokenizer.decode(ids)).toBe(text)
      expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe(plain)
    }
  })
})

describe('a tokenizer', () => {
  const load = (tokenizerJson: TokenizerJson, tokenizerConfig = {}) =>
    loadTokenizer({ tokenizerJson, tokenizerConfig })

  it('takes a lone surrogate for U+FFFD', async () => {
    for (const style of styles) {
      const tokenizer = await load(trained(style))
      expect(tokenizer.encode('a\ud800b\udc00')).toEqual(tokenizer.encode('a\ufffdb\ufffd'))
    }
  })

  it('keeps a byte order mark in both directions', async () => {
    for (const style of ['gpt2', 'gemma']) {
      const tokenizer = await load(trained(style))
      const ids = tokenizer.encode('\ufeffa', { addSpecialTokens: false })
      expect(tokenizer.decode(ids)).toBe('\ufeffa')
    }
  })

  it('encodes 200 kB without splits like its parts between special tokens', async () => {
    for (const style of ['llama2', 'gpt2']) {
      const tokenizer = await load(trained(style))
      const [mark] = trained(style).added_tokens!.filter((token) => token.special)
      const part = 'The dog did not mind; 好天气, größer über den Hund.\n'.repeat(200)
      const options = { addSpecialTokens: false }
      const ids = tokenizer.encode(part, options)
      const long = tokenizer.encode(Array(20).fill(part).join(mark.content), options)
      expect(long).toEqual(Array.from({ length: 20 }, (_, i) => (i ? [mark.id, ...ids] : ids)).flat())
      expect(tokenizer.decode(tokenizer.encode(part.repeat(20), options))).toBe(part.repeat(20))
    }
  })

  it('knows its tokens', async () => {
    const tokenizer = await load(trained('gpt2'), {
      bos_token: '<|bos|>',
      eos_token: { content: '<|end|>' },
      pad_token: null,
      extra_eos_token_ids: [2, 1],
    })
    expect(tokenizer.vocabSize).toBe(521)
    expect(tokenizer.bosToken).toBe('<|bos|>')
    expect(tokenizer.eosToken).toBe('<|end|>')
    expect(tokenizer.padToken).toBeUndefined()
    expect(tokenizer.eosTokenIds).toEqual([1, 2])
    expect([...tokenizer.specialIds]).toEqual([0, 1, 2])
    expect(tokenizer.tokenToId('<tool>')).toBe(520)
    expect(tokenizer.idToToken(520)).toBe('<tool>')
    expect(tokenizer.tokenToId('no such token')).toBeUndefined()
    expect(tokenizer.idToToken(521)).toBeUndefined()
    expect(tokenizer.decode([520, 999, 520])).toBe('<tool><tool>')
    expect(tokenizer.decode([])).toBe('')
  })

  it('finds any number of added tokens in a text', async () => {
    const json = trained('gpt2')
    const tool = { id: 520, content: '<tool>', normalized: true }
    const tokenizer = await load({ ...json, added_tokens: [...(json.added_tokens ?? []), tool] })
    expect(tokenizer.encode('<tool>'.repeat(200_000), { addSpecialTokens: false })).toHaveLength(200_000)
  })

  it('refuses by name what it does not do', async () => {
    const json = trained('gpt2')
    const cases: [Partial<TokenizerJson>, RegExp][] = [
      [{ model: { ...json.model, type: 'Unigram' } }, /model "Unigram"/],
      [{ model: { ...json.model, end_of_word_suffix: '</w>' } }, /suffix/],
      [{ pre_tokenizer: { type: 'UnicodeScripts' } }, /"UnicodeScripts"/],
      [{ decoder: { type: 'WordPiece' } }, /"WordPiece"/],
      [{ normalizer: { type: 'Nmt' } }, /Nmt/],
    ]
    for (const [change, message] of cases) {
      await expect(load({ ...json, ...change })).rejects.toThrow(message)
    }
  })
})

describe('a directory', () => {
  let directory: string
  const write = (name: string, content: unknown) =>
    writeFileSync(join(directory, name), typeof content === 'string' ? content : JSON.stringify(content))
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'tokenizer-'))
    write('tokenizer.json', trained('gpt2'))
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  it('needs no more than tokenizer.json', async () => {
    const tokenizer = await loadTokenizer(directory)
    expect(tokenizer.eosTokenIds).toEqual([])
    expect(() => tokenizer.applyChatTemplate([{ role: 'user', content: 'a' }])).toThrow(/no chat template/)
  })

  it('reads special tokens from both files, special_tokens_map.json first unless the other lists added tokens', async () => {
    const ends = async () => {
      const { bosToken, eosToken } = await loadTokenizer(directory)
      return [bosToken, eosToken]
    }
    write('special_tokens_map.json', { bos_token: '<|user|>', eos_token: { content: '<|end|>' } })
    write('tokenizer_config.json', { bos_token: '<|bos|>' })
    expect(await ends()).toEqual(['<|user|>', '<|end|>'])
    write('tokenizer_config.json', { bos_token: '<|bos|>', added_tokens_decoder: {} })
    expect(await ends()).toEqual(['<|bos|>', undefined])
  })

  it('refuses a vocabulary that is a list, as other models than BPE have', async () => {
    const json = trained('gpt2')
    const load = (model: object) => {
      write('tokenizer.json', { ...json, model })
      return loadTokenizer(directory)
    }
    await expect(load({ type: 'Unigram', vocab: [['a', -1]] })).rejects.toThrow(/model "Unigram"/)
    await expect(load({ type: 'BPE', vocab: ['a'], merges: [] })).rejects.toThrow(
      /its model\.vocab is a list/,
    )
  })

  it('reads tokens from added_tokens.json', async () => {
    write('added_tokens.json', { '<|im_start|>': 521 })
    const tokenizer = await loadTokenizer(directory)
    expect(tokenizer.encode('<|im_start|>')).toEqual([521])
    expect(tokenizer.decode([521], { skipSpecialTokens: true })).toBe('<|im_start|>')
  })

  it("takes the class that transformers loads it by from the model's configuration", async () => {
    write('tokenizer_config.json', { eos_token: '<|end|>', tokenizer_class: 'GPT2Tokenizer' })
    write('config.json', { model_type: 'llama' })
    expect((await loadTokenizer(directory)).padToken).toBeUndefined()
    write('config.json', { model_type: 'qwen2' })
    expect((await loadTokenizer(directory)).padToken).toBe('<|endoftext|>')
  })

  it('takes the template of a file of its own before that of tokenizer_config.json', async () => {
    const messages = [{ role: 'user', content: 'hi' }]
    write('tokenizer_config.json', { bos_token: '<|bos|>', chat_template: '{{ bos_token }}config' })
    expect((await loadTokenizer(directory)).applyChatTemplate(messages)).toBe('<|bos|>config')
    write('chat_template.json', { chat_template: 'json' })
    expect((await loadTokenizer(directory)).applyChatTemplate(messages)).toBe('json')
    write('chat_template.jinja', 'jinja {{ messages[0].content }}')
    const tokenizer = await loadTokenizer(directory)
    expect(tokenizer.applyChatTemplate(messages)).toBe('jinja hi')
    expect(tokenizer.applyChatTemplate(messages, { chatTemplate: '{{ 1 }} mine' })).toBe('1 mine')
  })

  it('picks a named template by the tools', async () => {
    const chat_template = [
      { name: 'default', template: 'plain' },
      { name: 'tool_use', template: '{{ tools | length }} tools' },
    ]
    write('tokenizer_config.json', { chat_template })
    const tokenizer = await loadTokenizer(directory)
    expect(tokenizer.chatTemplate).toBe('plain')
    expect(tokenizer.applyChatTemplate([])).toBe('plain')
    expect(tokenizer.applyChatTemplate([], { tools: [{ name: 'f' }] })).toBe('1 tools')
  })

  it('says which file is missing or broken', async () => {
    await expect(loadTokenizer(join(directory, 'absent'))).rejects.toThrow(/tokenizer\.json is missing/)
    write('tokenizer.json', '{"model": ')
    await expect(loadTokenizer(directory)).rejects.toThrow(/tokenizer\.json is not valid JSON/)
    write('tokenizer.json', '{}')
    await expect(loadTokenizer(directory)).rejects.toThrow(/tokenizer\.json has no "model"/)
  })
})
