import { readFileSync } from 'node:fs'
import type { TokenizerJson } from '../../src/tokenizer/tokenizer-json.js'

const folder = new URL('../golden/tokenizer/', import.meta.url)

export function golden<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as T
}

/** The tiny tokenizers that Rust `tokenizers` trained and ran, one for each style. */
export const styles = [
  'gpt2',
  'gpt2-prefix',
  'smollm',
  'llama3',
  'behaviours',
  'qwen2',
  'llama2',
  'gemma',
  'metaspace',
]

export const trained = (style: string) => golden<TokenizerJson>(`tokenizers/${style}.json`)

export const texts = golden<string[]>('texts.json')

export interface Encodings {
  ids: number[][]
  bare: number[][]
  decoded: { ids: number[]; text: string; plain: string }[]
}

export const encodings = golden<Record<string, Encodings>>('encodings.json')
