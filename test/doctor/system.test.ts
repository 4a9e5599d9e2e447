import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { gravest } from '../../src/doctor/check.js'
import { memoryCheck, nodeCheck, processorCheck, terminalCheck } from '../../src/doctor/system.js'

describe('Node', () => {
  test.each([
    ['18.19.1', 'problem'],
    ['20.9.0', 'problem'],
    ['20.18.3', 'problem'],
    ['20.19.0', 'ok'],
    ['21.7.3', 'problem'],
    ['22.11.0', 'problem'],
    ['22.12.0', 'ok'],
    ['23.0.0', 'ok'],
    ['24.1.0', 'ok'],
  ])('%s is a %s', (version, state) => {
    const check = nodeCheck(version)
    expect(check.state).toBe(state)
    expect(check.advice).toBe(state === 'ok' ? undefined : 'Install Node 20.19, or 22.12 or newer.')
  })

  test('is asked for as package.json does', () => {
    const { engines } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'))
    const [first, second] = String(nodeCheck('20.19.0').details?.needed).split(', or ')
    expect(engines.node).toBe(`^${first}.0 || >=${second}.0`)
  })
})

describe('the processor', () => {
  const idle = { model: 'A CPU', cores: 2, threads: 1, load: 0.25 }

  test('is told with its threads', () => {
    expect(processorCheck(idle)).toMatchObject({
      state: 'ok',
      found: 'A CPU, 2 cores, 1 thread a session, load 0.3',
      details: idle,
    })
  })

  test('is a note where more wants to run than there are cores', () => {
    expect(processorCheck({ ...idle, load: 2 }).state).toBe('ok')
    expect(processorCheck({ ...idle, load: 2.5 })).toMatchObject({
      state: 'note',
      advice: expect.stringContaining('busy'),
    })
  })
})

describe('memory', () => {
  test.each([
    [{ total: 8e9, free: 4e9, limit: null }, 'ok', '4.0 GB of 8.0 GB free'],
    [{ total: 8e9, free: 0.5e9, limit: null }, 'note', '500.0 MB of 8.0 GB free'],
    [{ total: 8e9, free: 4e9, limit: 0.9e9 }, 'note', '4.0 GB of 8.0 GB free, limited to 900.0 MB'],
  ])('%o is %s', (memory, state, found) => {
    expect(memoryCheck(memory)).toMatchObject({ state, found, details: memory })
  })
})

describe('the terminal', () => {
  const terminal = { isTTY: true, columns: 80, getColorDepth: () => 8 } as const

  test.each([
    [terminal, {}, '80 columns, 256 colours'],
    [terminal, { NO_COLOR: '1' }, '80 columns, no colours'],
    [{ ...terminal, getColorDepth: () => 1 }, {}, '80 columns, no colours'],
    [
      { isTTY: false, columns: 0, getColorDepth: () => 8 },
      {},
      'stdout is no terminal: plain text as it comes',
    ],
  ])('case %#', (stdout, env, found) => {
    expect(terminalCheck(stdout as typeof terminal, env).found).toBe(found)
  })
})

test('the gravest state is that of all', () => {
  const check = (state: 'ok' | 'note' | 'problem') => ({ name: '', state, found: '', details: {} })
  expect(gravest([check('ok')])).toBe('ok')
  expect(gravest([check('ok'), check('note')])).toBe('note')
  expect(gravest([check('problem'), check('note'), check('ok')])).toBe('problem')
})
