/** Patterns of words, in Oniguruma's language, that tokenizers of known models split a text into. */

/** GPT-2's words (openai/gpt-2 `encoder.py`): what a ByteLevel pre-tokenizer splits into. */
export const gpt2Words = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
const spaceWords = '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+'
interface TiktokenWords {
  readonly digits: string
  /** A letter, with what begins a word before it. */
  readonly letters?: string
  readonly notLetter?: string
  /** Symbols end with line breaks. */
  readonly breaks?: string
  readonly spaces?: string
}
/** Llama 3's words without contractions; Qwen's differ in the digits of a number, and Qwen 3.5's also take marks for letters. */
function tiktokenRest({
  digits,
  letters = '\\p{L}+',
  notLetter = '\\p{L}',
  breaks = '[\\r\\n]*',
  spaces = spaceWords,
}: TiktokenWords): string {
  return `[^\\r\\n\\p{L}\\p{N}]?${letters}|${digits}| ?[^\\s${notLetter}\\p{N}]+${breaks}|${spaces}`
}
const tiktokenWords = (parts: TiktokenWords) => `${contractions}|${tiktokenRest(parts)}`
const upper = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]'
const lower = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]'
/** GPT-4o's letters: they split where the case rises. */
function casedLetters(suffix: string, capital = upper, small = lower): string {
  const lead = '[^\\r\\n\\p{L}\\p{N}]?'
  return `${lead}${capital}*${small}+${suffix}|${lead}${capital}+${small}*${suffix}`
}
const casedWords = (suffix: string, digits: string) =>
  `${casedLetters(suffix)}|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${spaceWords}`
const notHan = (letters: string) => `(?:(?!\\p{Han})${letters})`

export const llama3Words = tiktokenWords({ digits: '\\p{N}{1,3}' })
export const qwen2Words = tiktokenWords({ digits: '\\p{N}' })
export const qwen35Words = tiktokenWords({
  digits: '\\p{N}',
  letters: '[\\p{L}\\p{M}]+',
  notLetter: '\\p{L}\\p{M}',
})
export const gpt4oWords = casedWords(`${contractions}?`, '\\p{N}{1,3}')
export const tekkenWords = casedWords('', '\\p{N}')
export const miniCpm5Words = tiktokenWords({ digits: '\\p{N}+' })
export const seedCoderWords = tiktokenWords({ digits: '\\p{N}', breaks: '' })
/** Qwen 2's words where an apostrophe begins no ending. */
export const ufakzekaWords = tiktokenRest({ digits: '\\p{N}' })
/** Llama 3's words with spaces in runs of powers of two; a long run is looked through once for each 512 of it. */
export const jais2Words = tiktokenWords({
  digits: '\\p{N}{1,3}',
  spaces: [
    '\\s*[\\r\\n]+',
    ...[512, 256, 128, 64, 32, 16, 8, 4, '1,2'].map((count) => `\\s{${count}}(?!\\S)`),
    '\\s{1}',
  ].join('|'),
})
/** Words of one letter each go on over spaces. */
export const exaoneMoeWords = tiktokenWords({
  digits: '\\p{N}',
  letters: '(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+',
  breaks: '[\\r\\n/]?',
  spaces: '\\s*[\\r\\n]|\\s+(?!\\S)|\\s+',
})
/** Kimi's words (`tokenization_kimi.py`): GPT-4o's, and Chinese characters apart. */
export const kimiWords = [
  '[\\p{Han}]+',
  casedLetters(`${contractions}?`, notHan(upper), notHan(lower)),
  '\\p{N}{1,3}',
  ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*',
  spaceWords,
].join('|')

/** Numbers of up to three digits. */
export const shortNumbers = '\\p{N}{1,3}'
/** Lines, and the breaks between them. */
export const lineRuns = '[^\\n]+|[\\n]+'
/** Chinese and Japanese, as DeepSeek 3 and its kin split them. */
export const cjkRuns = '[一-龥぀-ゟ゠-ヿ]+'
const deepSeek3Rest = (symbols: string) =>
  `[!"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_\`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+${symbols}|\\s+(?!\\S)|\\s+`
export const deepSeek3Words = deepSeek3Rest('[\\r\\n]*|\\s*[\\r\\n]+')
export const sparkWords = deepSeek3Rest('|[\\r\\n]')

/** Of DeepSeek LLM and Coder, which split one after the other. */
export const lineBreak = '[\\r\\n]'
/** Letters of scripts with cases, as DeepSeek LLM lists them. */
export const deepSeekLetters =
  '\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\u1f7dᾀ-ᾴᾶ-ᾼ\u1fbeῂ-ῄῆ-ῌῐ-\u1fd3ῖ-\u1fdbῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\u2126ℨ\u212a-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+'
export const deepSeekSymbols = '\\s?[!-/:-~！-／：-～‘-‟　-。]+'
/** Spaces at the end of a line: `\\s+$`, which would look through a run of them once for each. */
export const endSpaces = '(?<!\\s)\\s+$'
export const deepSeekCjk = '[一-龥ࠀ-一가-퟿]+'
export const coderLetters = '\\s?\\p{L}+'
export const coderSymbols = '\\s?\\p{P}+'

/** BLOOM's words, which end at a mark of punctuation. */
export const bloomWords = ' ?[^(\\s|.,!?…。，、।۔،)]+'

/** Falcon's punctuation. */
export const falconSymbols = '[\\p{P}$+<=>^~|`]+'
export const threeDigits = '[0-9][0-9][0-9]'

/** Youtu's scripts, which its other words follow. */
export const youtuScripts = '[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+'
export const youtuWords = casedWords(`${contractions}?`, '\\p{N}')

export const numbers = '\\p{N}+'
/** Places in a number before each three digits from its end; the time that it takes grows with the square of a number's length. */
export const thousands = '(?=(\\d{3})+(?!\\d))'

/** Groups of three digits from a number's end; like `thousands` in time. */
const digitGroups = (digit: string, end: string) => `${digit}{1,3}(?=(?:${digit}{3})*${end})`
/** Tiny Aya's, in numbers that no word goes on from (Oniguruma's `\\d` and `\\b`). */
export const ayaDigits = digitGroups('\\p{Nd}', '(?![\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}])')
export const afmoeDigits = digitGroups('\\p{N}', '(?!\\p{N})')
/** Scripts without spaces, by blocks, as AFMoE lists them: of China, Japan, Thailand, Laos, Cambodia, Myanmar and Korea. */
export const afmoeScripts =
  '[\u4e00-\u9fff\u3400-\u4dbf\uf900-\ufaff\u3040-\u309f\u30a0-\u30ff\uff65-\uff9f\u2f00-\u2fdf\u0e40-\u0e7f\u0e80-\u0eff\u1780-\u17ff\u1000-\u109f\uaa60-\uaa7f\ua9e0-\ua9ff\uac00-\ud7af\u1100-\u11ff]+'

/** Chameleon's special tokens, then its spaces and punctuation. */
export const sentinels = '<sentinel:[0-9]+>'
export const imageTokens = 'IMGIMG[A-I]{1,4}Z'
export const pairsOfSpaces = '[\\t\\n]|    |  '
export const punctuation = '[\\p{P}!-/:-@\\[-`{-~]'

/** Patterns that take linear time on every text. */
export const wellKnown: ReadonlySet<string> = new Set([
  gpt2Words,
  llama3Words,
  qwen2Words,
  qwen35Words,
  gpt4oWords,
  tekkenWords,
  miniCpm5Words,
  seedCoderWords,
  ufakzekaWords,
  exaoneMoeWords,
  kimiWords,
  shortNumbers,
  lineRuns,
  cjkRuns,
  deepSeek3Words,
  sparkWords,
  deepSeekLetters,
  deepSeekSymbols,
  endSpaces,
  deepSeekCjk,
  coderLetters,
  coderSymbols,
  bloomWords,
  falconSymbols,
  youtuScripts,
  youtuWords,
  numbers,
  afmoeScripts,
  sentinels,
  imageTokens,
  '\\s+',
])
