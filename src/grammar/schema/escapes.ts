/**
 * Strings of JSON text, character by character: what was read of an escape that is not complete is a text, which is empty between characters.
 */

const SHORT: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}

export interface Unescaped {
  /** Bytes that are complete, in UTF-8. */
  readonly bytes: Uint8Array
  /** What was read of an escape. */
  readonly pending: string
}

const NONE = new Uint8Array(0)

/**
 * @param pending what was read of an escape
 * @returns undefined for a byte that cannot follow
 */
export function readEscaped(pending: string, byte: number): Unescaped | undefined {
  if (pending === '') {
    if (byte === 0x5c) return { bytes: NONE, pending: '\\' }
    return byte < 0x20 || byte === 0x22 ? undefined : { bytes: Uint8Array.of(byte), pending: '' }
  }
  const letter = String.fromCharCode(byte)
  const read = pending + letter
  if (pending === '\\' && letter !== 'u')
    return Object.hasOwn(SHORT, letter) ? { bytes: Buffer.from(SHORT[letter]), pending: '' } : undefined
  if (!/^(?:\\u[\da-fA-F]{0,4}|\\u[dD][89abAB][\da-fA-F]{2}\\(?:u[\da-fA-F]{0,4})?)$/.test(read))
    return undefined
  if (read.length < 6 || /^\\u[dD][89abAB]..(?:\\u?.{0,3})?$/.test(read))
    return { bytes: NONE, pending: read }
  return { bytes: Buffer.from(JSON.parse(`"${read}"`) as string), pending: '' }
}

/** The ways to spell a character in JSON text, the one to write first. */
function spellingsOf(character: string, anySpelling: boolean): readonly string[] {
  const spellings = [JSON.stringify(character).slice(1, -1)]
  if (!anySpelling) return spellings
  const units = Array.from({ length: character.length }, (_, i) => character.charCodeAt(i))
  spellings.push(units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join(''))
  for (const [letter, meant] of Object.entries(SHORT)) if (meant === character) spellings.push(`\\${letter}`)
  return spellings
}

/**
 * JSON text that spells the rest of a text, a byte a character.
 * @param offset in UTF-8
 * @param pending what was read of an escape
 * @returns undefined where the text does not go on with a character whose escape begins like this
 */
export function spelledRest(
  text: string,
  offset: number,
  pending: string,
  anySpelling: boolean,
): string | undefined {
  const rest = Buffer.from(text).subarray(offset)
  // The rest may begin within a character.
  if (pending === '') return JSON.stringify(rest.toString('latin1')).slice(1, -1)
  const [character, ...others] = Array.from(rest.toString())
  if (character === undefined) return undefined
  // Hexadecimal digits have two cases.
  const spelling = spellingsOf(character, anySpelling).find((each) =>
    each.toLowerCase().startsWith(pending.toLowerCase()),
  )
  if (spelling === undefined) return undefined
  return Buffer.from(spelling.slice(pending.length) + JSON.stringify(others.join('')).slice(1, -1)).toString(
    'latin1',
  )
}
