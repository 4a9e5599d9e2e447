/** Patterns of words, in Oniguruma's language, that tokenizers of known models split a text into. */

/** GPT-2's words (openai/gpt-2 `encoder.py`): what a ByteLevel pre-tokenizer splits into. */
export const gpt2Words = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
const spaceWords = '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+'
/** Llama 3's words; Qwen's differ in the digits of a number, and Qwen 3.5's also take marks for letters. */
const tiktokenWords = (digits: string, letter = '\\p{L}', notLetter = '\\p{L}') =>
  `${contractions}|[^\\r\\n\\p{L}\\p{N}]?${letter}+|${digits}| ?[^\\s${notLetter}\\p{N}]+[\\r\\n]*|${spaceWords}`
/** GPT-4o's words: letters split where the case rises. */
const casedWords = (suffix: string, digits: string) => {
  const upper = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]'
  const lower = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]'
  const lead = '[^\\r\\n\\p{L}\\p{N}]?'
  const letters = `${lead}${upper}*${lower}+${suffix}|${lead}${upper}+${lower}*${suffix}`
  return `${letters}|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${spaceWords}`
}

export const llama3Words = tiktokenWords('\\p{N}{1,3}')
export const qwen2Words = tiktokenWords('\\p{N}')
export const qwen35Words = tiktokenWords('\\p{N}', '[\\p{L}\\p{M}]', '\\p{L}\\p{M}')
export const gpt4oWords = casedWords(`${contractions}?`, '\\p{N}{1,3}')
export const tekkenWords = casedWords('', '\\p{N}')

/** Patterns that take linear time on every text. */
export const wellKnown: ReadonlySet<string> = new Set([
  gpt2Words,
  llama3Words,
  qwen2Words,
  qwen35Words,
  gpt4oWords,
  tekkenWords,
  '\\p{N}{1,3}',
  '\\s+',
])
