import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Graph } from '../onnx/graph.js'
import { serialize } from '../onnx/serialize.js'
import { DEVICES, type Device } from './device.js'
import { listSupportedBackends } from './ort.js'

/** What became of a tiny graph on a device. */
export interface DeviceProbe {
  readonly device: Device
  readonly starts: boolean
  /** Why it does not start, in ONNX Runtime's or the system's words. */
  readonly reason?: string
}

/** Milliseconds that a device may take for |-1|; a driver compiles a shader meanwhile. */
const PATIENCE = 20_000

/** Runs |-1| by the library at argv[1], with the graph at argv[2], on the device at argv[3]. */
const SCRIPT = `
  const { InferenceSession, Tensor } = require(process.argv[1])
  InferenceSession.create(Buffer.from(process.argv[2], 'base64'), { executionProviders: [process.argv[3]] })
    .then((session) => session.run({ x: new Tensor('float32', [-1], [1]) }))
    .then(({ y }) => console.log(y.data[0] === 1 ? 'right' : '|-1| came out as ' + y.data[0]))
    .catch((error) => console.log(error.message))
`

const library = createRequire(import.meta.url).resolve('onnxruntime-node')

/** The devices that this build of ONNX Runtime was made for, the installed ones and those that have to be added. */
export function supportedDevices(): Device[] {
  const names = listSupportedBackends().map(({ name }) => name)
  return DEVICES.filter((device) => names.includes(device))
}

/**
 * Computes |-1| on a device, in a process of its own: a missing driver may crash it or keep it waiting.
 * @param patience milliseconds
 */
export function probeDevice(device: Device, patience = PATIENCE): Promise<DeviceProbe> {
  const graph = new Graph()
  graph.node('Abs', [graph.input('x', 'float32', [1])], {}, 'y')
  graph.output('y', 'float32', [1])
  const bytes = Buffer.from(serialize(graph)).toString('base64')
  const args = ['-e', SCRIPT, library, bytes, device]
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      args,
      { timeout: patience, killSignal: 'SIGKILL', encoding: 'utf8' },
      (error, stdout, stderr) => {
        const said = stdout.trim()
        if (said === 'right' && !error) resolve({ device, starts: true })
        else if (error?.killed) resolve(failed(device, `no answer within ${patience / 1000} s`))
        else if (error) resolve(failed(device, `its process ended with ${error.signal ?? error.code}`))
        else resolve(failed(device, probeReason(said, stderr)))
      },
    )
  })
}

function failed(device: Device, reason: string): DeviceProbe {
  return { device, starts: false, reason }
}

/** The library logs which file it misses, and throws something vaguer. */
export function probeReason(thrown: string, logged: string): string {
  const [, library, cause] = /Failed to load library (\S+) with error: ([^\n]+)/.exec(logged) ?? []
  if (library !== undefined) {
    const missing = /(?:^|[\s/])([^\s/]+): cannot open shared object file/.exec(cause)?.[1]
    return missing ? `${missing} is not there` : cause.trim()
  }
  const vulkan = /Couldn't load Vulkan: ([^\s:]+): cannot open/.exec(logged)?.[1]
  if (vulkan !== undefined) return `${vulkan} is not there`
  // It begins with its own source line.
  return (
    thrown
      .replace(/^.*was false\. /s, '')
      .split('\n')[0]
      .trim() || 'ONNX Runtime does not say why'
  )
}

/** Whether the library's part for CUDA is installed; it does not come with the package. */
export function hasCudaProvider(): boolean {
  const binaries = join(dirname(library), '../bin/napi-v6', process.platform, process.arch)
  const names = ['libonnxruntime_providers_cuda.so', 'onnxruntime_providers_cuda.dll']
  return names.some((name) => existsSync(join(binaries, name)))
}
