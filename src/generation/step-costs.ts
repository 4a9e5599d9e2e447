import { createHash } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { cpus, homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { writeJson } from '../files.js'
import { createRandom } from '../random.js'
import { type CreateDraftControl, ThroughputControl } from '../strategies/draft-control.js'
import type { Model } from '../strategies/types.js'
import type { LanguageModel } from './load-model.js'

/** Milliseconds of something that was measured on this machine, by how much it was asked for. */
export type Cost = (count: number) => number

/** Something whose time is measured. */
export interface Measured {
  run(count: number): Promise<unknown>
  dispose?(): void
}

export interface MeasureOptions {
  /** All that the time depends on beside the machine. */
  readonly subject: unknown
  /** What to measure at; between them lie straight lines. */
  readonly counts: readonly number[]
  readonly open: () => Promise<Measured> | Measured
  /** Called where it was not measured before. */
  readonly onMeasure?: () => void
}

/** To be raised with every change of what is measured, or how. */
const VERSION = 1
/** Each count is run this often at least and at most; between the two it is the time that decides. */
const ROUNDS = { least: 3, most: 15 }
/** Milliseconds that measuring may take where passes are short. */
const PATIENCE = 1200

/**
 * What it takes by count, measured now or in an earlier run: kept under `$XDG_CACHE_HOME/llm/costs`, so that decisions made by it are the
 * same ones again. The fastest of several runs counts, since other processes can only slow a run down; a greater count never
 * costs less.
 */
export async function measuredCost(options: MeasureOptions): Promise<Cost> {
  const path = join(costDirectory(), `${keyOf(options)}.json`)
  const points = (await readPoints(path)) ?? (await measureAndKeep(options, path))
  return interpolated(points)
}

async function measureAndKeep({ counts, open, onMeasure }: MeasureOptions, path: string): Promise<Points> {
  onMeasure?.()
  const measured = await open()
  try {
    const points = await measure(measured, counts)
    // What cannot be kept is measured again.
    await mkdir(dirname(path), { recursive: true })
      .then(() => writeJson(path, points))
      .catch(() => undefined)
    return points
  } finally {
    measured.dispose?.()
  }
}

function costDirectory(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'llm', 'costs')
}

function keyOf({ subject, counts }: MeasureOptions): string {
  const processors = cpus().map(({ model }) => model)
  const text = JSON.stringify([VERSION, processors, subject, counts])
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

type Points = readonly (readonly [count: number, milliseconds: number])[]

async function readPoints(path: string): Promise<Points | undefined> {
  try {
    const points: Points = JSON.parse(await readFile(path, 'utf8'))
    const isValid = points.length > 0 && points.flat().every((value) => value > 0)
    return isValid ? points : undefined
  } catch {
    return undefined
  }
}

async function measure(measured: Measured, counts: readonly number[]): Promise<Points> {
  for (const count of counts) await measured.run(count)
  const fastest = counts.map(() => Number.POSITIVE_INFINITY)
  const started = performance.now()
  for (let round = 0; round < ROUNDS.most; round++) {
    if (round >= ROUNDS.least && performance.now() - started > PATIENCE) break
    for (const [i, count] of counts.entries()) {
      const before = performance.now()
      await measured.run(count)
      fastest[i] = Math.min(fastest[i], performance.now() - before)
    }
  }
  for (let i = 1; i < fastest.length; i++) fastest[i] = Math.max(fastest[i], fastest[i - 1])
  return counts.map((count, i) => [count, fastest[i]])
}

/** Straight lines between the points, the last one drawn on. */
export function interpolated(points: Points): Cost {
  return (count) => {
    const after = points.findIndex(([at]) => at >= count)
    const i = Math.max(1, after < 0 ? points.length - 1 : after)
    if (points.length === 1 || count <= points[0][0]) return points[0][1]
    const [[from, low], [to, high]] = [points[i - 1], points[i]]
    return low + ((high - low) * (count - from)) / (to - from)
  }
}

/** Tokens of the passes that are measured, and those that they follow. */
const PASSES = [1, 2, 4, 8, 16, 32]
const CONTEXT = 128

/** A model whose steps are measured, and how it runs. */
export type MeasuredModel = Pick<LanguageModel, 'model' | 'spec' | 'dtype' | 'device'>

export interface CostOptions {
  /** Threads of an operator on the CPU; by default one a core. */
  readonly threads?: number
  /** Called before something is measured for the first time. */
  readonly onMeasure?: () => void
}

/** Of a step's pass by its tokens: logits of all are given, and what was not accepted is forgotten again. */
export function passCost(target: MeasuredModel, options: CostOptions): Promise<Cost> {
  const open = () => passesOf(target.model)
  return measuredCost({ subject: subjectOf(target, {}, options), counts: PASSES, open, ...options })
}

/** Of one run of something that drafts for a model; `what` tells it from others. */
export async function runCost(
  target: MeasuredModel,
  what: Readonly<Record<string, unknown>>,
  run: () => Promise<unknown>,
  options: CostOptions,
): Promise<number> {
  const subject = subjectOf(target, what, options)
  const cost = await measuredCost({ subject, counts: [1], open: () => ({ run }), ...options })
  return cost(1)
}

/** How long a run takes depends on shapes, not on weights. */
function subjectOf({ spec, dtype, device }: MeasuredModel, what: object, { threads }: CostOptions) {
  return { spec, dtype, device, threads, ...what }
}

async function passesOf(model: Model): Promise<Measured> {
  const random = createRandom(0)
  const tokens = (count: number) =>
    Array.from({ length: count }, () => Math.floor(random() * model.vocabSize))
  const chain = (count: number, after: number) => Array.from({ length: count }, (_, i) => after + i - 1)
  const cache = model.newCache()
  const context = Math.min(CONTEXT, model.maxPositions - Math.max(...PASSES))
  await model.forward(cache, tokens(context), chain(context, 0), [])
  const slots = [...Array(context).keys()]
  return {
    async run(count) {
      await model.forward(cache, tokens(count), chain(count, context))
      cache.keep(slots)
    },
    dispose: () => cache.dispose(),
  }
}

/**
 * A control of the draft's size for a target.
 * @param draft what drafting takes by nodes, and how many nodes a draft can have
 */
export async function throughputControl(
  target: MeasuredModel,
  draft: { readonly cost: Cost; readonly most: number },
  options: CostOptions,
): Promise<CreateDraftControl> {
  const pass = await passCost(target, options)
  return () => new ThroughputControl({ pass, draft: draft.cost }, draft.most)
}
