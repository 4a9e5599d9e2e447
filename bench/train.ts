/**
 * Steps of training, in GFLOP/s and tokens a second; that of a base model beside PyTorch.
 *
 *     npx tsx bench/train.ts [--python PATH] [--rounds 5] [--steps 4] [--threads N] [--tiny]
 *
 * PATH is a Python with torch and transformers; without them the peer is left out, and said so. The sides take turns, each
 * with all threads, one at a time; weights and tokens are drawn from seed 1. --tiny, for trying this program, takes short rows
 * of small models.
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import type { DecoderSpec } from '../src/models/spec.js'
import { initialWeights } from '../src/train/initialise.js'
import { nextToken } from '../src/train/objective.js'
import { isOfHeads, type TrainableHeads } from '../src/train/objectives/heads.js'
import { MEDUSA_TRAINING } from '../src/train/objectives/medusa.js'
import { MTP_TRAINING } from '../src/train/objectives/mtp.js'
import type { Weights } from '../src/weights/index.js'
import { header, median, positive, table } from './common.js'
import { scriptPeer } from './script-peer.js'
import { baseConfig, baseSpec, smolLm2Spec } from './train/models.js'
import { peakGflops } from './train/peak.js'
import { ourSide, randomBatch, type Side, stepFlops, type Task } from './train/side.js'

const SEED = 1

function options() {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    options: {
      python: { ...text, default: 'python3' },
      rounds: { ...text, default: '5' },
      steps: { ...text, default: '4' },
      threads: { ...text, default: String(availableParallelism()) },
      tiny: { type: 'boolean', default: false },
    },
  })
  return {
    tiny: values.tiny,
    python: values.python,
    rounds: positive('rounds', values.rounds),
    steps: positive('steps', values.steps),
    threads: positive('threads', values.threads),
  }
}

const chosen = options()
/** Tokens of a row. */
const LENGTH = chosen.tiny ? 16 : 256
/** Products of large matrices of which the fastest counts. */
const PEAK_RUNS = chosen.tiny ? 1 : 20

const base: Task = { name: 'base', build: nextToken(baseSpec), batch: 8, length: LENGTH, vocabSize: 4096 }

const [largeName, largeSpec] = chosen.tiny ? ['the base model', baseSpec] : ['SmolLM2-135M', smolLm2Spec]
const medusaSpec = { heads: 4, layers: 1, ownVocabulary: false }
const isHead = isOfHeads(MEDUSA_TRAINING, medusaSpec, largeSpec)
const medusaTask: Task = {
  name: `Medusa-1, 4 heads on ${largeName}`,
  build: MEDUSA_TRAINING.objective(largeSpec, medusaSpec),
  rateOf: (name) => (isHead(name) ? 1 : undefined),
  batch: 2,
  length: LENGTH,
  vocabSize: largeSpec.vocabSize,
}
const mtpSpec = { depth: 3, modules: 1, hiddenStatesFirst: false, parallel: false }
const isModule = isOfHeads(MTP_TRAINING, mtpSpec, baseSpec)
const mtpTask: Task = {
  name: 'MTP, depth 3 on the base model',
  build: MTP_TRAINING.objective(baseSpec, mtpSpec),
  rateOf: (name) => (isModule(name) ? 1 : undefined),
  batch: 8,
  length: LENGTH,
  vocabSize: 4096,
}

async function torchSide(python: string, threads: number, task: Task): Promise<Side | undefined> {
  const { ids, targets } = randomBatch(task, SEED)
  const rows = Array.from({ length: task.batch }, (_, i) => [
    ids[i * task.length],
    ...targets.subarray(i * task.length, (i + 1) * task.length),
  ])
  const script = new URL('./train/torch_side.py', import.meta.url).pathname
  const args = [String(threads), JSON.stringify(baseConfig), JSON.stringify(rows)]
  try {
    const { description, ask, dispose } = await scriptPeer<object, { ms: number; loss: number }>(
      python,
      script,
      args,
    )
    return { name: 'PyTorch', description, step: () => ask({}), dispose }
  } catch (error) {
    console.log(
      `Left out: PyTorch, as it cannot be started with --python ${python} (${(error as Error).message}).`,
    )
    return undefined
  }
}

/** The time of a step, round by round: the median of its steps. */
async function measure(sides: readonly Side[], rounds: number, steps: number): Promise<number[][]> {
  const times = sides.map((): number[] => [])
  for (const side of sides) for (let i = 0; i < 3; i++) await side.step()
  for (let round = 0; round < rounds; round++) {
    // Every other round backwards, so that no side always follows the same one.
    const order = sides.map((side, i) => ({ side, i }))
    for (const { side, i } of round % 2 === 0 ? order : order.toReversed()) {
      const taken: number[] = []
      for (let step = 0; step < steps; step++) taken.push((await side.step()).ms)
      times[i].push(median(taken))
    }
  }
  return times
}

async function measured(task: Task, sides: readonly Side[], { rounds, steps }: Rounds) {
  const times = await measure(sides, rounds, steps)
  for (const side of sides) await side.dispose()
  const tokens = task.batch * task.length
  const flops = stepFlops(task)
  return sides.map(({ name }, i) => {
    const ms = median(times[i])
    const gflops = flops / ms / 1e6
    const ratio = median(times[i].map((time, round) => time / times[0][round]))
    return { step: task.name, name, ms, speed: (1e3 * tokens) / ms, gflops, ratio }
  })
}

function withHeads<Spec>(kind: TrainableHeads<Spec>, heads: Spec, target: DecoderSpec): Weights {
  const weights = initialWeights(target, SEED)
  return new Map([...weights, ...kind.initial(heads, target, weights, SEED)])
}

interface Rounds {
  readonly rounds: number
  readonly steps: number
}

async function main(): Promise<void> {
  const { python, threads } = chosen
  // Other tenants of the machine come and go: the best of two times.
  const early = await peakGflops(threads, PEAK_RUNS)
  const peer = await torchSide(python, threads, base)
  const baseSide = await ourSide(base, initialWeights(baseSpec, SEED), threads)
  const all = await measured(base, [baseSide, ...(peer ? [peer] : [])], chosen)
  const mtpWeights = withHeads(MTP_TRAINING, mtpSpec, baseSpec)
  all.push(...(await measured(mtpTask, [await ourSide(mtpTask, mtpWeights, threads)], chosen)))
  const heads = withHeads(MEDUSA_TRAINING, medusaSpec, largeSpec)
  all.push(...(await measured(medusaTask, [await ourSide(medusaTask, heads, threads)], chosen)))
  const peak = Math.max(early, await peakGflops(threads, PEAK_RUNS))
  const rows = all.map(({ step, name, ms, speed, gflops, ratio }) => {
    const share = `${((100 * gflops) / peak).toFixed(0)}%`
    return [step, name, ms.toFixed(0), speed.toFixed(0), gflops.toFixed(0), share, ratio.toFixed(2)]
  })
  const head = header(
    'train.ts',
    `llm: ${baseSide.description}`,
    ...(peer ? [`PyTorch: ${peer.description}`] : []),
    `fp32, ${chosen.rounds} rounds of ${chosen.steps} steps, ${threads} threads, seed ${SEED}; peak ${peak.toFixed(0)} GFLOP/s (product of two 2048 x 2048 matrices)`,
  )
  const columns = ['step', 'side', 'ms', 'tok/s', 'GFLOP/s', 'of peak', 'time over llm']
  console.log(`${head.join('  \n')}\n\n${table(columns, rows)}`)
}

await main()
