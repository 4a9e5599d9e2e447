import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parametersIn } from '../src/language-model/checkpoint.js'
import { layoutFromConfig, specFromConfig } from '../src/models/families/index.js'
import { configFromGguf, ggufLayout, ggufTensors } from '../src/models/gguf/model.js'
import type { DecoderSpec } from '../src/models/spec.js'
import { loadOnnxModel, type RuntimeOptions } from '../src/runtime/load.js'
import type { PagedModel } from '../src/runtime/paged-model.js'
import { openGguf } from '../src/weights/gguf.js'
import { openWeights, type WeightStore } from '../src/weights/index.js'

const FIXTURES = join(import.meta.dirname, 'fixtures')

export function fixturePath(name: string): string {
  return join(FIXTURES, name)
}

/** A fixture model on ONNX Runtime. */
export function loadFixture(name: string, options: RuntimeOptions = {}) {
  return withFixture(name, (spec, store, path) =>
    loadOnnxModel(spec, store, path, { device: 'cpu', ...options }),
  )
}

/** The same for many sequences at a time. */
export async function loadPaged(name: string, options: RuntimeOptions = {}) {
  const all = { device: 'cpu', manySequences: true, ...options } as const
  const loaded = await withFixture(name, (spec, store, path) => loadOnnxModel(spec, store, path, all))
  return { ...loaded, model: loaded.model as PagedModel }
}

async function withFixture<T>(
  name: string,
  load: (spec: DecoderSpec, store: WeightStore, path: string) => Promise<T>,
): Promise<T & { spec: DecoderSpec }> {
  const directory = fixturePath(name)
  const config = JSON.parse(readFileSync(join(directory, 'config.json'), 'utf8'))
  const spec = specFromConfig(config, directory)
  const store = await openWeights(directory)
  try {
    const parameters = parametersIn(store, spec, layoutFromConfig(config, directory), directory)
    return { spec, ...(await load(spec, parameters, directory)) }
  } finally {
    await store.close()
  }
}

/** The parameters of a GGUF file, in HF's order of rows. */
export async function openHfParameters(path: string): Promise<WeightStore> {
  const store = await openGguf(path, ggufTensors)
  const config = await configFromGguf(store)
  return parametersIn(store, specFromConfig(config, path), ggufLayout(config, path), path)
}

/** Float32 values in base64, little-endian, as golden files hold them. */
export function decodeFloats(base64: string): Float32Array {
  const bytes = Buffer.from(base64, 'base64')
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
}

export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new RangeError(`${a.length} values against ${b.length}`)
  let largest = 0
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i] - b[i])
    // A NaN compares false with everything.
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Infinity : difference
  }
  return largest
}
