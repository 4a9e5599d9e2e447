import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { UserError } from '../../src/errors.js'
import { checkpointsOf, readCheckpoint } from '../../src/train/checkpoint.js'
import { initialWeights } from '../../src/train/initialise.js'
import { TrainingLog } from '../../src/train/log.js'
import { train } from '../../src/train/train.js'
import { countingData, tinyOptimiser, tinyRun, tinySpec } from './tiny.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'llm-train-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Aborts after a step, as Ctrl-C does. */
function interruptAfter(step: number) {
  const controller = new AbortController()
  const onStep = (entry: { step: number }) => {
    if (entry.step === step) controller.abort()
  }
  return { signal: controller.signal, onStep }
}

/** The log without what depends on the clock. */
async function losses(output: string) {
  const entries = await TrainingLog.read(join(output, 'log.jsonl'))
  return entries.map((entry) => ({ ...entry, seconds: 0, tokens_per_second: 0 }))
}

describe('a run', () => {
  test('learns', async () => {
    const optimiser = { ...tinyOptimiser, schedule: { ...tinyOptimiser.schedule, steps: 60 } }
    const result = await train(tinyRun(folder, { steps: 60, optimiser }))
    const [first] = await losses(folder)
    expect(first).toMatchObject({ step: 1 })
    expect(result.last!.loss).toBeLessThan(0.5 * (first as { loss: number }).loss)
    expect(result).toMatchObject({ finished: true, step: 60, model: folder })
    expect(readFileSync(join(folder, 'loss.svg'), 'utf8')).toMatch(/^<svg/)
  })

  test('by Muon learns, too, and not the same', async () => {
    const optimiser = { ...tinyOptimiser, schedule: { ...tinyOptimiser.schedule, steps: 60 } }
    const adam = await train(tinyRun(join(folder, 'adam'), { steps: 60, optimiser }))
    const muon = { ...optimiser, muonMomentum: 0.95 }
    const result = await train(tinyRun(join(folder, 'muon'), { steps: 60, optimiser: muon }))
    expect(result.last!.loss).toBeLessThan(2)
    expect(result.last!.loss).not.toBe(adam.last!.loss)
  })

  test.each([1, 4, 7])('that was interrupted after step %i goes on bit for bit', async (step) => {
    const whole = initialWeights(tinySpec, 3)
    await train(tinyRun(join(folder, 'whole'), { weights: whole }))
    const output = join(folder, 'halves')
    const interrupted = await train(tinyRun(output, interruptAfter(step)))
    expect(interrupted).toMatchObject({ finished: false, step, model: join(output, `checkpoint-${step}`) })
    const weights = initialWeights(tinySpec, 99)
    const resumed = await train(tinyRun(output, { resume: true, weights }))
    expect(resumed).toMatchObject({ finished: true, step: 10 })
    for (const [name, values] of whole) expect(weights.get(name), name).toEqual(values)
    expect(await losses(output)).toEqual(await losses(join(folder, 'whole')))
  })

  test('with another seed ends elsewhere', async () => {
    const a = await train(tinyRun(join(folder, 'a')))
    const b = await train(tinyRun(join(folder, 'b'), { seed: 4 }))
    expect(a.last!.loss).not.toBe(b.last!.loss)
  })

  test('keeps as many checkpoints as it should, newest first', async () => {
    await train(tinyRun(folder, { saveEvery: 2, keep: 3 }))
    expect(await checkpointsOf(folder)).toEqual([10, 8, 6].map((step) => join(folder, `checkpoint-${step}`)))
  })

  test('refuses a directory that holds another run', async () => {
    await train(tinyRun(folder))
    await expect(train(tinyRun(folder))).rejects.toThrow('--resume')
  })

  test('has nothing to resume from in an empty directory', async () => {
    await expect(train(tinyRun(folder, { resume: true }))).rejects.toThrow('no checkpoint')
  })

  test('is not resumed with other settings, which are named', async () => {
    await train(tinyRun(folder, interruptAfter(4)))
    const other = train(tinyRun(folder, { resume: true, settings: { seed: 4, data: 'x' } }))
    await expect(other).rejects.toThrow('seed was 3, is 4; data was nothing, is "x"')
    await expect(other).rejects.toMatchObject({ exitCode: 2 })
  })

  test('stops at a loss that is no number, says where, and keeps the last good checkpoint', async () => {
    const data = {
      ...countingData,
      async read(rows: readonly number[]) {
        const batch = await countingData.read(rows)
        if (rows.includes(20)) batch.weights[3] = Number.NaN
        return batch
      },
    }
    const weights = initialWeights(tinySpec, 3)
    const failing = train(tinyRun(folder, { data, weights, saveEvery: 1, microBatch: 8 }))
    await expect(failing).rejects.toThrow(/The loss is NaN at step [2-9].*the last checkpoint is kept/)
    const [newest] = await checkpointsOf(folder)
    const { weights: saved, state } = await readCheckpoint(newest)
    expect(state.step).toBeGreaterThan(0)
    for (const values of saved.values()) expect(values.every(Number.isFinite)).toBe(true)
    expect(saved.get('model.norm.weight')).toEqual(weights.get('model.norm.weight'))
  })

  test('tidies up what killed runs left, and nothing else', async () => {
    const left = [
      'loss.svg.12-0123abcd.tmp',
      'log.jsonl.12-0123abcd.tmp',
      'model.safetensors.12-0123abcd.tmp',
    ]
    const others = ['notes.tmp', 'notes.12.tmp']
    for (const name of [...left, ...others]) writeFileSync(join(folder, name), 'x')
    await train(tinyRun(folder))
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual(others.toSorted())
  })

  test('keeps its older checkpoint where the disk is full, and leaves nothing half written', async () => {
    let calls = 0
    const writeModel = async (directory: string) => {
      writeFileSync(join(directory, 'half'), 'x')
      if (++calls === 2) throw new UserError('Cannot write the model: ENOSPC: no space left on device.')
    }
    await expect(train(tinyRun(folder, { writeModel }))).rejects.toThrow('no space left')
    expect(await checkpointsOf(folder)).toEqual([join(folder, 'checkpoint-4')])
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
    const resumed = await train(tinyRun(folder, { resume: true }))
    expect(resumed).toMatchObject({ finished: true, step: 10 })
  })
})
