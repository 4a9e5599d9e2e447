import { expect, test } from 'vitest'
import { loadTokenizer } from '../../src/tokenizer/tokenizer.js'
import type { TokenizerFiles } from '../../src/tokenizer/tokenizer-files.js'
import { asciiTokenizer } from '../ascii-tokenizer.js'

type Json = ReturnType<typeof asciiTokenizer>['tokenizer.json']

async function fingerprintOf(change: (json: Json) => void = () => {}, size = 110): Promise<string> {
  const { 'tokenizer.json': json, 'tokenizer_config.json': tokenizerConfig } = asciiTokenizer(size)
  change(json)
  const files = { tokenizerJson: json, tokenizerConfig } as unknown as TokenizerFiles
  const { fingerprint } = await loadTokenizer(files)
  return fingerprint!()
}

test('a tokenizer of the same files has the same fingerprint', async () => {
  expect(await fingerprintOf()).toBe(await fingerprintOf())
})

test.each<[string, (json: Json) => void]>([
  ['another token', ({ model }) => rename(model.vocab, 'token5', 'other')],
  [
    'tokens that run together alike',
    ({ model }) => {
      rename(model.vocab, 'token1', 'token1t')
      rename(model.vocab, 'token2', 'oken2')
    },
  ],
  [
    'tokens in another order',
    ({ model: { vocab } }) => Object.assign(vocab, { token3: vocab.token4, token4: vocab.token3 }),
  ],
  ['a special token that is text', ({ added_tokens }) => Object.assign(added_tokens[1], { special: false })],
  ['another decoder', (json) => Object.assign(json, { decoder: { type: 'Fuse' } })],
])('%s is another tokenizer', async (_, change) => {
  expect(await fingerprintOf(change)).not.toBe(await fingerprintOf())
})

test('so is one with a token more', async () => {
  expect(await fingerprintOf(undefined, 111)).not.toBe(await fingerprintOf())
})

function rename(vocab: Record<string, number>, token: string, name: string): void {
  vocab[name] = vocab[token]
  delete vocab[token]
}
