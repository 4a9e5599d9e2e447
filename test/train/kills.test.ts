import { cpSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import * as fs from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { checkpointsOf, readCheckpoint } from '../../src/train/checkpoint.js'
import { TrainingLog } from '../../src/train/log.js'
import { train } from '../../src/train/train.js'
import { temporaryDirectory } from '../weights/files.js'
import { tinyRun } from './tiny.js'

vi.mock('node:fs/promises', { spy: true })

/** The calls that change something on the disk. */
const CHANGES = ['mkdir', 'open', 'writeFile', 'rename', 'rm', 'rmdir', 'unlink', 'copyFile'] as const

const originals = await vi.importActual<typeof fs>('node:fs/promises')

class Killed extends Error {}

/** From the `step`-th change on, none reaches the disk any more, clean-ups included: the process is as dead. */
function killAt(step: number): void {
  let changes = 0
  for (const name of CHANGES) {
    const real = originals[name] as (...args: unknown[]) => never
    vi.mocked(fs[name]).mockImplementation(async (...args: unknown[]) => {
      if (++changes >= step) throw new Killed(`at ${name}`)
      return real(...args)
    })
  }
}
function revive(): void {
  for (const name of CHANGES) vi.mocked(fs[name]).mockReset()
}
afterEach(revive)

/** Runs until a kill at each of its changes; the last run is killed at none. */
async function atEachChange(prepare: () => Promise<string>, work: (output: string) => Promise<unknown>) {
  const outputs: string[] = []
  for (let step = 1; ; step++) {
    const output = await prepare()
    killAt(step)
    const isKilled = await work(output).then(
      () => false,
      (error) => {
        if (!(error instanceof Killed || error.cause instanceof Killed)) throw error
        return true
      },
    )
    revive()
    outputs.push(output)
    if (!isKilled) return outputs
  }
}

const stopped = AbortSignal.abort(new Error('stopped'))
const writeModel = async (directory: string) => writeFileSync(join(directory, 'model'), '')

async function newestStep(output: string): Promise<number> {
  const [newest] = await checkpointsOf(output)
  return (await readCheckpoint(newest)).state.step
}

/** A copy of a run that was interrupted after its second step. */
async function interrupted(): Promise<string> {
  first ??= interruptedRun(temporaryDirectory())
  const output = temporaryDirectory()
  cpSync(await first, output, { recursive: true })
  return output
}
let first: Promise<string> | undefined

async function interruptedRun(output: string): Promise<string> {
  const interrupt = new AbortController()
  const onStep = ({ step }: { step: number }) => step === 2 && interrupt.abort()
  await train(tinyRun(output, { signal: interrupt.signal, onStep, keep: 1, writeModel }))
  return output
}

test('a run that is resumed and interrupted before its first step never loses its only checkpoint', async () => {
  const outputs = await atEachChange(interrupted, (output) =>
    train(tinyRun(output, { resume: true, signal: stopped, keep: 1, writeModel })),
  )
  expect(outputs.length).toBeGreaterThan(2)
  for (const output of outputs) expect(await newestStep(output)).toBe(2)
}, 120_000)

test('a run that is killed while it saves keeps a whole checkpoint, and the next leaves nothing of it', async () => {
  const goesOn = (output: string) =>
    train(tinyRun(output, { resume: true, keep: 1, saveEvery: 2, steps: 6, writeModel }))
  const outputs = await atEachChange(interrupted, goesOn)
  expect(outputs.length).toBeGreaterThan(10)
  const reached = new Set<number>()
  for (const output of outputs) reached.add(await newestStep(output))
  expect([...reached].sort((a, b) => a - b)).toEqual([2, 4, 6])
  for (const output of outputs.filter((_, i) => i % 7 === 0)) {
    // This process, which the lock and what it leaves beside it name, lives.
    for (const name of readdirSync(output)) if (name.startsWith('train.lock')) rmSync(join(output, name))
    await goesOn(output)
    expect(readdirSync(output).sort()).toEqual(['checkpoint-6', 'log.jsonl', 'loss.svg', 'model'])
    expect((await TrainingLog.read(join(output, 'log.jsonl'))).at(-1)).toMatchObject({ step: 6 })
  }
}, 300_000)
