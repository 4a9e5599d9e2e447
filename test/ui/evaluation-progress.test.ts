import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { evaluationDisplay } from '../../src/ui/evaluation-progress.js'

function capture(isTTY: boolean) {
  const terminal = { isTTY, columns: 100, cursorTo: () => {}, clearLine: () => {} }
  const stream = Object.assign(new PassThrough(), terminal)
  return { stream: stream as unknown as NodeJS.WriteStream, text: () => String(stream.read() ?? '') }
}

describe('evaluationDisplay', () => {
  test('writes a line every ten seconds where there is no terminal', () => {
    const { stream, text } = capture(false)
    let seconds = 0
    const display = evaluationDisplay(undefined, stream, () => seconds)
    for (let tokens = 100; tokens <= 2500; tokens += 100) {
      seconds += 1
      display.update({ tokens, nats: 2 * tokens })
    }
    display.stop()
    expect(text()).toBe(
      'Scored 1000 tokens, 2.000 nats each, 100 tok/s\nScored 2000 tokens, 2.000 nats each, 100 tok/s\n',
    )
  })

  test('is a bar on a terminal, where the number of tokens is known', () => {
    const { stream, text } = capture(true)
    let seconds = 0
    const display = evaluationDisplay(1000, stream, () => seconds)
    seconds = 5
    display.update({ tokens: 250, nats: 500 })
    display.stop()
    expect(text()).toMatch(/Scoring \S+ 25% 250 tokens, 2\.000 nats each, 50 tok\/s/)
  })

  test('is a line on a terminal, where it is not', () => {
    const { stream, text } = capture(true)
    let seconds = 0
    const display = evaluationDisplay(undefined, stream, () => seconds)
    seconds = 5
    display.update({ tokens: 250, nats: 500 })
    display.stop()
    const shown = text()
    expect(shown).toContain('Scoring 250 tokens, 2.000 nats each, 50 tok/s')
    expect(shown).not.toContain('%')
  })
})
