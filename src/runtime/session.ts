import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { UserError } from '../errors.js'
import type { CacheLayout } from '../models/layers.js'
import * as ort from './ort.js'

export const DEVICES = ['cpu', 'webgpu', 'cuda'] as const
export type Device = (typeof DEVICES)[number]

export interface SessionOptions {
  readonly device: Device
  /** Threads of an operator on the CPU; by default one a core. */
  readonly threads?: number
  /** Where results are that are not written into tensors of the caller's; by default in host memory. */
  readonly outputs?: 'gpu-buffer'
}

/** What to do where a device is asked for and not there. */
export const REMEDY: Readonly<Record<Device, string>> = {
  cpu: 'reinstall onnxruntime-node',
  webgpu:
    'install a driver for the GPU (on Linux a Vulkan driver and libvulkan1), or leave --device out for the CPU',
  cuda:
    'install CUDA 12 and cuDNN 9, then the provider with `npm rebuild onnxruntime-node ' +
    '--onnxruntime-node-install=cuda12`, or leave --device out for the CPU',
}

// Failures come as exceptions; the library's own log would repeat them on stderr.
ort.env.logLevel = 'fatal'

/** WebGPU's tensors can be held from here; of CUDA's memory, what the graph writes comes back as an output. */
export function cacheLayoutOf(device: Device): CacheLayout {
  return ({ cpu: 'in-place', webgpu: 'device', cuda: 'appended' } as const)[device]
}

/** The devices to try for `auto`, best first; those that cannot be there are left out. */
export function autoDevices(): Device[] {
  const nvidia = existsSync('/dev/nvidiactl')
  const vulkan = process.env.VK_ICD_FILENAMES ?? process.env.VK_DRIVER_FILES
  const gpu = process.platform !== 'linux' || nvidia || existsSync('/dev/dri') || existsSync('/dev/dxg')
  return [...(nvidia ? (['cuda'] as const) : []), ...(gpu || vulkan ? (['webgpu'] as const) : []), 'cpu']
}

/**
 * Loads a graph whose weight files lie in `directory`.
 * @throws UserError where the device is not there or the memory does not suffice.
 */
export async function createSession(
  graph: Uint8Array,
  directory: string,
  { device, threads = availableParallelism(), outputs }: SessionOptions,
): Promise<ort.InferenceSession> {
  try {
    return await ort.InferenceSession.create(graph, {
      executionProviders: [device],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      graphOptimizationLevel: 'all',
      ...(outputs && { preferredOutputLocation: outputs }),
      extra: {
        session: {
          model_external_initializers_file_folder_path: directory,
          // Threads that go on spinning after a run take the cores from the next run of another session: a drafter's, for one.
          force_spinning_stop: '1',
        },
      },
    })
  } catch (error) {
    throw sessionError(error, device)
  }
}

/** Whether the failure is the device's, so that `auto` may try the next one. */
export class DeviceUnavailable extends UserError {}

/** The error of a device that does not compute in float16. */
export function noHalf(device: Device, cause: unknown): Error {
  const message = firstLine(cause)
  if (!message.includes('requires f16')) return sessionError(cause, device)
  return new DeviceUnavailable(
    `The GPU does not compute in half precision on ${device} (shader-f16): use --dtype fp32, int8 or int4.`,
    1,
    { cause },
  )
}

function sessionError(error: unknown, device: Device): Error {
  const message = firstLine(error)
  if (isOutOfMemory(message)) return outOfMemory('to load the model', error)
  if (device === 'cpu') {
    return new UserError(`ONNX Runtime cannot load the graph: ${message}`, 1, { cause: error })
  }
  return new DeviceUnavailable(`The device ${device} cannot be used: ${REMEDY[device]}. (${message})`, 1, {
    cause: error,
  })
}

/** The sentence for an allocation that failed; `purpose` begins with "to". */
export function outOfMemory(purpose: string, cause: unknown): UserError {
  const remedy = 'close other programs, use --dtype int8 or int4, or a shorter context'
  return new UserError(`There is not enough memory ${purpose}: ${remedy}.`, 1, { cause })
}

export function isOutOfMemory(message: string): boolean {
  return /bad_alloc|failed to allocate|allocation failed|out of memory|invalid array length/i.test(message)
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  // The library begins with its own source line and a list of bracketed codes.
  const text = message.replace(/^\/\S+:\d+ .*?(?=Failed|\[ONNXRuntimeError\])/s, '')
  return text.split('\n')[0].trim()
}
