import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parametersIn } from '../../src/language-model/checkpoint.js'
import { layoutFromConfig, specFromConfig } from '../../src/models/families/index.js'
import type { DecoderSpec } from '../../src/models/spec.js'
import type { MicroBatch } from '../../src/train/micro-batch.js'
import type { AdamWSettings } from '../../src/train/optimiser.js'
import type { Weights } from '../../src/weights/index.js'
import { openWeights } from '../../src/weights/index.js'
import { fixturePath } from '../fixtures.js'

/** What the golden files of training have in common. */
export interface GoldenFile<Run> {
  readonly batch: number
  readonly length: number
  readonly settings: Readonly<Record<string, number>>
  readonly runs: readonly (Run & GoldenTokens)[]
}

export interface GoldenTokens {
  readonly ids: number[]
  readonly targets: number[]
  readonly weights: number[]
}

export function readGolden<File>(name: string): File {
  return JSON.parse(readFileSync(new URL(`../golden/train/${name}`, import.meta.url), 'utf8'))
}

export function goldenBatch({ batch, length }: GoldenFile<unknown>, tokens: GoldenTokens): MicroBatch {
  return {
    rows: batch,
    length,
    ids: Int32Array.from(tokens.ids),
    targets: Int32Array.from(tokens.targets),
    weights: Float32Array.from(tokens.weights),
    segments: new Int32Array(tokens.ids.length),
  }
}

/** AdamW with a cosine schedule. */
export function goldenOptimiser({ settings }: GoldenFile<unknown>, steps: number): AdamWSettings {
  const { learning_rate: learningRate, warmup_steps: warmupSteps, minimum } = settings
  return {
    schedule: { type: 'cosine', learningRate, warmupSteps, steps, minimum, decaySteps: 0 },
    beta1: settings.beta1,
    beta2: settings.beta2,
    epsilon: settings.epsilon,
    weightDecay: settings.weight_decay,
    maxGradientNorm: settings.max_gradient_norm,
  }
}

/** A fixture as it is trained. */
export async function readFixture(model: string): Promise<{ spec: DecoderSpec; weights: Weights }> {
  const directory = fixturePath(model)
  const config = JSON.parse(readFileSync(join(directory, 'config.json'), 'utf8'))
  const spec = specFromConfig(config, directory)
  const store = await openWeights(directory)
  const parameters = parametersIn(store, spec, layoutFromConfig(config, directory), directory)
  const weights: Weights = new Map()
  for (const name of parameters.tensors.keys()) weights.set(name, await parameters.read(name))
  await store.close()
  return { spec, weights }
}

export async function* batches(...all: readonly MicroBatch[]): AsyncGenerator<MicroBatch> {
  yield* all
}
