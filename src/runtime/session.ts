import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { UserError, usageError } from '../errors.js'
import type { CacheLayout } from '../models/decoder/layers.js'
import type { Device, Placement } from './device.js'
import { loadFailure } from './failures.js'
import * as ort from './ort.js'

export interface SessionOptions extends Placement {
  /** Threads of an operator on the CPU; by default one a core. */
  readonly threads?: number
  /** Where results are that are not written into tensors of the caller's; by default in host memory. */
  readonly outputs?: 'gpu-buffer'
}

// Failures come as exceptions; the library's own log would repeat them on stderr.
ort.env.logLevel = 'fatal'

/** WebGPU's tensors can be held from here; of CUDA's memory, what the graph writes comes back as an output. */
export function cacheLayoutOf(device: Device): CacheLayout {
  return ({ cpu: 'in-place', webgpu: 'device', cuda: 'appended' } as const)[device]
}

/** @throws UserError, exit code 2, for the number of a device where none can be chosen */
export function checkDeviceId(device: Device | 'auto', deviceId: number | undefined): void {
  if (deviceId === undefined || device === 'cuda') return
  throw usageError(
    `A device id chooses among CUDA's devices, and the device is ${device}: set it to cuda, or leave the id out.`,
  )
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
  { device, deviceId, threads = availableParallelism(), outputs }: SessionOptions,
): Promise<ort.InferenceSession> {
  try {
    const session = await ort.InferenceSession.create(graph, {
      executionProviders: [deviceId === undefined ? device : { name: device, deviceId }],
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
    return releasedOnce(session)
  } catch (error) {
    throw loadFailure(error, { device, deviceId })
  }
}

/** Releasing it again does nothing, and running it afterwards is refused with a sentence. */
function releasedOnce(session: ort.InferenceSession): ort.InferenceSession {
  const { run, release } = session
  let released: Promise<void> | undefined
  session.release = () => {
    released ??= release.call(session)
    return released
  }
  session.run = async (...args: unknown[]) => {
    if (released) throw new UserError('The model was disposed of: load it again.')
    return run.apply(session, args as Parameters<typeof run>)
  }
  return session
}
