/** Control characters, C0 and C1, but for the newline and the tab. */
const CONTROL = /(?![\n\t])\p{Cc}/gu

/**
 * Text from elsewhere (a file, a model, a row, the hub) as it may go to a terminal: control characters, which would move the cursor,
 * recolour or rename the window, are escapes that JSON has too (`\u001b`).
 */
export function printable(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .replace(CONTROL, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
