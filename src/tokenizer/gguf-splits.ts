import { UserError } from '../errors.js'
import {
  afmoeDigits,
  afmoeScripts,
  ayaDigits,
  bloomWords,
  cjkRuns,
  coderLetters,
  coderSymbols,
  deepSeek3Words,
  deepSeekCjk,
  deepSeekLetters,
  deepSeekSymbols,
  endSpaces,
  exaoneMoeWords,
  falconSymbols,
  gpt2Words,
  gpt4oWords,
  imageTokens,
  jais2Words,
  kimiWords,
  lineBreak,
  lineRuns,
  llama3Words,
  miniCpm5Words,
  numbers,
  pairsOfSpaces,
  punctuation,
  qwen2Words,
  qwen35Words,
  seedCoderWords,
  sentinels,
  shortNumbers,
  sparkWords,
  tekkenWords,
  thousands,
  threeDigits,
  ufakzekaWords,
  youtuScripts,
  youtuWords,
} from './words.js'

/** How a byte-level vocabulary's text is split into words. */
export interface Splits {
  /** Patterns that cut the text into words, one after the other. */
  readonly regexes: readonly string[]
  /** A word that is a token stays whole, whatever the merges say. */
  readonly wholeWords?: boolean
  /** BOS goes first unless the file says no. */
  readonly addBos?: boolean
}

const digit = '\\p{N}'

/** Names that llama.cpp's converter writes to `tokenizer.ggml.pre`, by what they stand for (src/llama-vocab.cpp). */
const NAMED: readonly (readonly [names: string, splits: Splits])[] = [
  [
    'gpt-2 gpt2 default phi-2 olmo mpt jais trillion granite-docling exaone4 jina-es jina-de jina-v2-es jina-v2-de gigachat ' +
      'a.x-4.0 mellum modern-bert',
    { regexes: [gpt2Words] },
  ],
  ['smollm starcoder refact command-r codeshell exaone minerva-7b mellum2', { regexes: [digit, gpt2Words] }],
  [
    'llama-bpe llama3 llama-v3 falcon3 falcon-h1 lfm2 pixtral midm-2.0 jina-v5-nano',
    { regexes: [llama3Words], wholeWords: true, addBos: true },
  ],
  ['smaug-bpe dbrx glm4 chatglm-bpe', { regexes: [llama3Words] }],
  ['minicpm5', { regexes: [shortNumbers, miniCpm5Words], wholeWords: true }],
  ['jais-2', { regexes: [jais2Words] }],
  [
    'qwen2 deepseek-r1-qwen megrez kormo f2llmv2 stablelm2 hunyuan solar-open grok-2 bailingmoe bailingmoe2 llada-moe',
    { regexes: [qwen2Words] },
  ],
  ['qwen35', { regexes: [qwen35Words] }],
  ['seed-coder', { regexes: [seedCoderWords] }],
  ['ufakzeka', { regexes: [ufakzekaWords] }],
  ['laguna', { regexes: [lineRuns, qwen2Words] }],
  ['exaone-moe', { regexes: [exaoneMoeWords] }],
  ['gpt-4o llama4 kanana2 talkie minimax-m2', { regexes: [gpt4oWords] }],
  ['granite-embed-multi-97m', { regexes: [gpt4oWords], wholeWords: true }],
  ['youtu', { regexes: [youtuScripts, youtuWords], wholeWords: true }],
  ['tekken', { regexes: [tekkenWords], wholeWords: true, addBos: true }],
  ['kimi-k2', { regexes: [kimiWords] }],
  ['deepseek-v3 hunyuan-dense joyai-llm hy_v4', { regexes: [shortNumbers, cjkRuns, deepSeek3Words] }],
  ['spark2_5', { regexes: [shortNumbers, cjkRuns, sparkWords, digit] }],
  ['deepseek-llm', { regexes: [lineBreak, deepSeekLetters, deepSeekSymbols, endSpaces, deepSeekCjk, digit] }],
  ['deepseek-coder', { regexes: [lineBreak, coderLetters, coderSymbols, deepSeekCjk, digit] }],
  ['falcon', { regexes: [falconSymbols, gpt2Words, threeDigits] }],
  ['bloom gpt3-finnish poro-chat', { regexes: [bloomWords] }],
  ['viking', { regexes: [bloomWords, digit] }],
  ['tiny_aya cohere2moe', { regexes: [ayaDigits, gpt4oWords] }],
  ['afmoe', { regexes: [afmoeDigits, afmoeScripts, deepSeek3Words] }],
  [
    'chameleon',
    { regexes: [sentinels, imageTokens, pairsOfSpaces, digit, punctuation, gpt2Words], addBos: true },
  ],
  ['superbpe', { regexes: [numbers, thousands] }],
]

const splitsByPre = new Map(
  NAMED.flatMap(([names, splits]) => names.split(' ').map((name) => [name, splits] as const)),
)

/** The first name of these patterns; undefined where there is none. */
export function preOfSplits({ regexes, wholeWords = false }: Splits): string | undefined {
  const isSame = (other: Splits) =>
    String(other.regexes) === String(regexes) && (other.wholeWords ?? false) === wholeWords
  return [...splitsByPre].find(([, splits]) => isSame(splits))?.[0]
}

/** @throws UserError for a name that is not known */
export function splitsOf(pre: string): Splits {
  const splits = splitsByPre.get(pre)
  if (splits) return splits
  throw new UserError(`The GGUF file's pre-tokenizer "${pre}" is not supported.`)
}
