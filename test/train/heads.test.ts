import { describe, expect, test } from 'vitest'
import { MEDUSA_PREFIX, type MedusaSpec, medusaParameters } from '../../src/models/heads/medusa.js'
import { type MtpSpec, mtpParameters } from '../../src/models/heads/mtp.js'
import type { DecoderSpec } from '../../src/models/spec.js'
import { elements } from '../../src/onnx/shapes.js'
import { ArraySession, type Values } from '../../src/runtime/array-session.js'
import { frequentTokens } from '../../src/train/data/frequent-tokens.js'
import { FrozenStates } from '../../src/train/data/states.js'
import { BatchDecoder } from '../../src/train/graphs/batch-decoder.js'
import { type MicroBatch, targetsAhead } from '../../src/train/micro-batch.js'
import { sequences } from '../../src/train/objective.js'
import { type HeadLossOptions, isOfHeads } from '../../src/train/objectives/heads.js'
import { MEDUSA_TRAINING } from '../../src/train/objectives/medusa.js'
import { MTP_TRAINING } from '../../src/train/objectives/mtp.js'
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
function objectiveOf({ spec, joint }: Run, target: DecoderSpec, options: HeadLossOptions) {
  const loss = joint === null ? options : { ...options, joint }
  if (isMedusaSpec(spec)) {
    const parameters = medusaParameters(spec, target).map(
      ({ name, shape }) => [MEDUSA_PREFIX + name, shape] as const,
    )
    return {
      build: MEDUSA_TRAINING.objective(target, spec, loss),
      parameters,
      isNew: isOfHeads(MEDUSA_TRAINING, spec, target),
    }
  }
  const parameters = mtpParameters(target, spec).map(({ name, shape }) => [name, shape] as const)
  return {
    build: MTP_TRAINING.objective(target, spec, loss),
    parameters,
    isNew: isOfHeads(MTP_TRAINING, spec, target),
  }
}

const headRate = (name: string) => (name.startsWith(MEDUSA_PREFIX) ? 1 : undefined)

/** Some rows of a batch. */
function rowsOf(
  { length, ids, targets, weights, segments }: MicroBatch,
  rows: readonly number[],
): MicroBatch {
  const ints = (values: Int32Array) =>
    Int32Array.from(rows.flatMap((row) => [...values.subarray(row * length, (row + 1) * length)]))
  return {
    rows: rows.length,
    length,
    ids: ints(ids),
    targets: ints(targets),
    weights: Float32Array.from(
      rows.flatMap((row) => [...weights.subarray(row * length, (row + 1) * length)]),
    ),
    segments: ints(segments),
  }
}

/** What a model says of the next token, after each one. */
async function modelLogits(spec: DecoderSpec, weights: Weights, batch: MicroBatch): Promise<Float32Array[]> {
  const decoder = new BatchDecoder(spec, shape)
  const { graph } = decoder
  const logits = graph.node('Gemm', [decoder.hidden(), decoder.head()], { transB: 1 }, 'logits')
  const size = shape.batch * shape.length
  graph.output(logits, 'float32', [size, spec.vocabSize])
  const session = await ArraySession.create(graph, { device: 'cpu' })
  const values = new Float32Array(size * spec.vocabSize)
  await session.run(new Map<string, Values>([...weights, ...sequences(batch), ['logits', values]]))
  await session.dispose()
  return Array.from({ length: size }, (_, i) => values.subarray(i * spec.vocabSize, (i + 1) * spec.vocabSize))
}

async function trainerOf(run: Run, options: HeadLossOptions = {}) {
  const { spec, weights } = await readFixture(run.model)
  const { build, parameters, isNew } = objectiveOf(run, spec, options)
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

describe('heads whose states are given', () => {
  test.each(['medusa', 'medusa sequential', 'mtp modules', 'parallel'])('%s learn the same', async (name) => {
    const run = { ...golden.runs.find((each) => each.name === name)!, joint: null }
    const [computed, given] = [await trainerOf(run), await trainerOf(run, { statesGiven: true })]
    const { spec } = await readFixture(run.model)
    const options = { device: 'cpu', length: golden.length } as const
    const states = await FrozenStates.create(spec, given.weights, options)
    const batch = goldenBatch(golden, run)
    const data = states.of({ rows: batch.rows, read: async (rows) => rowsOf(batch, rows) })
    const all = Array.from({ length: batch.rows }, (_, row) => row)
    for (let step = 0; step < 5; step++) {
      const { loss } = await computed.trainer.step([batch])
      expect((await given.trainer.step([await data.read(all)])).loss).toBeCloseTo(loss, 5)
    }
    for (const each of [computed.trainer, given.trainer, states]) await each.dispose()
  })
})

describe('states of a frozen model', () => {
  test('are the same whichever rows are read together, kept or not', async () => {
    const run = golden.runs[0]
    const { spec, weights } = await readFixture(run.model)
    const batch = goldenBatch(golden, run)
    const source = { rows: batch.rows, read: async (rows: readonly number[]) => rowsOf(batch, rows) }
    const options = { device: 'cpu', length: golden.length } as const
    const size = golden.length * spec.hiddenSize
    const found = new Set<string>()
    // Room for all rows, for one, and for none.
    for (const budget of [undefined, 4 * size, 0]) {
      const states = await FrozenStates.create(spec, weights, { ...options, budget })
      const data = states.of(source)
      for (const rows of [[0, 1], [1], [1, 0], [0]]) {
        const { states: read } = await data.read(rows)
        for (const [i, row] of rows.entries()) {
          found.add(`${row}: ${read!.subarray(i * size, (i + 1) * size).join()}`)
        }
      }
      await states.dispose()
    }
    expect(found.size).toBe(2)
  })
})

describe('a draft vocabulary', () => {
  const draftTokens = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53]

  test.each([{ ownVocabulary: false }, { ownVocabulary: true }])(
    'is all that heads choose from, %j',
    async ({ ownVocabulary }) => {
      const { spec, weights } = await readFixture('llama')
      const heads = { heads: 1, layers: 1, ownVocabulary, draftTokens }
      for (const [name, values] of MEDUSA_TRAINING.initial(heads, spec, weights, 0)) weights.set(name, values)
      const run = golden.runs[0]
      const batch = { ...goldenBatch(golden, run) }
      // Some that can be guessed and some that cannot.
      batch.targets = batch.targets.map((token, i) => (i % 3 ? draftTokens[i % draftTokens.length] : token))
      const build = MEDUSA_TRAINING.objective(spec, heads)
      const optimiser = goldenOptimiser(golden, 1)
      const trainer = await Trainer.create(build, {
        device: 'cpu',
        shape,
        weights,
        optimiser,
        rateOf: headRate,
      })
      const figures = await trainer.evaluate(batches(batch))
      const ofStep = await trainer.step([batch])
      await trainer.dispose()
      // New heads say what the model says, of the next token.
      const rows = await modelLogits(spec, weights, batch)
      const { targets, weights: counted } = targetsAhead(batch, 1)
      const sums = { loss: 0, guessable: 0, all: 0, top1: 0, top5: 0 }
      for (const [i, weight] of counted.entries()) {
        sums.all += weight
        const scores = draftTokens.map((token) => rows[i][token])
        const place = draftTokens.indexOf(targets[i])
        if (place < 0) continue
        sums.guessable += weight
        sums.loss -= weight * (scores[place] - Math.log(scores.reduce((sum, x) => sum + Math.exp(x), 0)))
        const rank = scores.filter((score) => score > scores[place]).length
        if (rank < 1) sums.top1 += weight
        if (rank < 5) sums.top5 += weight
      }
      expect(sums.guessable).toBeGreaterThan(0.3 * sums.all)
      expect(sums.guessable).toBeLessThan(0.9 * sums.all)
      expect(figures.loss_1).toBeCloseTo(sums.loss / sums.guessable, 4)
      expect(figures.top1_1).toBeCloseTo(sums.top1 / sums.all, 5)
      expect(figures.top5_1).toBeCloseTo(sums.top5 / sums.all, 5)
      const total = batch.weights.reduce((sum, weight) => sum + weight, 0)
      expect(ofStep.loss).toBeCloseTo((0.8 * sums.loss) / total, 4)
    },
  )

  test('has the tokens that are learnt most often, and the lowest ids beside them', async () => {
    const batch = (targets: number[], weights: number[]): MicroBatch => ({
      rows: 1,
      length: 4,
      ids: new Int32Array(4),
      targets: Int32Array.from(targets),
      weights: Float32Array.from(weights),
      segments: new Int32Array(4),
    })
    const rows = [batch([9, 9, 7, 5], [1, 1, 1, 0]), batch([7, 8, 9, 5], [1, 1, 1, 0])]
    const data = { rows: 2, read: async ([row]: readonly number[]) => rows[row] }
    expect(await frequentTokens(data, 10, 2)).toEqual([7, 9])
    expect(await frequentTokens(data, 10, 5)).toEqual([0, 1, 7, 8, 9])
  })
})

describe('a teacher', () => {
  const draftTokens = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53]
  const softmax = (scores: readonly number[], temperature: number) => {
    const weights = scores.map((score) => Math.exp(score / temperature))
    const total = weights.reduce((sum, weight) => sum + weight)
    return weights.map((weight) => weight / total)
  }

  test.each([
    { alpha: 1, temperature: 1 },
    { alpha: 0.6, temperature: 2 },
  ])('is what heads are held to, a place on and among their tokens, %j', async (settings) => {
    const { spec, weights } = await readFixture('llama')
    const heads = { heads: 2, layers: 1, ownVocabulary: true, draftTokens }
    for (const [name, values] of MEDUSA_TRAINING.initial(heads, spec, weights, 0)) weights.set(name, values)
    const batch = { ...goldenBatch(golden, golden.runs[0]) }
    batch.targets = batch.targets.map((token, i) => (i % 3 ? draftTokens[i % draftTokens.length] : token))
    const trainer = await Trainer.create(MEDUSA_TRAINING.objective(spec, heads, { distillation: settings }), {
      device: 'cpu',
      shape,
      weights,
      optimiser: goldenOptimiser(golden, 1),
      rateOf: headRate,
    })
    const figures = await trainer.evaluate(batches(batch))
    const { loss } = await trainer.step([batch])
    await trainer.dispose()
    // New heads say what the model says of the next token.
    const rows = (await modelLogits(spec, weights, batch)).map((row) =>
      draftTokens.map((token) => row[token]),
    )
    const { alpha, temperature } = settings
    let wanted = 0
    for (const distance of [1, 2]) {
      const { targets, weights: counted } = targetsAhead(batch, distance)
      let [ofText, total] = [0, 0]
      for (const [i, weight] of counted.entries()) {
        const place = draftTokens.indexOf(targets[i])
        if (place < 0 || weight === 0) continue
        const teacher = softmax(rows[i + distance], temperature)
        const soft = softmax(rows[i], temperature)
        const ofTeacher = -teacher.reduce((sum, p, token) => sum + p * Math.log(soft[token]), 0)
        const ofTarget = -Math.log(softmax(rows[i], 1)[place])
        wanted += 0.8 ** distance * weight * (alpha * temperature ** 2 * ofTeacher + (1 - alpha) * ofTarget)
        ofText += weight * ofTarget
        total += weight
      }
      expect(figures[`loss_${distance}`]).toBeCloseTo(ofText / total, 4)
    }
    expect(loss).toBeCloseTo(wanted / batch.weights.reduce((sum, weight) => sum + weight, 0), 4)
  })

  test.each(['medusa', 'medusa sequential', 'mtp modules', 'parallel'])(
    'of no weight changes nothing for %s',
    async (name) => {
      const run = { ...golden.runs.find((each) => each.name === name)!, joint: null }
      const batch = goldenBatch(golden, run)
      const losses: number[][] = []
      for (const alpha of [undefined, 0, 1]) {
        const distillation = alpha === undefined ? undefined : { alpha, temperature: 1 }
        const { trainer } = await trainerOf(run, { distillation })
        const { loss_1, top1_1 } = await trainer.evaluate(batches(batch))
        losses.push([(await trainer.step([batch])).loss, (await trainer.step([batch])).loss, loss_1, top1_1])
        await trainer.dispose()
      }
      const [plain, none, all] = losses
      for (const [i, value] of none.entries()) expect(value).toBeCloseTo(plain[i], 5)
      for (const i of [2, 3]) expect(all[i]).toBeCloseTo(plain[i], 5)
      for (const i of [0, 1]) expect(Math.abs(all[i] - plain[i])).toBeGreaterThan(0.01)
    },
  )
})

describe('targets further ahead', () => {
  const batch: MicroBatch = {
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
