import { describe, expect, test } from 'vitest'
import { specFromConfig } from '../../src/models/families/index.js'
import { parametersOf } from '../../src/models/parameters.js'
import { elements } from '../../src/onnx/shapes.js'
import { distilled, TEACHER } from '../../src/train/objectives/distillation.js'
import { Trainer } from '../../src/train/trainer.js'
import type { Weights } from '../../src/weights/index.js'
import {
  batches,
  type GoldenFile,
  goldenBatch,
  goldenOptimiser,
  readFixture,
  readGolden,
} from './golden-run.js'

interface Run {
  readonly alpha: number
  readonly temperature: number
  readonly losses: number[]
  /** By the names of the objective's metrics. */
  readonly figures: Readonly<Record<string, number>>
}

const golden = readGolden<GoldenFile<Run> & { student: Record<string, unknown> }>('distillation.json')
const { spec: teacher, weights: teacherWeights } = await readFixture('llama')
const student = specFromConfig(golden.student, 'the golden file')
const frozen: Weights = new Map([...teacherWeights].map(([name, values]) => [TEACHER + name, values]))
const rateOf = (name: string) => (name.startsWith(TEACHER) ? undefined : 1)
const shape = { batch: golden.batch, length: golden.length }
const optimiser = goldenOptimiser(golden, 20)

/** The student that make_distillation.py begins with. */
function studentWeights(): Weights {
  const sorted = parametersOf(student).toSorted((a, b) => (a.name < b.name ? -1 : 1))
  return new Map(
    sorted.map(({ name, kind, shape: size }, index) => {
      const value = kind === 'vector' ? () => 1 : (_: unknown, i: number) => 0.1 * Math.sin(7.3 * i + index)
      return [name, Float32Array.from({ length: elements(size) }, value)]
    }),
  )
}

describe('distillation', () => {
  test.each(golden.runs)(
    'at α $alpha and temperature $temperature is what PyTorch makes of it',
    async (run) => {
      const weights: Weights = new Map([...studentWeights(), ...frozen])
      const before = frozen.get(`${TEACHER}lm_head.weight`)!.slice()
      const build = distilled(student, teacher, run)
      const trainer = await Trainer.create(build, { device: 'cpu', weights, optimiser, shape, rateOf })
      const batch = goldenBatch(golden, run)
      for (const [i, expected] of run.losses.entries()) {
        const { loss } = await trainer.step([batch])
        expect(Math.abs(loss - expected), `loss of step ${i + 1}`).toBeLessThan(1e-4)
      }
      const figures = await trainer.evaluate(batches(batch))
      for (const [name, expected] of Object.entries(run.figures)) {
        expect(Math.abs(figures[name] - expected), name).toBeLessThan(1e-3)
      }
      await trainer.dispose()
      expect(frozen.get(`${TEACHER}lm_head.weight`)).toEqual(before)
    },
  )

  test('of a model to itself leaves only its entropy, and full agreement', async () => {
    const weights: Weights = new Map([...teacherWeights, ...frozen])
    const build = distilled(teacher, teacher, { alpha: 1, temperature: 1 })
    const trainer = await Trainer.create(build, { device: 'cpu', weights, optimiser, shape, rateOf })
    const { agreement, agreement_4, acceptance } = await trainer.evaluate(
      batches(goldenBatch(golden, golden.runs[0])),
    )
    expect([agreement, agreement_4]).toEqual([1, 1])
    expect(acceptance).toBeCloseTo(1, 5)
    const { gradientNorm } = await trainer.step([goldenBatch(golden, golden.runs[0])])
    expect(gradientNorm).toBeLessThan(1e-4)
    await trainer.dispose()
  })
})
