import { readdirSync, writeFileSync } from 'node:fs'
import * as fs from 'node:fs/promises'
import { basename, join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { checkpointsOf, readCheckpoint, saveCheckpoint } from '../../src/train/checkpoint.js'
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

test('what is removed has lost its name before the first of its files', async () => {
  const output = temporaryDirectory()
  await save(output, 1)
  await save(output, 2)
  const namesAtRemoval: string[][] = []
  vi.mocked(fs.rm).mockImplementation(async () => {
    namesAtRemoval.push(readdirSync(output))
  })
  await save(output, 3)
  await save(output, 3)
  expect(namesAtRemoval).toHaveLength(2)
  expect(namesAtRemoval[0]).not.toContain('checkpoint-1')
  expect(namesAtRemoval[1]).not.toContain('checkpoint-3')
  vi.mocked(fs.rm).mockRestore()
})
