import * as ort from 'onnxruntime-node'
import { Graph } from '../../src/onnx/graph.js'
import { serialize } from '../../src/onnx/serialize.js'
import { DEVICES, type Device } from '../../src/runtime/device.js'
import { DeviceUnavailable } from '../../src/runtime/failures.js'
import { createSession } from '../../src/runtime/session.js'

export interface TestDevice {
  readonly device: Device
  /** Why it cannot be used here; undefined where it can. */
  readonly missing: string | undefined
}

/** All devices; where one is not here, the reason is printed. */
export async function testDevices(): Promise<TestDevice[]> {
  const devices: TestDevice[] = []
  for (const device of DEVICES) {
    const missing = device === 'cpu' ? undefined : await missingDevice(device)
    if (missing) console.log(`Cases on ${device} are skipped. ${missing}`)
    devices.push({ device, missing })
  }
  return devices
}

async function missingDevice(device: Device): Promise<string | undefined> {
  const graph = new Graph()
  graph.node('Abs', [graph.input('x', 'float32', [1])], {}, 'y')
  graph.output('y', 'float32', [1])
  try {
    const { y } = await runGraph(graph, { x: tensor(Float32Array.of(-1), [1]) }, { device })
    if (y[0] !== 1) throw new Error(`${device} says that |-1| is ${y[0]}`)
    return undefined
  } catch (error) {
    if (error instanceof DeviceUnavailable) return error.message
    throw error
  }
}

export function tensor(values: Float32Array | BigInt64Array, shape: readonly number[]): ort.Tensor {
  return values instanceof Float32Array
    ? new ort.Tensor('float32', values, shape)
    : new ort.Tensor('int64', values, shape)
}

/** Loads a graph, runs it once and returns its outputs' values. */
export async function runGraph(
  graph: Graph,
  feeds: Record<string, ort.Tensor>,
  { device = 'cpu', directory = '.' }: { device?: Device; directory?: string } = {},
): Promise<Record<string, ort.Tensor['data']>> {
  const session = await createSession(serialize(graph), directory, { device, threads: 1 })
  try {
    const outputs = await session.run(feeds)
    return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data]))
  } finally {
    await session.release()
  }
}
