import { describe, expect, test } from 'vitest'
import { deviceCheck } from '../../src/doctor/devices.js'
import { probeDevice, probeReason, supportedDevices } from '../../src/runtime/device-probe.js'

describe('a probe', () => {
  test('computes on the CPU', async () => {
    expect(supportedDevices()).toContain('cpu')
    expect(await probeDevice('cpu')).toEqual({ device: 'cpu', starts: true })
  })

  test('ends with its time', async () => {
    expect(await probeDevice('cpu', 1)).toEqual({
      device: 'cpu',
      starts: false,
      reason: 'no answer within 0.001 s',
    })
  })

  test('has a reason for a device that is none', async () => {
    const { starts, reason } = await probeDevice('toaster' as 'cpu')
    expect(starts).toBe(false)
    expect(reason).toMatch(/toaster|not supported|not available/)
  })
})

describe('the reason', () => {
  const log = (library: string, error: string) =>
    `\u001b[1;31m2026-01-01 [E:onnxruntime:, provider_bridge_ort.cc:2146 Create] FAIL : Failed to load library ${library} with error: ${error}\n\u001b[m`

  test.each([
    [
      'is the missing file',
      'vague',
      log('/a/b.so', 'libcudnn.so.9: cannot open shared object file: No such file'),
      'libcudnn.so.9 is not there',
    ],
    [
      'is the library itself',
      'vague',
      log('/a/b.so', '/a/b.so: cannot open shared object file: No such file'),
      'b.so is not there',
    ],
    ['is what else the loader says', 'vague', log('/a/b.so', 'undefined symbol: f'), 'undefined symbol: f'],
    [
      'is a missing Vulkan',
      'vague',
      "Warning: Couldn't load Vulkan: libvulkan.so.1: cannot open shared object file",
      'libvulkan.so.1 is not there',
    ],
    [
      'is what was thrown',
      '/src/webgpu_context.cc:136 Initialize() adapter_result.status == Success was false. Failed to get a WebGPU adapter: No supported adapters\nat f',
      '',
      'Failed to get a WebGPU adapter: No supported adapters',
    ],
    ['may be unknown', '', '', 'ONNX Runtime does not say why'],
  ])('%s', (_, thrown, logged, reason) => {
    expect(probeReason(thrown, logged)).toBe(reason)
  })
})

describe('a device that does not start', () => {
  const failed = { starts: false, reason: 'why' }

  test('is a problem on the CPU', () => {
    expect(deviceCheck({ device: 'cpu', ...failed }, true)).toMatchObject({
      state: 'problem',
      found: 'does not start: why',
      advice: 'Reinstall onnxruntime-node.',
    })
  })

  test('is a note with advice where there is a GPU, and without where there is none', () => {
    const there = deviceCheck({ device: 'cuda', ...failed }, true)
    expect(there).toMatchObject({ state: 'note', found: 'does not start: why' })
    expect(there.advice).toContain('ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node')
    const none = deviceCheck({ device: 'webgpu', ...failed }, false)
    expect(none).toMatchObject({ state: 'note', found: 'no GPU was found (why)' })
    expect(none.advice).toBeUndefined()
  })
})
