import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import * as fs from 'node:fs/promises'
import { basename, join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { UserError } from '../../src/errors.js'
import { temporaryName } from '../../src/files.js'
import { createRandom } from '../../src/random.js'
import {
  checkpointsOf,
  readCheckpoint,
  requireParameters,
  saveCheckpoint,
  tidyUp,
} from '../../src/train/checkpoint.js'
import { type WrittenTensor, writeSafetensors } from '../../src/weights/safetensors-writer.js'
import { mutateBytes } from '../mutations.js'
import { temporaryDirectory } from '../weights/files.js'

vi.mock('node:fs/promises', { spy: true })

const checkpoint = (step: number) => ({
  weights: new Map([['w', Float32Array.of(step)]]),
  state: { step, means: new Map(), variances: new Map() },
  settings: {},
})
const writeModel = async (directory: string) => writeFileSync(join(directory, 'model'), '')
const save = (output: string, step: number) => saveCheckpoint(output, checkpoint(step), 2, writeModel)
const named = async (output: string) => (await checkpointsOf(output)).map((path) => basename(path))

test('all but the newest are removed, and nothing else is left', async () => {
  const output = temporaryDirectory()
  for (const step of [1, 2, 3, 3]) await save(output, step)
  expect(await named(output)).toEqual(['checkpoint-3', 'checkpoint-2'])
  expect(readdirSync(output)).toHaveLength(2)
  expect((await readCheckpoint(join(output, 'checkpoint-3'))).weights.get('w')).toEqual(Float32Array.of(3))
})

test('what killed runs had begun to write is removed, whatever wrote it', async () => {
  const output = temporaryDirectory()
  await save(output, 1)
  for (const name of ['log.jsonl', 'loss.svg', 'model.safetensors', 'checkpoint-2']) {
    writeFileSync(temporaryName(join(output, name)), 'half')
  }
  await tidyUp(output)
  expect(readdirSync(output)).toEqual(['checkpoint-1'])
})

test('what is removed has lost its name before the first of its files, and after the new one has its own', async () => {
  const output = temporaryDirectory()
  await save(output, 1)
  await save(output, 2)
  const namesAtRemoval: string[][] = []
  vi.mocked(fs.rm).mockImplementation(async () => {
    namesAtRemoval.push(readdirSync(output))
  })
  await save(output, 3)
  // One of this step is there, and is not touched.
  await save(output, 3)
  expect(namesAtRemoval).toHaveLength(1)
  expect(namesAtRemoval[0]).not.toContain('checkpoint-1')
  expect(namesAtRemoval[0]).toContain('checkpoint-3')
  vi.mocked(fs.rm).mockReset()
})

test('weights that are no numbers are not saved', async () => {
  const output = temporaryDirectory()
  await save(output, 1)
  const broken = { ...checkpoint(2), weights: new Map([['w', Float32Array.of(1, Number.NaN)]]) }
  await expect(saveCheckpoint(output, broken, 1, writeModel)).rejects.toThrow(
    /^The values of w are no numbers at step 2: the last checkpoint is kept/,
  )
  expect(await named(output)).toEqual(['checkpoint-1'])
})

describe('a checkpoint is refused', () => {
  const trained = { means: new Map([['w', new Float32Array(1)]]) }
  const whole = {
    weights: new Map([['w', Float32Array.of(1)]]),
    state: { step: 4, means: trained.means, variances: trained.means },
    settings: { seed: 1 },
  }
  type Parts = { tensors: Map<string, WrittenTensor>; metadata: Record<string, string> }
  const tensor = (...values: number[]): WrittenTensor => ({
    dtype: 'F32',
    shape: [values.length],
    values: Float32Array.from(values),
  })

  /** Writes a whole checkpoint and puts a state in its place that was changed. */
  async function changed(change: (parts: Parts) => void): Promise<string> {
    const path = await saveCheckpoint(temporaryDirectory(), whole, 1, writeModel)
    const tensors = new Map(['weight.w', 'mean.w', 'variance.w'].map((name) => [name, tensor(1)]))
    const parts: Parts = { tensors, metadata: { step: '4', settings: '{"seed":1}' } }
    change(parts)
    await writeSafetensors(join(path, 'training_state.safetensors'), parts.tensors, parts.metadata)
    return path
  }
  const restored = async (path: string) => {
    const read = await readCheckpoint(path)
    requireParameters(read, trained, path)
    return read
  }

  test('not where nothing is wrong', async () => {
    expect((await restored(await changed(() => {}))).settings).toEqual({ seed: 1 })
  })

  const faults: [string, (parts: Parts) => void, RegExp][] = [
    ['a step that is no number', ({ metadata }) => (metadata.step = 'x'), /is damaged: its step is "x"/],
    ['another step', ({ metadata }) => (metadata.step = '5'), /its step is "5"/],
    ['a step in part', ({ metadata }) => (metadata.step = '4.5'), /its step is "4.5"/],
    ['no step', ({ metadata }) => delete metadata.step, /is damaged: its step/],
    ['no settings', ({ metadata }) => delete metadata.settings, /it has no settings/],
    ['settings that are no JSON', ({ metadata }) => (metadata.settings = '{"a"'), /is not valid JSON/],
    ['settings that are a list', ({ metadata }) => (metadata.settings = '[]'), /holds a list/],
    [
      'a weight that is no number',
      ({ tensors }) => tensors.set('weight.w', tensor(Number.NaN)),
      /values of w are no numbers/,
    ],
    [
      'a moment that is infinite',
      ({ tensors }) => tensors.set('variance.w', tensor(Infinity)),
      /values of w are no numbers/,
    ],
    ['a moment too few', ({ tensors }) => tensors.delete('mean.w'), /w has 0 values, and not 1/],
    [
      'a weight that is too long',
      ({ tensors }) => tensors.set('weight.w', tensor(1, 2)),
      /w has 2 values, and not 1/,
    ],
    ['a weight of another model', ({ tensors }) => tensors.set('weight.v', tensor(1)), /v is not trained/],
  ]
  test.each(faults)('that has %s', async (_name, change, message) => {
    const error = await restored(await changed(change)).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(UserError)
    expect(error.message).toMatch(message)
  })

  test('whatever is wrong with it, with a sentence', async () => {
    const path = await changed(() => {})
    const file = join(path, 'training_state.safetensors')
    const good = readFileSync(file)
    const random = createRandom(3)
    let refused = 0
    for (let i = 0; i < 1500; i++) {
      writeFileSync(file, mutateBytes(good, random))
      await restored(path).catch((error) => {
        expect(error, error.stack).toBeInstanceOf(UserError)
        refused++
      })
    }
    expect(refused).toBeGreaterThan(700)
  }, 60_000)
})
