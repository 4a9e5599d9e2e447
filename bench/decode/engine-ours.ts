import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Model } from '../../src/model/model.js'
import { specFromConfig } from '../../src/models/families/index.js'
import type { DecoderSpec } from '../../src/models/spec.js'
import { type LoadedOnnxModel, loadOnnxModel } from '../../src/runtime/load.js'
import type { RunType } from '../../src/runtime/storage.js'
import { openWeights } from '../../src/weights/index.js'
import { type Engine, type Setup, Stopwatch } from './engine.js'

export async function load(setup: Setup): Promise<Engine> {
  const { model } = await loadOurs(setup.models, setup.variant as RunType, setup.threads)
  return { generate: (prompt, count) => generate(model, prompt, count) }
}

/** Our model from the float32 weights; the first time, int8 and int4 are quantised into the graph cache. */
export async function loadOurs(models: string, dtype: RunType, threads: number): Promise<LoadedOnnxModel> {
  const directory = join(models, 'hf')
  const store = await openWeights(directory)
  try {
    return await loadOnnxModel(await readSpec(models), store, directory, { dtype, threads, device: 'cpu' })
  } finally {
    await store.close()
  }
}

export async function readSpec(models: string): Promise<DecoderSpec> {
  const path = join(models, 'hf', 'config.json')
  return specFromConfig(JSON.parse(await readFile(path, 'utf8')), path)
}

async function generate(model: Model, prompt: readonly number[], count: number): Promise<number[]> {
  const cache = model.newCache()
  const watch = new Stopwatch()
  let tokens = prompt
  for (let i = 0; i < count; i++) {
    const last = tokens.length - 1
    const parents = tokens.map((_, t) => cache.length + t - 1)
    const output = await model.forward(cache, tokens, parents, [last])
    tokens = [argmax(output.logits(last))]
    watch.lap()
  }
  cache.dispose()
  return watch.times
}

function argmax(values: Float32Array): number {
  let best = 0
  for (let i = 1; i < values.length; i++) {
    if (values[i] > values[best]) best = i
  }
  return best
}
