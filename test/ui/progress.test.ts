import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { formatBytes } from '../../src/ui/format.js'
import { transferDisplay } from '../../src/ui/progress.js'

function terminal(isTTY: boolean) {
  const stream = Object.assign(new PassThrough(), {
    isTTY,
    columns: 80,
    cursorTo: () => {},
    clearLine: () => {},
  })
  return { stream: stream as unknown as NodeJS.WriteStream, text: () => String(stream.read() ?? '') }
}

const half = { file: 'model.safetensors', received: 50_000_000, total: 100_000_000 }

describe('transferDisplay', () => {
  test('draws a bar on a terminal', () => {
    const { stream, text } = terminal(true)
    const display = transferDisplay(stream)
    display.update(half)
    display.stop()
    expect(text()).toContain('50% 50.0 MB/100.0 MB')
  })

  test('prints one line a file elsewhere', () => {
    const { stream, text } = terminal(false)
    const display = transferDisplay(stream)
    display.update({ ...half, file: 'config.json', received: 0 })
    display.update({ ...half, received: 700 })
    display.update(half)
    display.notice('A retry.')
    display.stop()
    expect(text()).toBe(
      'Pulling config.json (0 B of 100.0 MB)\nPulling model.safetensors (700 B of 100.0 MB)\nA retry.\n',
    )
  })
})

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [270_540_000, '270.5 MB'],
  [7.5e9, '7.5 GB'],
  [2e15, '2000.0 TB'],
])('formatBytes(%d)', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text)
})
