import { createHash } from 'node:crypto'
import { cpus } from 'node:os'
import { dirname, join } from 'node:path'
import { cacheDirectory } from '../cache-directory.js'
import { makeDirectory, readJsonIfThere, writeJson } from '../files.js'
import { type LanguageModel, placementOf } from '../language-model/load.js'
import { lowerQuartile, median } from '../median.js'
import { EvenPasses } from '../model/even-passes.js'
import type { Model } from '../model/model.js'
import { prefixOf } from '../model/prefix.js'
import { specIdentity } from '../models/spec.js'
import { createRandom } from '../random.js'
import type { Placement } from '../runtime/device.js'
import { argmax } from '../strategies/choose.js'
import {
  type CreateDraftControl,
  type DraftControl,
  type StepCosts,
  ThroughputControl,
} from '../strategies/draft-control.js'
import { draftVerify } from '../strategies/draft-verify.js'
import { controlled } from '../strategies/drafters/controlled.js'
import type { CreateDrafter } from '../strategies/strategy.js'
import { follow } from '../strategies/verifiers.js'

/** A model whose steps are measured, and how it runs. */
export type MeasuredModel = Pick<LanguageModel, 'model' | 'spec' | 'dtype' | keyof Placement> & {
  /** Stands for the shape of what has no specification. */
  readonly path?: string
}

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
  /** Called with a sentence before something is measured for the first time. */
  readonly onMeasure?: (message: string) => void
}

/** A control of the draft's size, by costs that are measured now or were in an earlier run. */
export async function throughputControl(
  target: MeasuredModel,
  drafter: MeasuredDrafter,
  options: CostOptions,
): Promise<CreateDraftControl> {
  const costs = await stepCosts(target, drafter, options)
  return (budget) => new ThroughputControl(costs, drafter.most, budget)
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

interface Measured {
  /** By nodes, from none on. */
  readonly points: readonly Point[]
  /** Milliseconds, as in `StepCosts`. */
  readonly coldStart: number
}

/** To be raised with every change of what is measured, or how. */
const VERSION = 6

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
  const isExact = target.model instanceof EvenPasses
  const sizes = sizesUpTo(drafter.most)
  const processors = cpus().map(({ model }) => model)
  const subject = [
    VERSION,
    processors,
    {
      spec: spec ? specIdentity(spec) : target.path,
      dtype,
      ...placementOf(target),
      threads,
      ...(isExact && { exact: true }),
    },
    drafter.subject,
    sizes,
  ]
  const key = createHash('sha256').update(JSON.stringify(subject)).digest('hex').slice(0, 32)
  const path = join(cacheDirectory('costs'), `${key}.json`)
  let measured = await readMeasured(path)
  if (!measured) {
    onMeasure?.('Measuring how long passes take, once for this model and machine.')
    measured = (await measureSteps(target.model, drafter.createDrafter, sizes)).measured
    await keepMeasured(path, measured)
  }
  return costsOf(measured)
}

/** The same measured anew, and the longest path of a draft that came: it has fewer tokens than a tree has nodes. */
export async function measureStepCosts(
  { model }: Pick<MeasuredModel, 'model'>,
  { createDrafter, most }: Omit<MeasuredDrafter, 'subject'>,
): Promise<StepCosts & { readonly depth: number }> {
  const { measured, depth } = await measureSteps(model, createDrafter, sizesUpTo(most))
  return { ...costsOf(measured), depth }
}

function costsOf({ points, coldStart }: Measured): StepCosts {
  const draft = interpolated(points.map(({ nodes, draft }) => [nodes, draft]))
  const pass = interpolated(points.map(({ nodes, pass }) => [nodes + 1, pass]))
  return { draft, pass, coldStart }
}

/** Small ones all, since products with six rows may cost what those with four do, and with seven far more. */
function sizesUpTo(most: number): number[] {
  const sizes = [1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 32].filter((size) => size < most)
  return [...sizes, most]
}

async function readMeasured(path: string): Promise<Measured | undefined> {
  try {
    const measured = (await readJsonIfThere(path)) as Measured
    const { points, coldStart } = measured
    const isValid = points.length > 0 && points.every(({ nodes, pass }) => nodes >= 0 && pass > 0)
    return isValid && coldStart >= 0 ? measured : undefined
  } catch {
    return undefined
  }
}

/** What cannot be kept is measured again. */
async function keepMeasured(path: string, measured: Measured): Promise<void> {
  await makeDirectory(dirname(path))
    .then(() => writeJson(path, measured))
    .catch(() => undefined)
}

/** Each size is run this often at least and at most; between the two it is the time that decides. */
const ROUNDS = { least: 5, most: 15 }
/** Milliseconds that measuring may take where steps are short. */
const PATIENCE = 1500
/** Tokens of the sequence that the measured steps go on from. */
const CONTEXT = 128

/**
 * Decodes with drafts of all sizes in turns, each of them twice and then none for a while, so that drafter and target find the machine as
 * they do in earnest: caches that the other one has filled, threads that have gone to sleep.
 */
async function measureSteps(
  model: Model,
  createDrafter: CreateDrafter,
  sizes: readonly number[],
): Promise<{ measured: Measured; depth: number }> {
  let depth = 0
  const turns = new Turns(sizes)
  const drafter = controlled(createDrafter, () => turns)
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
    for await (const step of draftVerify(drafter, follow(argmax))(request)) {
      turns.enter(step.drafted, step.time!)
      depth = Math.max(depth, step.depth ?? step.drafted)
      if (turns.isEnough) break
    }
  } finally {
    cache.dispose()
  }
  return { measured: turns.measured(), depth }
}

/** The steps of a turn: a draft that finds the target's traces, one that finds its own, the pass that finds them, and plain ones. */
const [COLD, WARM, AFTER] = [0, 1, 2]
/** Plain steps of a turn: for so many milliseconds, since the passes of small models take long to drive a drafter out of the caches. */
const PLAIN = { milliseconds: 10, most: 8 }

interface Times {
  readonly cold: number[]
  readonly warm: number[]
  readonly pass: number[]
}

/** Asks for drafts of all sizes in turns, and keeps the times of what came. */
class Turns implements DraftControl {
  private readonly started = performance.now()
  private readonly times = new Map<number, Times>()
  private readonly after: number[] = []
  private readonly plain: number[] = []
  private turn = 0
  /** Of the turn. */
  private step = COLD
  private plainTime = 0

  constructor(private readonly sizes: readonly number[]) {}

  get size(): number {
    return this.step <= WARM ? this.sizes[this.turn % this.sizes.length] : 0
  }

  record(): void {}

  /** Enters a step. */
  enter(drafted: number, { draft, pass }: { readonly draft: number; readonly pass: number }): void {
    const { step, plain } = this
    // The first step, which drafts nothing, stands for those that a short context has no room for.
    if (step > AFTER || plain.length === 0) plain.push(pass)
    if (step === AFTER) this.after.push(pass)
    if (step <= WARM && drafted > 0) {
      const times = this.times.get(drafted) ?? { cold: [], warm: [], pass: [] }
      this.times.set(drafted, times)
      times.pass.push(pass)
      if (step === COLD) times.cold.push(draft)
      else times.warm.push(draft)
    }
    this.plainTime = step > AFTER ? this.plainTime + pass : 0
    const isOver = this.plainTime >= PLAIN.milliseconds || step === AFTER + PLAIN.most
    this.step = isOver ? COLD : step + 1
    if (isOver) this.turn++
  }

  get isEnough(): boolean {
    const rounds = this.turn / this.sizes.length
    if (rounds >= ROUNDS.most) return true
    return rounds >= ROUNDS.least && performance.now() - this.started > PATIENCE
  }

  /**
   * Lower quartiles, since what disturbs a step makes it longer only. For the same reason no draft costs more than a larger one. What the
   * pass after a draft takes longer is the draft's cost as well.
   */
  measured(): Measured {
    const plain = lowerQuartile(this.plain)
    const traces = this.after.length > 0 ? Math.max(0, lowerQuartile(this.after) - plain) : 0
    const points: Point[] = []
    const starts: number[] = []
    let [draft, pass] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
    for (const [nodes, { cold, warm, pass: passes }] of [...this.times].sort(([a], [b]) => b - a)) {
      draft = Math.min(draft, lowerQuartile(warm.length > 0 ? warm : cold))
      pass = Math.min(pass, lowerQuartile(passes) + traces)
      points.unshift({ nodes, draft, pass })
      if (cold.length > 0) starts.push(lowerQuartile(cold) - draft)
    }
    points.unshift({ nodes: 0, draft: 0, pass: plain })
    return { points, coldStart: Math.max(0, median(starts)) }
  }
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
