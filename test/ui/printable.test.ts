import { expect, test } from 'vitest'
import { printable } from '../../src/printable.js'
import { printableOn } from '../../src/ui/printable.js'

test('control characters are escapes, as JSON has them', () => {
  expect(printable('a\u001b[2Jb\u0007\u009b31m\u007f\u0000\r')).toBe(
    'a\\u001b[2Jb\\u0007\\u009b31m\\u007f\\u0000\\u000d',
  )
  const object = { text: 'a\u009bb\u007f"' }
  expect(JSON.parse(printable(JSON.stringify(object)))).toEqual(object)
})

test('lines, tabs and all other text stay', () => {
  const text = 'a\tb\n\n  ö 日本 👨‍👩‍👧 \u00a0 \u2028 \ufeff'
  expect(printable(text)).toBe(text)
  expect(printable('a\r\nb')).toBe('a\nb')
})

test('a pipe gets the text as it is', () => {
  expect(printableOn({ isTTY: true }, '\u001b[m')).toBe('\\u001b[m')
  expect(printableOn({ isTTY: false }, '\u001b[m')).toBe('\u001b[m')
  expect(printableOn({}, '\u001b[m')).toBe('\u001b[m')
})
