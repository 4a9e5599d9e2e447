import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { type BatchTotals, batchDisplay } from '../../src/ui/batch-progress.js'

/** A display on a stream, and what it wrote; `at` tells it the time and the state. */
function display(totals: BatchTotals, isTTY: boolean) {
  const terminal = { isTTY, columns: 100, cursorTo: () => {}, clearLine: () => {} }
  const stream = Object.assign(new PassThrough(), terminal)
  let seconds = 0
  const shown = batchDisplay(totals, stream as unknown as NodeJS.WriteStream, () => seconds)
  return {
    at(time: number, rows: number, failed = 0) {
      seconds = time
      shown.update({ rows, failed, generatedTokens: 100 * rows })
    },
    text() {
      shown.stop()
      return String(stream.read() ?? '')
    },
  }
}

describe('batchDisplay', () => {
  test('writes a line every ten seconds where there is no terminal', () => {
    const { at, text } = display({ resumed: 50, remaining: 200 }, false)
    for (let time = 1; time <= 25; time++) at(time, 2 * time, time > 15 ? 3 : 0)
    expect(text()).toBe(
      '70 of 250 rows: 200 tok/s, 90 s left\n90 of 250 rows: 3 failed, 200 tok/s, 80 s left\n',
    )
  })

  test('knows no end of a stream', () => {
    const { at, text } = display({ resumed: 0, remaining: undefined }, false)
    at(10, 0)
    at(20, 30)
    expect(text()).toBe('0 rows: 0 tok/s\n30 rows: 150 tok/s\n')
  })

  test('is a bar on a terminal', () => {
    const { at, text } = display({ resumed: 50, remaining: 150 }, true)
    at(10, 50, 1)
    expect(text()).toMatch(/Serving \S+ 100\/200 rows, 1 failed, 500 tok\/s, 20 s left/)
    const stream = display({ resumed: 0, remaining: undefined }, true)
    stream.at(10, 50)
    expect(stream.text()).toMatch(/Serving 50 rows, 500 tok\/s/)
  })
})
