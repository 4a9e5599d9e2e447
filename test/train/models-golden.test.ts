import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parametersIn } from '../../src/language-model/checkpoint.js'
import { layoutFromConfig, specFromConfig } from '../../src/models/families/index.js'
import { storedRows } from '../../src/models/layout.js'
import { differentiate } from '../../src/onnx/autodiff/differentiate.js'
import { elements } from '../../src/onnx/shapes.js'
import { ArraySession, type Values } from '../../src/runtime/array-session.js'
import type { MicroBatch } from '../../src/train/micro-batch.js'
import { nextToken } from '../../src/train/objective.js'
import type { AdamWSettings } from '../../src/train/optimiser.js'
import { Trainer } from '../../src/train/trainer.js'
import type { Weights } from '../../src/weights/index.js'
import { openWeights } from '../../src/weights/index.js'
import { fixturePath } from '../fixtures.js'

interface Golden {
  readonly batch: number
  readonly length: number
  readonly settings: Readonly<Record<string, number>>
  readonly runs: readonly {
    readonly model: string
    readonly schedule: 'cosine' | 'linear'
    readonly ids: number[]
    readonly targets: number[]
    readonly weights: number[]
    readonly gradients: Readonly<Record<string, { norm: number; first: number[] }>>
    readonly steps: readonly { loss: number; gradient_norm: number; learning_rate: number }[]
  }[]
}

const [golden, experts, convolutions] = ['models', 'experts', 'convolutions'].map(
  (name): Golden =>
    JSON.parse(readFileSync(new URL(`../golden/train/${name}.json`, import.meta.url), 'utf8')),
)
const shape = { batch: golden.batch, length: golden.length }

function batchOf({ ids, targets, weights }: Golden['runs'][number]): MicroBatch {
  return {
    rows: golden.batch,
    length: golden.length,
    ids: Int32Array.from(ids),
    targets: Int32Array.from(targets),
    weights: Float32Array.from(weights),
    segments: new Int32Array(ids.length),
  }
}

async function load(model: string) {
  const directory = fixturePath(model)
  const config = JSON.parse(readFileSync(join(directory, 'config.json'), 'utf8'))
  const spec = specFromConfig(config, directory)
  const layout = layoutFromConfig(config, directory) ?? {}
  const stored = await openWeights(directory)
  const store = parametersIn(stored, spec, layout, directory)
  const weights: Weights = new Map()
  for (const name of store.tensors.keys()) weights.set(name, await store.read(name))
  await stored.close()
  const places = storedRows(spec, layout)
  return { build: nextToken(spec), weights, nameOf: (name: string) => places.get(name)!.tensor }
}

function optimiserOf(schedule: 'cosine' | 'linear', steps: number): AdamWSettings {
  const { settings } = golden
  return {
    schedule: {
      type: schedule,
      learningRate: settings.learning_rate,
      warmupSteps: settings.warmup_steps,
      steps,
      minimum: settings.minimum,
      decaySteps: 0,
    },
    beta1: settings.beta1,
    beta2: settings.beta2,
    epsilon: settings.epsilon,
    weightDecay: settings.weight_decay,
    maxGradientNorm: settings.max_gradient_norm,
  }
}

describe.each([...golden.runs, ...experts.runs, ...convolutions.runs])(
  '$model is trained as PyTorch does: its',
  (run) => {
    test('gradients', async () => {
      const { build, weights, nameOf } = await load(run.model)
      const objective = build(shape)
      const { graph } = objective
      const names = [...objective.parameters.keys()]
      expect(names.map(nameOf).sort()).toEqual(Object.keys(run.gradients).sort())
      const gradients = differentiate(graph, objective.loss, names)
      const total = run.weights.reduce((sum, weight) => sum + weight, 0)
      const arrays = new Map<string, Values>([...weights, ...objective.inputs(batchOf(run), 1 / total)])
      for (const [i, name] of names.entries()) {
        const size = objective.parameters.get(name)!
        graph.output(graph.node('Identity', [gradients[i]], {}, `d.${name}`), 'float32', [...size])
        arrays.set(`d.${name}`, new Float32Array(elements(size)))
      }
      const session = await ArraySession.create(graph, { device: 'cpu' })
      await session.run(arrays)
      await session.dispose()
      for (const name of names) {
        const { norm, first } = run.gradients[nameOf(name)]
        const gradient = arrays.get(`d.${name}`) as Float32Array
        expect(Math.hypot(...gradient) / norm, name).toBeCloseTo(1, 4)
        for (const [i, value] of first.entries()) {
          expect(Math.abs(gradient[i] - value) / norm, name).toBeLessThan(1e-4)
        }
      }
    })

    test.each([
      ['one micro-batch', golden.batch],
      ['four micro-batches', 1],
    ])('20 steps of AdamW, in %s', async (_, rows) => {
      const { build, weights } = await load(run.model)
      const optimiser = optimiserOf(run.schedule, run.steps.length)
      const options = { device: 'cpu', weights, optimiser, shape: { ...shape, batch: rows } } as const
      const trainer = await Trainer.create(build, options)
      for (const [i, step] of run.steps.entries()) {
        const { loss, gradientNorm, learningRate } = await trainer.step(cut(batchOf(run), rows))
        expect(Math.abs(loss - step.loss), `loss of step ${i + 1}`).toBeLessThan(1e-4)
        expect(gradientNorm / step.gradient_norm).toBeCloseTo(1, 2)
        expect(learningRate / step.learning_rate).toBeCloseTo(1, 5)
      }
      await trainer.dispose()
    })
  },
)

/** The rows of a batch in several micro-batches. */
function cut(batch: MicroBatch, rows: number): MicroBatch[] {
  return Array.from({ length: batch.rows / rows }, (_, i) => {
    const part = <T extends Int32Array | Float32Array>(values: T) =>
      values.slice(i * rows * batch.length, (i + 1) * rows * batch.length) as T
    const { ids, targets, weights, segments } = batch
    return {
      rows,
      length: batch.length,
      ids: part(ids),
      targets: part(targets),
      weights: part(weights),
      segments: part(segments),
    }
  })
}
