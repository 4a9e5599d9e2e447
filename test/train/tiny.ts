import { specFromConfig } from '../../src/models/families/index.js'
import { initialWeights } from '../../src/train/initialise.js'
import type { MicroBatch } from '../../src/train/micro-batch.js'
import { nextToken } from '../../src/train/objective.js'
import type { AdamWSettings } from '../../src/train/optimiser.js'
import type { TrainOptions } from '../../src/train/train.js'

export const tinyConfig = {
  model_type: 'llama',
  vocab_size: 32,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  max_position_embeddings: 64,
  tie_word_embeddings: true,
}
export const tinySpec = specFromConfig(tinyConfig, 'tiny')
export const LENGTH = 12

/** Rows that count up in steps of 1 to 4 from any token: each can be told from its first two tokens. */
export const countingData = {
  rows: 24,
  bytesPerToken: 2,
  async read(rows: readonly number[]): Promise<MicroBatch> {
    const size = rows.length * LENGTH
    const token = (i: number) => {
      const row = rows[Math.floor(i / LENGTH)]
      return (row * 7 + (1 + (row % 4)) * (i % LENGTH)) % 32
    }
    const ids = Int32Array.from({ length: size }, (_, i) => token(i))
    const targets = Int32Array.from(ids, (id, i) => (id + 1 + (rows[Math.floor(i / LENGTH)] % 4)) % 32)
    const weights = new Float32Array(size).fill(1)
    return { rows: rows.length, length: LENGTH, ids, targets, weights, segments: new Int32Array(size) }
  },
}

export const tinyOptimiser: AdamWSettings = {
  schedule: { type: 'cosine', learningRate: 1e-2, warmupSteps: 2, steps: 10, minimum: 0.1, decaySteps: 0 },
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0.1,
  maxGradientNorm: 1,
}

/** A run of ten steps of a tiny model. */
export function tinyRun(output: string, options: Partial<TrainOptions> = {}): TrainOptions {
  return {
    output,
    settings: { seed: 3 },
    resume: false,
    build: nextToken(tinySpec),
    weights: initialWeights(tinySpec, 3),
    data: countingData,
    heldOut: { ...countingData, rows: 5 },
    sequenceLength: LENGTH,
    batchSize: 8,
    microBatch: 4,
    steps: 10,
    optimiser: tinyOptimiser,
    seed: 3,
    evaluateEvery: 5,
    saveEvery: 4,
    keep: 2,
    device: 'cpu',
    signal: new AbortController().signal,
    writeModel: async () => {},
    ...options,
  }
}
