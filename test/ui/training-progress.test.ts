import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { type TrainingState, trainingDisplay } from '../../src/ui/training-progress.js'

function capture(isTTY: boolean) {
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 120, rows: 10 })
  let text = ''
  stream.on('data', (chunk) => {
    text += chunk
  })
  return { stream: stream as unknown as NodeJS.WriteStream, text: () => text }
}

const state = (step: number, rest: Partial<TrainingState> = {}): TrainingState => ({
  step,
  steps: 200,
  loss: 4,
  tokensPerStep: 1000,
  tokensPerSecond: 500,
  ...rest,
})

describe('training without a terminal', () => {
  test('is a line every ten seconds, for each evaluation, and at the end', () => {
    const { stream, text } = capture(false)
    let seconds = 0
    const display = trainingDisplay(stream, () => seconds)
    for (let step = 1; step <= 200; step++) {
      display.update(state(step))
      seconds += 0.125
      if (step === 50) display.heldOut(step, 3.25)
    }
    display.stop()
    expect(text().split('\n')).toEqual([
      'Step 1 of 200: loss 4.000, 500 tok/s, 7 min left',
      'Step 50: held-out 3.250',
      'Step 81 of 200: loss 4.000, 500 tok/s, 4 min left',
      'Step 161 of 200: loss 4.000, 500 tok/s, 78 s left',
      'Step 200 of 200: loss 4.000, 500 tok/s, 0 s left',
      '',
    ])
  })

  test('shows running means', () => {
    const { stream, text } = capture(false)
    const display = trainingDisplay(stream, () => 0)
    display.update(state(1))
    display.update(state(200, { loss: 2, tokensPerSecond: 700 }))
    expect(text()).toContain('Step 200 of 200: loss 3.900, 510 tok/s')
  })

  test('tells long times in hours', () => {
    const { stream, text } = capture(false)
    trainingDisplay(stream, () => 0).update(state(1, { steps: 4001 }))
    expect(text()).toContain('2 h 13 min left')
  })
})

test('training on a terminal is a bar with its figures', () => {
  const { stream, text } = capture(true)
  const display = trainingDisplay(stream)
  display.update(state(1))
  display.heldOut(1, 3.25)
  display.update(state(2))
  display.stop()
  expect(text()).toContain('Training')
  expect(text()).toContain('loss 4.000, 500 tok/s')
})
