import { createRandom } from '../../src/random.js'
import type { MicroBatch } from '../../src/train/micro-batch.js'
import type { BuildObjective } from '../../src/train/objective.js'
import type { AdamWSettings } from '../../src/train/optimiser.js'
import { Trainer, trainingGraph } from '../../src/train/trainer.js'
import type { Weights } from '../../src/weights/index.js'
import { productFlops } from './flops.js'

/** One way to take a training step. */
export interface Side {
  readonly name: string
  readonly description: string
  /** Takes a step, and gives its time in milliseconds and its loss. */
  step(): Promise<{ ms: number; loss: number }>
  dispose(): Promise<void>
}

/** A kind of step, and how large it is. */
export interface Task {
  readonly name: string
  readonly build: BuildObjective
  readonly rateOf?: (name: string) => number | undefined
  /** Sequences and tokens of each. */
  readonly batch: number
  readonly length: number
  readonly vocabSize: number
}

export const OPTIMISER: AdamWSettings = {
  schedule: { type: 'constant', learningRate: 1e-4, warmupSteps: 0, steps: 1000, minimum: 0, decaySteps: 0 },
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0.1,
  maxGradientNorm: 1,
}

/** The floating-point operations of a step's matrix products: what the graph does, no more. */
export function stepFlops({ build, rateOf, batch, length }: Task): number {
  const { objective } = trainingGraph(build, { batch, length }, rateOf)
  return productFlops(objective.graph)
}

export function randomBatch({ batch, length, vocabSize }: Task, seed: number): MicroBatch {
  const random = createRandom(seed)
  const tokens = Int32Array.from({ length: batch * length + 1 }, () => Math.floor(random() * vocabSize))
  return {
    rows: batch,
    length,
    ids: tokens.slice(0, -1),
    targets: tokens.slice(1),
    weights: new Float32Array(batch * length).fill(1),
    segments: new Int32Array(batch * length),
  }
}

export async function ourSide(task: Task, weights: Weights, threads: number): Promise<Side> {
  const { batch, length, rateOf } = task
  const shape = { batch, length }
  const options = { device: 'cpu', threads, shape, weights, rateOf, optimiser: OPTIMISER } as const
  const trainer = await Trainer.create(task.build, options)
  const data = randomBatch(task, 1)
  return {
    name: 'llm',
    description: 'gradients and AdamW as graphs on ONNX Runtime',
    async step() {
      const start = performance.now()
      const { loss } = await trainer.step([data])
      return { ms: performance.now() - start, loss }
    },
    dispose: () => trainer.dispose(),
  }
}
