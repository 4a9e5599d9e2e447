import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { comparisonDisplay } from '../../src/ui/comparison-progress.js'

/** What a display wrote of a run a second. */
function written(isTTY: boolean, seconds: number): string {
  const terminal = { isTTY, columns: 100, cursorTo: () => {}, clearLine: () => {} }
  const stream = Object.assign(new PassThrough(), terminal)
  let now = 0
  const { update, stop } = comparisonDisplay(stream as unknown as NodeJS.WriteStream, () => now)
  for (; now < seconds; now++) update({ done: now, total: 40, strategy: 'greedy' })
  stop()
  return String(stream.read() ?? '')
}

test('writes a line every ten seconds where there is no terminal', () => {
  expect(written(false, 10)).toBe('')
  expect(written(false, 25)).toBe('10 of 40 runs\n20 of 40 runs\n')
})

test('is a bar on a terminal', () => {
  expect(written(true, 3)).toMatch(/Comparing .* 0\/40 runs, greedy/)
})
