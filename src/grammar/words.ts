/** Scripts that put no spaces between words: each character stands alone. */
const ALONE = '\\p{sc=Han}\\p{sc=Hira}\\p{sc=Kana}\\p{sc=Thai}\\p{sc=Lao}\\p{sc=Khmr}\\p{sc=Mymr}'
const LETTER = `(?:(?![${ALONE}])[\\p{L}\\p{N}_])`

const PIECE = new RegExp(
  [
    // Words, with apostrophes in them, and numbers with points and commas.
    `(?:${LETTER}\\p{M}*|(?<=\\p{L}\\p{M}*)['’](?=\\p{L})|(?<=\\p{N})[.,](?=\\p{N}))+`,
    '\\s+',
    // Anything else by itself, with the marks that it carries.
    '[^]\\p{M}*',
  ].join('|'),
  'gu',
)

/** Pieces of a text, one after the other: words and numbers, white space, and other characters one by one. */
export function wordPieces(text: string): readonly string[] {
  return text.match(PIECE) ?? []
}
