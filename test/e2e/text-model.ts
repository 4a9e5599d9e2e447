import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Tokenizer } from '../../src/tokenizer/tokenizer.js'
import { fixturePath } from '../fixtures.js'

type Json = Record<string, unknown>

export interface TextModelOptions {
  /** Changes to config.json; undefined takes a field out. */
  readonly config?: Json
  readonly generationConfig?: Json
  readonly tokenizerConfig?: Json
  /** Files that are taken away. */
  readonly without?: readonly string[]
}

/** The fixture `llama` with a byte-level tokenizer, as a model's directory. */
export function writeTextModel(directory: string, options: TextModelOptions = {}): string {
  const { config, generationConfig, tokenizerConfig, without = [] } = options
  mkdirSync(directory, { recursive: true })
  cpSync(join(fixturePath('llama'), 'model.safetensors'), join(directory, 'model.safetensors'))
  const write = (name: string, value: Json) => writeFileSync(join(directory, name), JSON.stringify(value))
  write('config.json', { ...fixtureJson('config.json'), ...config })
  write('generation_config.json', { ...fixtureJson('generation_config.json'), ...generationConfig })
  write('tokenizer.json', tokenizerJson())
  write('tokenizer_config.json', {
    bos_token: '<s>',
    eos_token: '</s>',
    pad_token: '<pad>',
    ...tokenizerConfig,
  })
  for (const name of without) rmSync(join(directory, name))
  return directory
}

function fixtureJson(name: string): Json {
  return JSON.parse(readFileSync(join(fixturePath('llama'), name), 'utf8'))
}

const SPECIALS = ['<pad>', '<s>', '</s>']

/** Pairs that are tokens of their own, so that a border between tokens is no border between words or characters. */
const PAIRS = (
  'th he in er an re on at en nd ti es or te of ed is it al ar st to nt ng se ha as ou io le ve co me de hi ri ro ' +
  'ic ne ea ra ce li ch ll be ma si om ur ST OP ñ é'
).split(' ')

/** Byte-level BPE: three special tokens, the 256 bytes, and `PAIRS`; fewer than the 320 ids of the fixture. */
function tokenizerJson(): Json {
  const letters = byteLetters()
  const pairs = PAIRS.map((pair) => [...Buffer.from(pair)].map((byte) => letters[byte]))
  const tokens = [...SPECIALS, ...letters, ...pairs.map((pair) => pair.join(''))]
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }
  return {
    version: '1.0',
    added_tokens: SPECIALS.map((content, id) => ({ id, content, special: true, normalized: false })),
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: pairs.map((pair) => pair.join(' ')),
    },
  }
}

/** GPT-2's visible letter for each byte: itself where it is printable, else the next one from U+0100 on. */
function byteLetters(): string[] {
  let next = 0x100
  const printable = (byte: number) => byte > 0x20 && byte !== 0xad && (byte < 0x7f || byte > 0xa0)
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++))
}

/**
 * A file for --config under which a model writes `text` after `prompt`, token by token, and then ends.
 * @param prompt ends in a token that `text` lacks
 */
export function dictation(tokenizer: Tokenizer, prompt: string, text: string): string {
  const said = [tokenizer.encode(prompt).at(-1)!, ...tokenizer.encode(text), tokenizer.eosTokenIds[0]]
  const bias = said.slice(1).map((_, i) => [said.slice(0, i + 2), 1e4])
  return JSON.stringify({ sequence_bias: bias, max_new_tokens: said.length })
}

/** Lines of which a model learns in a few steps what comes next. */
export const foxes = Array.from(
  { length: 300 },
  (_, i) => `The ${['red', 'old', 'sad'][i % 3]} fox has ${i % 10} hens.\n`,
)
