import * as ort from 'onnxruntime-node'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { checkDeviceId, createSession } from '../../src/runtime/session.js'
import * as storage from '../../src/runtime/storage.js'
import { loadFixture } from '../fixtures.js'

// Its functions can be replaced then.
vi.mock('../../src/runtime/storage.js', { spy: true })

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
})

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

describe('a model', () => {
  /** Every device but the CPU has no more memory than this. */
  function withSmallDevices(message: string) {
    vi.stubEnv('VK_ICD_FILENAMES', 'some.json')
    const create = ort.InferenceSession.create.bind(ort.InferenceSession) as (
      ...parameters: unknown[]
    ) => Promise<ort.InferenceSession>
    vi.spyOn(ort.InferenceSession, 'create').mockImplementation((async (...parameters: unknown[]) => {
      const { executionProviders } = parameters[1] as { executionProviders: unknown[] }
      if (executionProviders[0] !== 'cpu') throw new Error(message)
      return create(...parameters)
    }) as never)
  }

  test('that is small runs on the CPU where the device is to be chosen, without a word', async () => {
    withSmallDevices('This is not tried.')
    const onNotice = vi.fn()
    const { model, device } = await loadFixture('llama', { device: 'auto', dtype: 'fp32', onNotice })
    expect(device).toBe('cpu')
    expect(onNotice).not.toHaveBeenCalled()
    expect(ort.InferenceSession.create).toHaveBeenCalledOnce()
    await model.dispose()
  })

  test.each([
    [
      'that is too large for the GPU',
      'vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY',
      'The GPU is too small for the model: running on the CPU.',
    ],
    ['without a GPU', 'Failed to get a WebGPU adapter: No supported adapters', undefined],
  ])('%s runs on the CPU where the device is to be chosen', async (_, message, notice) => {
    withSmallDevices(message)
    vi.spyOn(storage, 'weightBytes').mockReturnValue(200e6)
    const notices: string[] = []
    const { model, device } = await loadFixture('llama', {
      device: 'auto',
      dtype: 'fp32',
      onNotice: (text) => notices.push(text),
    })
    expect(device).toBe('cpu')
    expect(notices).toEqual(notice === undefined ? [] : [notice])
    await model.dispose()
  })

  test('that is too large for the GPU that was asked for says so', async () => {
    withSmallDevices('CUDA failure 2: out of memory ; GPU=0')
    await expect(loadFixture('llama', { device: 'cuda', dtype: 'fp32' })).rejects.toThrow(
      /^There is not enough memory on the device cuda to load the model: close other programs that use it, /,
    )
  })
})
