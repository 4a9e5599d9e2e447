import { createHash } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { dirname, join } from 'node:path'
import { cacheDirectory } from '../cache-directory.js'
import { writeJson } from '../files.js'
import { median } from '../median.js'
import { createRandom } from '../random.js'
import type { Placement } from '../runtime/session.js'
import {
  type CreateDraftControl,
  type DraftControl,
  type StepCosts,
  ThroughputControl,
} from '../strategies/draft-control.js'
import { draftVerify } from '../strategies/draft-verify.js'
import { prefixOf } from '../strategies/prefix.js'
import type { CreateDrafter, Model } from '../strategies/types.js'
import { follow } from '../strategies/verifiers.js'
import { best } from './choose.js'
import { type LanguageModel, placementOf } from './load-model.js'

/** A model whose steps are measured, and how it runs. */
export type MeasuredModel = Pick<LanguageModel, 'model' | 'spec' | 'dtype' | keyof Placement>

/** A drafter whose steps are measured. */
export interface MeasuredDrafter {
  /** All that its time depends on beside target and machine; shapes, since weights make no difference. */
  readonly subject: unknown
  readonly createDrafter: CreateDrafter
  /** Nodes of its largest draft. */
  readonly most: number
}

export interface CostOptions {
  /** Threads of an operator on the CPU; by default one a core. */
  readonly threads?: number
  /** Called before something is measured for the first time. */
  readonly onMeasure?: () => void
}

/** A control of the draft's size, by costs that are measured now or were in an earlier run. */
export async function throughputControl(
  target: MeasuredModel,
  drafter: MeasuredDrafter,
  options: CostOptions,
): Promise<CreateDraftControl> {
  const costs = await stepCosts(target, drafter, options)
  return () => new ThroughputControl(costs, drafter.most)
}

/** Drafts that cost nothing: with them it is the target alone that is measured. */
export function randomDrafts({ vocabSize }: Pick<Model, 'vocabSize'>, most: number): MeasuredDrafter {
  const random = createRandom(1)
  const draft = (count: number) => ({
    tokens: Array.from({ length: count }, () => Math.floor(random() * vocabSize)),
    parents: Array.from({ length: count }, (_, i) => i - 1),
  })
  return { subject: 'random', createDrafter: () => ({ draft: (_, __, limit) => draft(limit) }), most }
}

/** Milliseconds of a step's two parts. */
interface Point {
  /** Of the draft. */
  readonly nodes: number
  readonly draft: number
  readonly pass: number
}

/** To be raised with every change of what is measured, or how. */
const VERSION = 3

/**
 * What steps take, measured now or in an earlier run: kept under `$XDG_CACHE_HOME/llm/costs`, so that decisions made by them are the
 * same ones again.
 */
export async function stepCosts(
  target: MeasuredModel,
  drafter: MeasuredDrafter,
  { threads, onMeasure }: CostOptions,
): Promise<StepCosts> {
  const { spec, dtype } = target
  const sizes = sizesUpTo(drafter.most)
  const processors = cpus().map(({ model }) => model)
  const subject = [
    VERSION,
    processors,
    { spec, dtype, ...placementOf(target), threads },
    drafter.subject,
    sizes,
  ]
  const key = createHash('sha256').update(JSON.stringify(subject)).digest('hex').slice(0, 32)
  const path = join(cacheDirectory('costs'), `${key}.json`)
  let points = await readPoints(path)
  if (!points) {
    onMeasure?.()
    points = (await measureSteps(target.model, drafter.createDrafter, sizes)).points
    await keepPoints(path, points)
  }
  return costsOf(points)
}

/** The same measured anew, and the longest path of a draft that came: it has fewer tokens than a tree has nodes. */
export async function measureStepCosts(
  { model }: Pick<MeasuredModel, 'model'>,
  { createDrafter, most }: Omit<MeasuredDrafter, 'subject'>,
): Promise<StepCosts & { readonly depth: number }> {
  const { points, depth } = await measureSteps(model, createDrafter, sizesUpTo(most))
  return { ...costsOf(points), depth }
}

function costsOf(points: readonly Point[]): StepCosts {
  const draft = interpolated(points.map(({ nodes, draft }) => [nodes, draft]))
  const pass = interpolated(points.map(({ nodes, pass }) => [nodes + 1, pass]))
  return { draft, pass }
}

function sizesUpTo(most: number): number[] {
  const sizes = [1, 2, 4, 8, 16, 32].filter((size) => size < most)
  return [...sizes, most]
}

async function readPoints(path: string): Promise<Point[] | undefined> {
  try {
    const points: Point[] = JSON.parse(await readFile(path, 'utf8'))
    const isValid = points.length > 0 && points.every(({ nodes, pass }) => nodes >= 0 && pass > 0)
    return isValid ? points : undefined
  } catch {
    return undefined
  }
}

/** What cannot be kept is measured again. */
async function keepPoints(path: string, points: readonly Point[]): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
    .then(() => writeJson(path, points))
    .catch(() => undefined)
}

/** Each size is run this often at least and at most; between the two it is the time that decides. */
const ROUNDS = { least: 5, most: 15 }
/** Milliseconds that measuring may take where steps are short. */
const PATIENCE = 1500
/** Tokens of the sequence that the measured steps go on from. */
const CONTEXT = 128

/**
 * Decodes with drafts of all sizes in turns, each followed by two steps without one, so that drafter and target find the machine as
 * they do in earnest: caches that the other one has filled, threads that have gone to sleep. What the step after a draft
 * takes longer than the one after it is the draft's cost as well.
 */
async function measureSteps(
  model: Model,
  createDrafter: CreateDrafter,
  sizes: readonly number[],
): Promise<{ points: Point[]; depth: number }> {
  let depth = 0
  const turns = new Turns(sizes)
  const random = createRandom(0)
  const context = Math.min(CONTEXT, Math.floor(model.maxPositions / 2))
  const prompt = prefixOf(Array.from({ length: context }, () => Math.floor(random() * model.vocabSize)))
  const cache = model.newCache()
  const request = {
    model,
    cache,
    prompt,
    processors: [],
    random,
    draftRandom: random,
    limit: model.maxPositions,
  }
  try {
    for await (const step of draftVerify(createDrafter, follow(best), () => turns)(request)) {
      turns.enter(step.drafted, step.time!)
      depth = Math.max(depth, step.depth ?? step.drafted)
      if (turns.isEnough) break
    }
  } finally {
    cache.dispose()
  }
  return { points: turns.points(), depth }
}

/** A step with a draft, one that finds what the draft has left behind, and one as in plain decoding. */
const STEPS = 3

interface Times {
  readonly draft: number[]
  readonly pass: number[]
  /** Of the pass after it. */
  readonly after: number[]
}

/** Asks for drafts of all sizes in turns, and keeps the times of what came. */
class Turns implements DraftControl {
  private readonly started = performance.now()
  private readonly times = new Map<number, Times>()
  private readonly plain: number[] = []
  private turn = 0
  /** Nodes of the last draft. */
  private drafted = 0

  constructor(private readonly sizes: readonly number[]) {}

  get size(): number {
    return this.turn % STEPS === 0 ? this.sizes[(this.turn / STEPS) % this.sizes.length] : 0
  }

  record(): void {
    this.turn++
  }

  /** Enters the step that was recorded last. */
  enter(drafted: number, { draft, pass }: { readonly draft: number; readonly pass: number }): void {
    const step = (this.turn - 1) % STEPS
    if (step === 0) this.drafted = drafted
    // The first step, which drafts nothing, stands for those that a short context has no room for.
    if (step === 2 || this.plain.length === 0) this.plain.push(pass)
    if (this.drafted === 0 || step === 2) return
    const times = this.times.get(this.drafted) ?? { draft: [], pass: [], after: [] }
    this.times.set(this.drafted, times)
    if (step === 1) times.after.push(pass)
    else {
      times.draft.push(draft)
      times.pass.push(pass)
    }
  }

  get isEnough(): boolean {
    const rounds = this.turn / STEPS / this.sizes.length
    if (rounds >= ROUNDS.most) return true
    return rounds >= ROUNDS.least && performance.now() - this.started > PATIENCE
  }

  /** A larger draft never costs less. */
  points(): Point[] {
    const plain = median(this.plain)
    const points: Point[] = [{ nodes: 0, draft: 0, pass: plain }]
    let [draft, pass] = [0, plain]
    for (const [nodes, times] of [...this.times].sort(([a], [b]) => a - b)) {
      draft = Math.max(draft, usual(times.draft))
      pass = Math.max(pass, usual(times.pass) + Math.max(0, median(times.after) - plain))
      points.push({ nodes, draft, pass })
    }
    return points
  }
}

/** The median without the first time, when a drafter takes in the prompt. */
function usual(times: readonly number[]): number {
  return median(times.slice(times.length > 1 ? 1 : 0))
}

/** Straight lines between the points, the last one drawn on. */
export function interpolated(points: readonly (readonly [at: number, value: number])[]) {
  return (at: number): number => {
    const after = points.findIndex(([point]) => point >= at)
    const i = Math.max(1, after < 0 ? points.length - 1 : after)
    if (points.length === 1 || at <= points[0][0]) return points[0][1]
    const [[from, low], [to, high]] = [points[i - 1], points[i]]
    return low + ((high - low) * (at - from)) / (to - from)
  }
}
