import { describe, expect, test } from 'vitest'
import { canRedraw } from '../../src/ui/redraw.js'

describe('canRedraw', () => {
  const terminal = { isTTY: true, columns: 80 }

  test('on a terminal with a size', () => {
    expect(canRedraw(terminal, {})).toBe(true)
    expect(canRedraw({ isTTY: true, columns: 0 }, {})).toBe(false)
    expect(canRedraw({ isTTY: false, columns: 80 }, {})).toBe(false)
  })

  test.each([
    [{ CI: 'true' }, false],
    [{ CI: '1' }, false],
    [{ CI: '' }, false],
    [{ CONTINUOUS_INTEGRATION: 'true' }, false],
    [{ CI: 'false' }, true],
    [{ CI: '0' }, true],
  ])('where CI does not keep ink from drawing: %j', (env, can) => {
    expect(canRedraw(terminal, env)).toBe(can)
  })
})
