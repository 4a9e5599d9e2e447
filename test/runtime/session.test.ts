import * as ort from 'onnxruntime-node'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { checkDeviceId, createSession } from '../../src/runtime/session.js'

afterEach(() => vi.restoreAllMocks())

/** What ONNX Runtime is asked for. */
function watchCreate() {
  return vi.spyOn(ort.InferenceSession, 'create').mockResolvedValue({} as never)
}

describe('the device of a session', () => {
  test.each([
    [{ device: 'cuda', deviceId: 2 } as const, { name: 'cuda', deviceId: 2 }],
    [{ device: 'cuda' } as const, 'cuda'],
    [{ device: 'webgpu' } as const, 'webgpu'],
  ])('%o is asked for by its number where it has one', async (placement, provider) => {
    const create = watchCreate()
    await createSession(new Uint8Array(), '', placement)
    expect(create.mock.calls[0][1 as never]).toMatchObject({ executionProviders: [provider] })
  })

  test.each(['auto', 'cpu', 'webgpu'] as const)('%s takes no number', (device) => {
    expect(() => checkDeviceId(device, 0)).toThrow(/^A device id chooses among CUDA's devices, .+\.$/)
    expect(() => checkDeviceId(device, undefined)).not.toThrow()
    expect(() => checkDeviceId('cuda', 3)).not.toThrow()
  })
})
