import { tokenizerFromGguf } from '../../src/tokenizer/gguf-tokenizer.js'
import { loadTokenizer, type Tokenizer } from '../../src/tokenizer/tokenizer.js'
import { golden, styles, trained } from '../tokenizer/tokenizer-golden.js'

/** The built-in model's directory. */
const BUILT_IN = new URL('../../built-in', import.meta.url).pathname

const gguf = golden<Record<string, { metadata: Record<string, unknown> }>>('gguf.json')

/** Tokenizers of all kinds that are loaded, by name. */
export const kinds: readonly string[] = [
  ...styles,
  ...Object.keys(gguf).map((name) => `GGUF ${name}`),
  'built-in',
]

export function tokenizerOf(kind: string): Promise<Tokenizer> {
  if (kind === 'built-in') return loadTokenizer(BUILT_IN)
  const name = /^GGUF (.*)/.exec(kind)?.[1]
  if (name) return loadTokenizer(tokenizerFromGguf(new Map(Object.entries(gguf[name].metadata))))
  return loadTokenizer({ tokenizerJson: trained(kind) })
}
