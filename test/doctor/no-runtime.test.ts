import { expect, test, vi } from 'vitest'
import type { Check } from '../../src/doctor/check.js'
import { examine } from '../../src/doctor/doctor.js'

vi.mock('../../src/runtime/ort.js', () => {
  throw new Error('the library is for another system')
})

test('a library that does not load is a problem, and all else is checked', async () => {
  const checks: Check[] = []
  for await (const check of examine({ version: '1.2.3' })) checks.push(check)
  expect(checks.map(({ name }) => name)).toEqual([
    'Node',
    'llm',
    'CPU',
    'Memory',
    'Terminal',
    'Cache',
    'Hub cache',
    'ONNX Runtime',
  ])
  expect(checks.at(-1)).toMatchObject({ state: 'problem', advice: 'Reinstall onnxruntime-node.' })
})
