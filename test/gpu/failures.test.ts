import * as ort from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { zerosGraph } from '../../src/models/decoder/cache-graphs.js'
import { serialize } from '../../src/onnx/serialize.js'
import { DeviceTooSmall, runFailure } from '../../src/runtime/failures.js'
import { createSession } from '../../src/runtime/session.js'
import { testDevices } from '../runtime/devices.js'

const webgpu = (await testDevices()).find(({ device }) => device === 'webgpu')

describe.skipIf(webgpu?.missing !== undefined)('a device', () => {
  test('that has no room for a tensor says so in one sentence, and goes on', async () => {
    const options = { device: 'webgpu', outputs: 'gpu-buffer' } as const
    const session = await createSession(serialize(zerosGraph('float32')), '', options)
    const zeros = (columns: bigint) => {
      const shape = new ort.Tensor('int64', [1n, 1n, columns, 1n], [4])
      return session.run({ shape }).catch((error) => {
        throw runFailure(error, 'webgpu', 'to run the model')
      })
    }
    await expect(zeros(2n ** 34n)).rejects.toThrow(DeviceTooSmall)
    await expect(zeros(2n ** 34n)).rejects.toThrow(/^[^\n]+ the device webgpu [^\n]+ to run the model: use /)
    const { zeros: small } = await zeros(4n)
    expect(small.location).toBe('gpu-buffer')
    small.dispose()
    await session.release()
  })
})
