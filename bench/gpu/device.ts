import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { readBandwidth } from '../../src/bench/bandwidth.js'
import { Graph, type Value } from '../../src/onnx/graph.js'
import { serialize } from '../../src/onnx/serialize.js'
import type { Placement } from '../../src/runtime/device.js'
import * as ort from '../../src/runtime/ort.js'
import { createSession } from '../../src/runtime/session.js'
import { median } from '../common.js'

/** Floats of the tensor that is copied: 128 MiB, more than the caches of a device hold. */
const FLOATS = 2 ** 25
const COPIES = 16
const RUNS = 9

/**
 * Bytes per second that a device's memory gives to a graph that reads and writes a tensor again and again; on the CPU what it gives
 * to readers.
 */
export async function measureBandwidth(placement: Placement, threads: number): Promise<number> {
  if (placement.device === 'cpu') return readBandwidth(threads)
  const graph = new Graph()
  graph.output('sum', 'float32', [])
  const shape = graph.input('shape', 'int64', [1])
  let value: Value = graph.node('Expand', [graph.constant('float32', [1]), shape])
  for (let copy = 0; copy < COPIES; copy++) value = graph.node(copy % 2 === 0 ? 'Neg' : 'Abs', [value])
  // What comes to the host is waited for.
  graph.node('ReduceMax', [value], { keepdims: 0 }, 'sum')
  const session = await createSession(serialize(graph), '', placement)
  try {
    const times: number[] = []
    for (let run = 0; run <= RUNS; run++) {
      const started = performance.now()
      await session.run({ shape: new ort.Tensor('int64', [BigInt(FLOATS)], [1]) })
      // The first run compiles.
      if (run > 0) times.push((performance.now() - started) / 1e3)
    }
    const passes = 1 + 2 * COPIES + 1
    return (4 * FLOATS * passes) / median(times)
  } finally {
    await session.release()
  }
}

/** The device and its driver, as far as the system tells. */
export async function describeDevice({ device, deviceId = 0 }: Placement): Promise<string> {
  if (device === 'cpu') return 'Device: cpu'
  const query = [
    '--query-gpu=name,driver_version,memory.total',
    '--format=csv,noheader',
    '-i',
    String(deviceId),
  ]
  const nvidia = await promisify(execFile)('nvidia-smi', query).catch(() => undefined)
  const icd = process.env.VK_ICD_FILENAMES ?? process.env.VK_DRIVER_FILES
  const said = [nvidia?.stdout.trim(), device === 'webgpu' && icd && `Vulkan driver ${icd}`].filter(Boolean)
  return `Device: ${[device, ...said].join(', ')}`
}
