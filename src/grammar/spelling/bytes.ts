/** A byte of a text in JSON. */
export function jsonByte(byte: number): string {
  return byte < 0x80 ? JSON.stringify(String.fromCharCode(byte)).slice(1, -1) : String.fromCharCode(byte)
}

/** A byte of a number, true, false or null; the JSON tells what is one. */
export function isLiteralByte(byte: number): boolean {
  return (
    (byte >= 0x30 && byte <= 0x39) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    '+-.E'.includes(String.fromCharCode(byte))
  )
}

export function isLiteralStart(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || '-tfn'.includes(String.fromCharCode(byte))
}

/** A byte of a key that needs no quotation marks. */
export function isKeyByte(byte: number): boolean {
  return byte < 0x80 && /[\w.-]/.test(String.fromCharCode(byte))
}
