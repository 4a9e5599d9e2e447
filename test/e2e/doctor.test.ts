import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { builtInCheck } from '../../src/doctor/built-in.js'
import type { Check, DoctorJson } from '../../src/doctor/check.js'
import { fileWriter, isolateEnvironment, runClass, temporaryDirectory } from './cli.js'

const home = temporaryDirectory()
const file = fileWriter(home)

isolateEnvironment(home)
afterEach(() => {
  process.exitCode = undefined
})

async function doctor(): Promise<DoctorJson> {
  const { stdout, stderr } = await runClass('doctor', ['--json'])
  expect(stderr).toBe('')
  return JSON.parse(stdout)
}

const named = (checks: readonly Check[], name: string) => checks.find((check) => check.name === name)!

describe('llm doctor', () => {
  test('finds that llm generate works, without the network', async () => {
    const fetch = vi.spyOn(globalThis, 'fetch')
    const { state, checks } = await doctor()
    expect(state).not.toBe('problem')
    expect(process.exitCode).toBeUndefined()
    expect(fetch).not.toHaveBeenCalled()
    expect(checks.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'Node',
        'llm',
        'CPU',
        'Memory',
        'Device cpu',
        'Cache',
        'Hub cache',
        'Terminal',
      ]),
    )
    expect(named(checks, 'Device cpu')).toMatchObject({ state: 'ok', found: 'starts' })
    expect(named(checks, 'Built-in model')).toMatchObject({
      state: 'ok',
      found: expect.stringMatching(/^loads as fp32 and writes/),
    })
    expect(named(checks, 'ONNX Runtime').details.version).toMatch(/^\d+\.\d+\.\d+$/)
    fetch.mockRestore()
  })

  test('is a list for a reader', async () => {
    const { stdout, code } = await runClass('doctor', [])
    expect(code).toBe(0)
    const lines = stdout.trimEnd().split('\n')
    for (const line of lines.slice(0, -2)) expect(line).toMatch(/^(ok|note|problem) {2,}\w|^ {25}→ .+\.$/)
    expect(lines.at(-1)).toBe('llm generate works here.')
  })

  test('finds a cache that cannot be written', async () => {
    vi.stubEnv('XDG_CACHE_HOME', file('in the way'))
    vi.stubEnv('HF_HOME', file('in the way'))
    const { state, checks } = await doctor()
    expect(state).toBe('problem')
    expect(process.exitCode).toBe(1)
    expect(named(checks, 'Cache')).toMatchObject({
      state: 'problem',
      advice: 'Set XDG_CACHE_HOME to a directory that can be written.',
      details: { writable: false },
    })
    expect(named(checks, 'Hub cache')).toMatchObject({ state: 'note', details: { writable: false } })
    expect(named(checks, 'Built-in model')).toMatchObject({ state: 'problem', found: 'writes nothing' })
  })

  test('finds a cache where the system makes none', async ({ skip }) => {
    skip(!existsSync('/proc/self'), 'there is no /proc')
    vi.stubEnv('XDG_CACHE_HOME', '/proc/nohome')
    vi.stubEnv('HF_HOME', '/proc/nohome')
    const { checks } = await doctor()
    expect(named(checks, 'Cache')).toMatchObject({
      state: 'problem',
      found: '/proc/nohome/llm cannot be written',
    })
    expect(named(checks, 'Hub cache')).toMatchObject({ state: 'note', details: { writable: false } })
  })

  test('measures caches and makes none', async () => {
    const own = join(home, 'own')
    vi.stubEnv('XDG_CACHE_HOME', own)
    const empty = named((await doctor()).checks, 'Cache')
    expect(empty.found).toContain('own/llm: empty; ')
    // The built-in model has been converted there since.
    expect(existsSync(join(own, 'llm/graphs'))).toBe(true)
    const filled = named((await doctor()).checks, 'Cache')
    expect(filled.details.graphs_bytes).toBeGreaterThan(1e6)
  })
})

describe('the built-in model', () => {
  test('may be missing', async () => {
    expect(await builtInCheck(join(home, 'none'))).toMatchObject({
      state: 'problem',
      found: `${join(home, 'none')} has no model`,
      advice: 'Install llm again.',
    })
  })

  test('may be damaged', async () => {
    file('{}', 'config.json')
    const { state, advice } = await builtInCheck(home)
    expect(state).toBe('problem')
    expect(advice).toContain('config.json')
  })
})
