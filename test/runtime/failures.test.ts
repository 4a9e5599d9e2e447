import { describe, expect, test } from 'vitest'
import { DeviceLost, UserError } from '../../src/errors.js'
import { DeviceTooSmall, DeviceUnavailable, loadFailure, runFailure } from '../../src/runtime/failures.js'

/** What ONNX Runtime says, in the words of its logs and sources. */
const SAID = {
  webgpu: {
    memory:
      'WebGPU validation failed. [Invalid Buffer (unlabeled)] is invalid due to a previous error.\n - While validating entries[1]',
    allocation:
      'vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY\n    at AllocateMemory (third_party/dawn)',
    size: 'WebGPU validation failed. Buffer size (4294967296) exceeds the max buffer size limit (1073741824).\n - While calling [Device].CreateBuffer([BufferDescriptor]).',
    binding:
      'WebGPU validation failed. Binding size (268435456) of [Buffer (unlabeled)] is larger than the maximum storage buffer binding size (134217728).',
    loss: 'WebGPU device lost (1): VK_ERROR_DEVICE_LOST',
    after: 'WebGPU validation failed. [Device] is lost.\n - While calling [Device].CreateBuffer',
    adapter: 'Failed to get a WebGPU adapter: No supported adapters.',
  },
  cuda: {
    arena:
      "Non-zero status code returned while running MatMul node. Name:'MatMul_92' Status Message: /onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:376 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool) Failed to allocate memory for requested buffer of size 8388608000",
    available: 'Available memory of 1048576 is smaller than requested bytes of 8388608',
    memory:
      '/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:121 bool onnxruntime::CudaCall CUDA failure 2: out of memory ; GPU=0 ; hostname=host ; expr=cudaMalloc(&p, size);',
    blas: 'CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0 ; expr=cublasCreate(&cublas_handle_);',
    access:
      'CUDA failure 700: an illegal memory access was encountered ; GPU=0 ; hostname=host ; expr=cudaStreamSynchronize(stream);',
    launch: 'CUDA failure 719: unspecified launch failure ; GPU=0 ; hostname=host ; expr=cudaMemcpyAsync();',
    unknown: 'CUDA failure 999: unknown error ; GPU=0 ; hostname=host ; expr=cudaSetDevice(device_id);',
    ordinal: 'CUDA failure 101: invalid device ordinal ; GPU=0 ; expr=cudaSetDevice(info_.device_id);',
    library: 'OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library',
  },
} as const

const running = (device: 'webgpu' | 'cuda', message: string) =>
  runFailure(new Error(message), device, 'to run the model')

describe('a run that fails on a device', () => {
  test.each([
    ['webgpu', SAID.webgpu.memory],
    ['webgpu', SAID.webgpu.allocation],
    ['cuda', SAID.cuda.arena],
    ['cuda', SAID.cuda.available],
    ['cuda', SAID.cuda.memory],
    ['cuda', SAID.cuda.blas],
  ] as const)('for lack of memory, of %s, says what frees some there: %s', (device, message) => {
    const failure = running(device, message)
    expect(failure).toBeInstanceOf(DeviceTooSmall)
    expect(failure.message).toBe(
      `There is not enough memory on the device ${device} to run the model: close other programs that use it, use --dtype int8 or int4, a shorter context, or --device cpu.`,
    )
  })

  test.each([SAID.webgpu.size, SAID.webgpu.binding])('for a limit says which: %s', (message) => {
    const { message: said } = running('webgpu', message)
    expect(said).toMatch(/^A tensor is larger than the device webgpu allows to run the model: use --dtype /)
    expect(said).toContain(`(${message.split('\n')[0]})`)
  })

  test.each([
    ['webgpu', SAID.webgpu.loss],
    ['webgpu', SAID.webgpu.after],
    ['cuda', SAID.cuda.access],
    ['cuda', SAID.cuda.launch],
    ['cuda', SAID.cuda.unknown],
  ] as const)('since %s is gone says so: %s', (device, message) => {
    const failure = running(device, message)
    expect(failure).toBeInstanceOf(DeviceLost)
    expect(failure.message).toMatch(
      /^The device \w+ was lost while it was needed to run the model: start again, .+\)$/,
    )
    expect(failure.message).not.toContain('\n')
  })

  test('for lack of memory of the host says so, and not that the device is small', () => {
    const failure = running('webgpu', 'std::bad_alloc')
    expect(failure).not.toBeInstanceOf(DeviceTooSmall)
    expect(failure.message).toMatch(/^There is not enough memory to run the model: close other programs, /)
  })

  test('otherwise tells what ONNX Runtime says', () => {
    expect(running('cuda', 'Non-zero status code\nand a stack').message).toBe(
      'ONNX Runtime failed: Non-zero status code',
    )
    expect(runFailure(new Error('is lost'), 'cpu', 'to run').message).toBe('ONNX Runtime failed: is lost')
  })

  test('is told once', () => {
    const told = new UserError('Known.')
    expect(runFailure(told, 'cuda', 'to run')).toBe(told)
  })
})

describe('a session that cannot be made', () => {
  const loading = (device: 'webgpu' | 'cuda', message: string, deviceId?: number) =>
    loadFailure(new Error(message), { device, deviceId })

  test.each([
    ['webgpu', SAID.webgpu.adapter, 'install a driver for the GPU '],
    ['cuda', SAID.cuda.library, 'install CUDA 12 and cuDNN 9'],
  ] as const)('on %s lets others be tried: %s', (device, message, remedy) => {
    const failure = loading(device, message)
    expect(failure).toBeInstanceOf(DeviceUnavailable)
    expect(failure.message).toContain(`The device ${device} cannot be used: ${remedy}`)
  })

  test('for lack of memory on the device lets others be tried, too', () => {
    const failure = loading('cuda', SAID.cuda.memory)
    expect(failure).toBeInstanceOf(DeviceUnavailable)
    expect(failure.message).toMatch(/^There is not enough memory on the device cuda to load the model: /)
  })

  test('for a number that no device has names it', () => {
    expect(loading('cuda', SAID.cuda.ordinal, 7).message).toMatch(/^There is no device 7 for CUDA: /)
  })
})
