import { DeviceLost, UserError } from '../errors.js'
import type { Device, Placement } from './device.js'

/** What to do where a device is asked for and not there. */
export const REMEDY: Readonly<Record<Device, string>> = {
  cpu: 'reinstall onnxruntime-node',
  webgpu:
    'install a driver for the GPU (on Linux a Vulkan driver and libvulkan1), or leave --device out for the CPU',
  cuda:
    'install CUDA 12 and cuDNN 9, then the provider with `ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild ' +
    'onnxruntime-node`, or leave --device out for the CPU',
}

/** The failure is the device's, so that `auto` may try the next one. */
export class DeviceUnavailable extends UserError {}

/** The device is there, and too small for the model. */
export class DeviceTooSmall extends DeviceUnavailable {}

/** The sentence for a session that cannot be made. */
export function loadFailure(error: unknown, { device, deviceId }: Placement): Error {
  const message = firstLine(error)
  const shortage = shortageOf(message, device, 'to load the model', error)
  if (shortage) return shortage
  if (device === 'cpu') {
    return new UserError(`ONNX Runtime cannot load the graph: ${message}`, 1, { cause: error })
  }
  const sentence = /invalid device ordinal/i.test(message)
    ? `There is no device ${deviceId} for CUDA: nvidia-smi lists those there are.`
    : `The device ${device} cannot be used: ${REMEDY[device]}.`
  return new DeviceUnavailable(`${sentence} (${message})`, 1, { cause: error })
}

/** The sentence for a device that may not compute in float16, which only a run tells. */
export function halfFailure(error: unknown, device: Device): Error {
  if (!firstLine(error).includes('requires f16')) return loadFailure(error, { device })
  const sentence = `The GPU does not compute in half precision on ${device} (shader-f16)`
  return new DeviceUnavailable(`${sentence}: use --dtype fp32, int8 or int4.`, 1, { cause: error })
}

/**
 * The sentence for a run that failed.
 * @param purpose of the run; begins with "to" or "for"
 */
export function runFailure(error: unknown, device: Device, purpose: string): Error {
  if (error instanceof UserError || !(error instanceof Error)) return error as Error
  const message = firstLine(error)
  const shortage = shortageOf(message, device, purpose, error)
  if (shortage) return shortage
  if (device !== 'cpu' && isLoss(message)) {
    const sentence = `The device ${device} was lost while it was needed ${purpose}`
    const remedy = 'start again, with --device cpu if it is lost once more'
    return new DeviceLost(`${sentence}: ${remedy}. (${message})`, 1, { cause: error })
  }
  return new UserError(`ONNX Runtime failed: ${message}`, 1, { cause: error })
}

/** The sentence for an allocation on the host that failed; `purpose` begins with "to" or "for". */
export function outOfMemory(purpose: string, cause: unknown): UserError {
  const remedy = 'close other programs, use --dtype int8 or int4, or a shorter context'
  return new UserError(`There is not enough memory ${purpose}: ${remedy}.`, 1, { cause })
}

/** The sentence for memory that is not there, of the host or the device, and for what a device does not allow. */
function shortageOf(message: string, device: Device, purpose: string, cause: unknown): UserError | undefined {
  if (device === 'cpu' || HOST_MEMORY.test(message)) {
    const isShort = HOST_MEMORY.test(message) || MEMORY.test(message)
    return isShort ? outOfMemory(purpose, cause) : undefined
  }
  if (LIMIT.test(message)) {
    const sentence = `A tensor is larger than the device ${device} allows ${purpose}`
    return new DeviceTooSmall(`${sentence}: ${SMALLER}. (${message})`, 1, { cause })
  }
  if (!DEVICE_MEMORY[device].test(message) && !MEMORY.test(message)) return undefined
  const sentence = `There is not enough memory on the device ${device} ${purpose}`
  return new DeviceTooSmall(`${sentence}: close other programs that use it, ${SMALLER}.`, 1, { cause })
}

const SMALLER = 'use --dtype int8 or int4, a shorter context, or --device cpu'

const HOST_MEMORY = /bad_alloc|invalid array length|array buffer allocation failed/i
const MEMORY = /failed to allocate|allocation failed|out of memory/i
const DEVICE_MEMORY = {
  // A buffer that could not be made is told of where it is first used.
  webgpu: /invalid buffer .*due to a previous error|VK_ERROR_OUT_OF_DEVICE_MEMORY|E_OUTOFMEMORY/i,
  cuda: /smaller than requested bytes|CU(BLAS|DNN)_STATUS_ALLOC_FAILED/i,
} as const
const LIMIT =
  /exceed\w* (the )?max(imum)? ?(buffer|storage|StorageBuffer)|larger than the max\w* .*binding size|too many storage buffers|narrowing_error/i

/** CUDA's errors stay with the process, all but that of an allocation. */
function isLoss(message: string): boolean {
  return /device (was |is )?lost|is lost\b|device was destroyed|VK_ERROR_DEVICE_LOST|DEVICE_REMOVED|CUDA failure \d+/i.test(
    message,
  )
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  // The library begins with its own source line and a list of bracketed codes.
  const text = message.replace(/^\/\S+:\d+ .*?(?=Failed|\[ONNXRuntimeError\])/s, '')
  return text.split('\n')[0].trim()
}
