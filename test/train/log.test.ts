import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { UserError } from '../../src/errors.js'
import { type LogEntry, lossCurve, type StepEntry, TrainingLog } from '../../src/train/log.js'
import { temporaryDirectory } from '../weights/files.js'

const directory = temporaryDirectory()
let count = 0
const newPath = () => join(directory, `log-${++count}.jsonl`)

const step = (number: number, rest: Partial<StepEntry> = {}): StepEntry => ({
  step: number,
  loss: 4 - number / 100,
  learning_rate: 1e-3,
  gradient_norm: 0.5,
  tokens: number * 1000,
  tokens_per_second: 900,
  seconds: number,
  ...rest,
})
const heldOut = (number: number) => ({
  step: number,
  held_out_loss: 3.5,
  bits_per_byte: 1.75,
  top_1: [0.5, 0.25],
})

/** A new log of these entries. */
async function write(entries: readonly LogEntry[], path = newPath()): Promise<string> {
  const log = await TrainingLog.open(path)
  for (const entry of entries) await log.append(entry)
  await log.close()
  return path
}

describe('TrainingLog', () => {
  test('gives back what was appended, a line each', async () => {
    const entries = [step(1), step(2), heldOut(2), step(3)]
    const path = await write(entries)
    expect(await TrainingLog.read(path)).toEqual(entries)
    expect(
      readFileSync(path, 'utf8')
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line)),
    ).toEqual(entries)
  })

  test('has a loss that is no number as null', async () => {
    const path = await write([step(1, { loss: Number.NaN })])
    expect(readFileSync(path, 'utf8')).toContain('"loss":null')
    expect(await TrainingLog.read(path)).toEqual([step(1, { loss: Number.NaN })])
  })

  test('begins anew in place of an older one', async () => {
    const path = await write([step(1), step(2)])
    await write([step(1, { loss: 9 })], path)
    expect(await TrainingLog.read(path)).toEqual([step(1, { loss: 9 })])
  })

  test('that is resumed loses the steps that are taken again, and what was evaluated after them', async () => {
    const path = await write([step(1), step(2), heldOut(2), step(3), step(4), heldOut(4)])
    const log = await TrainingLog.open(path, { resumeAtStep: 2 })
    await log.append(step(3, { loss: 1 }))
    await log.close()
    expect(await TrainingLog.read(path)).toEqual([step(1), step(2), heldOut(2), step(3, { loss: 1 })])
    expect(readdirSync(directory).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })

  test('is resumed at its end, at its start, and where there is none', async () => {
    const resume = async (path: string, resumeAtStep: number) => {
      await (await TrainingLog.open(path, { resumeAtStep })).close()
      return TrainingLog.read(path)
    }
    const path = await write([step(1), step(2)])
    expect(await resume(path, 2)).toEqual([step(1), step(2)])
    expect(await resume(path, 0)).toEqual([])
    expect(await resume(newPath(), 5)).toEqual([])
  })

  test('drops a last line wherever it is torn, and goes on from there', async () => {
    const line = JSON.stringify(heldOut(2))
    for (const length of [1, 2, 8, 20, line.length - 1]) {
      const path = await write([step(1)])
      appendFileSync(path, line.slice(0, length))
      expect(await TrainingLog.read(path)).toEqual([step(1)])
      const log = await TrainingLog.open(path, { resumeAtStep: 2 })
      await log.append(step(2))
      await log.close()
      expect(await TrainingLog.read(path)).toEqual([step(1), step(2)])
    }
  })

  test('keeps a last line that lacks no more than its newline', async () => {
    const path = await write([step(1)])
    appendFileSync(path, JSON.stringify(step(2)))
    expect(await TrainingLog.read(path)).toEqual([step(1), step(2)])
  })

  test.each(['{"step": 1', '[]', '{"loss": 3}', 'step 1'])(
    'refuses %s before the last line, and stays as it is',
    async (line) => {
      const path = newPath()
      const content = `${line}\n${JSON.stringify(step(2))}\n`
      writeFileSync(path, content)
      await expect(TrainingLog.read(path)).rejects.toThrow(`${path}, line 1, is no entry`)
      await expect(TrainingLog.open(path, { resumeAtStep: 1 })).rejects.toThrow(UserError)
      expect(readFileSync(path, 'utf8')).toBe(content)
    },
  )

  test('says which file cannot be read or written', async () => {
    const path = newPath()
    await expect(TrainingLog.read(path)).rejects.toThrow(`${path} cannot be read`)
    await expect(TrainingLog.open(join(path, 'log'))).rejects.toThrow(`Cannot write ${join(path, 'log')}`)
    mkdirSync(path)
    await expect(TrainingLog.open(path)).rejects.toThrow(`Cannot write ${path}`)
    expect(existsSync(path)).toBe(true)
  })
})

describe('lossCurve', () => {
  const names = (svg: string) =>
    [...svg.matchAll(/<g [^>]*><title>([^<]*)<\/title>/g)].map(([, name]) => name)

  test('draws losses over the learning rate', () => {
    const svg = lossCurve([step(1), step(2), heldOut(2)], { title: 'A run' })
    expect(names(svg)).toEqual(['training loss', 'held-out loss', 'learning rate'])
    expect(svg).toContain('A run')
  })

  test('leaves out what was not evaluated', () => {
    const broken = { ...heldOut(2), held_out_loss: Number.NaN }
    for (const entries of [[], [broken]])
      expect(names(lossCurve([step(1), ...entries]))).toEqual(['training loss', 'learning rate'])
  })

  test('adds to a long run its means, which lie between the extremes', () => {
    const losses = [3, 5]
    const steps = Array.from({ length: 1000 }, (_, i) => step(i + 1, { loss: losses[i % 2] }))
    steps[10] = step(11, { loss: Number.NaN })
    const svg = lossCurve(steps)
    expect(names(svg)).toEqual(['training loss', 'mean of 10 steps', 'learning rate'])
    const ys = (name: string) =>
      svg
        .match(new RegExp(`<title>${name}</title><path d="M([^"]+)"`))![1]
        .split('L')
        .map((point) => Number(point.split(' ')[1]))
    const [high, low] = [Math.min(...ys('training loss')), Math.max(...ys('training loss'))]
    for (const y of ys('mean of 10 steps')) expect(y).toBeCloseTo((high + low) / 2, 1)
  })

  test('refuses a log without a finite loss', () => {
    expect(() => lossCurve([])).toThrow(UserError)
    expect(() => lossCurve([step(1, { loss: Number.NaN }), heldOut(1)])).toThrow(UserError)
  })
})
