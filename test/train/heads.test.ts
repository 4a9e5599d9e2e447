import { describe, expect, test } from 'vitest'
import { MEDUSA_PREFIX, type MedusaSpec, medusaParameters } from '../../src/models/heads/medusa.js'
import { type MtpSpec, mtpParameters } from '../../src/models/heads/mtp.js'
import type { DecoderSpec } from '../../src/models/spec.js'
import { elements } from '../../src/onnx/shapes.js'
import { type Batch, targetsAhead } from '../../src/train/batch.js'
import { isMedusa, medusa } from '../../src/train/objectives/medusa.js'
import { isMtp, multiToken } from '../../src/train/objectives/mtp.js'
import { Trainer, type Weights } from '../../src/train/trainer.js'
import {
  batches,
  type GoldenFile,
  goldenBatch,
  goldenOptimiser,
  readFixture,
  readGolden,
} from './golden-run.js'

interface Run {
  readonly name: string
  readonly model: string
  readonly spec: MedusaSpec | MtpSpec
  readonly joint: number | null
  readonly losses: readonly number[]
}

const golden = readGolden<GoldenFile<Run>>('heads.json')
const shape = { batch: golden.batch, length: golden.length }

/** Initial weights that the other side can compute: sines, around 1 for norms. */
function formula(name: string, size: number): Float32Array {
  const phase = [...name].reduce((sum, letter) => sum + letter.charCodeAt(0), 0)
  return Float32Array.from({ length: size }, (_, i) => {
    const value = Math.sin(phase + 1.37 * i)
    return name.includes('norm') ? 1 + 0.1 * value : 0.05 * value
  })
}

const isMedusaSpec = (spec: Run['spec']): spec is MedusaSpec => 'heads' in spec

/** The objective of a run, its new parameters, and which of all are trained. */
function objectiveOf({ spec, joint }: Run, target: DecoderSpec) {
  const loss = joint === null ? {} : { joint }
  if (isMedusaSpec(spec)) {
    const parameters = medusaParameters(spec, target).map(
      ({ name, shape }) => [MEDUSA_PREFIX + name, shape] as const,
    )
    return { build: medusa(target, spec, loss), parameters, isNew: isMedusa }
  }
  const parameters = mtpParameters(target, spec).map(({ name, shape }) => [name, shape] as const)
  return { build: multiToken(target, spec, loss), parameters, isNew: isMtp(target, spec) }
}

async function trainerOf(run: Run) {
  const { spec, weights } = await readFixture(run.model)
  const { build, parameters, isNew } = objectiveOf(run, spec)
  for (const [name, size] of parameters) weights.set(name, formula(name, elements(size)))
  const optimiser = goldenOptimiser(golden, run.losses.length)
  const rateOf = (name: string) => (run.joint !== null || isNew(name) ? 1 : undefined)
  const trainer = await Trainer.create(build, { device: 'cpu', shape, weights, optimiser, rateOf })
  return { trainer, weights, isNew }
}

const copy = (weights: Weights) => new Map([...weights].map(([name, values]) => [name, values.slice()]))

describe('heads are trained as PyTorch does by the papers:', () => {
  test.each(golden.runs.map((run) => [run.name, run] as const))('%s', async (_, run) => {
    const { trainer, weights, isNew } = await trainerOf(run)
    const before = copy(weights)
    const batch = goldenBatch(golden, run)
    for (const [i, wanted] of run.losses.entries()) {
      const { loss } = await trainer.step([batch])
      expect(Math.abs(loss - wanted), `step ${i + 1}`).toBeLessThan(1e-4)
    }
    await trainer.dispose()
    for (const [name, values] of weights) {
      const isTrained = run.joint !== null || isNew(name)
      expect(
        Buffer.compare(Buffer.from(values.buffer), Buffer.from(before.get(name)!.buffer)) === 0,
        name,
      ).toBe(!isTrained)
    }
  })
})

describe('held-out figures by position', () => {
  test('are means over the tokens that have a target there', async () => {
    const run = golden.runs.find(({ name }) => name === 'mtp recursive')!
    const { trainer } = await trainerOf(run)
    const batch = goldenBatch(golden, run)
    const figures = await trainer.evaluate(batches(batch))
    await trainer.dispose()
    const total = batch.weights.reduce((sum, weight) => sum + weight, 0)
    const share = (distance: number) =>
      targetsAhead(batch, distance).weights.reduce((sum, weight) => sum + weight, 0) / total
    const loss = [1, 2, 3].reduce((sum, k) => sum + figures[`loss_${k}`] * share(k), 0) / 3
    expect(figures.loss).toBeCloseTo(loss, 4)
    expect(figures.loss).toBeCloseTo(run.losses[0], 4)
    for (const k of [1, 2, 3]) {
      expect(figures[`top1_${k}`]).toBeGreaterThanOrEqual(0)
      expect(figures[`top5_${k}`]).toBeGreaterThanOrEqual(figures[`top1_${k}`])
      expect(figures[`top5_${k}`]).toBeLessThanOrEqual(1)
    }
  })
})

describe('targets further ahead', () => {
  const batch: Batch = {
    rows: 2,
    length: 4,
    ids: Int32Array.of(1, 2, 3, 4, 5, 6, 7, 8),
    targets: Int32Array.of(2, 3, 4, 5, 6, 7, 8, 9),
    weights: Float32Array.of(1, 1, 0.5, 1, 1, 1, 1, 1),
    segments: Int32Array.of(0, 0, 0, 0, 0, 0, 1, 1),
  }

  test('leak neither over the end of a row nor into another segment', () => {
    const { targets, weights } = targetsAhead(batch, 1)
    expect([...targets]).toEqual([3, 4, 5, 0, 7, 0, 9, 0])
    expect([...weights]).toEqual([1, 0.5, 1, 0, 1, 0, 1, 0])
  })

  test('at distance 0 are the next tokens', () => {
    expect(targetsAhead(batch, 0).targets).toBe(batch.targets)
  })
})
