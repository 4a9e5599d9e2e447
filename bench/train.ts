/**
 * Steps of training, in GFLOP/s and tokens a second; that of a base model beside PyTorch.
 *
 *     npx tsx bench/train.ts [--python PATH]
 *
 * PATH is a Python with torch and transformers; without them the peer is left out, and said so. The sides take turns, each
 * with all threads, one at a time; weights and tokens are drawn from seed 1.
 */
import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { specFromConfig } from '../src/models/spec.js'
import { initialWeights } from '../src/train/initialise.js'
import { llamaConfig } from '../src/train/new-model.js'
import { nextToken } from '../src/train/objective.js'
import { machine, median, positive, table } from './common.js'
import { pythonPeer } from './python-peer.js'
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
    },
  })
  return {
    python: values.python,
    rounds: positive('rounds', values.rounds),
    steps: positive('steps', values.steps),
    threads: positive('threads', values.threads),
  }
}

/** The size of the built-in model. */
const baseConfig = llamaConfig({
  vocabSize: 4096,
  hiddenSize: 256,
  layers: 6,
  heads: 4,
  kvHeads: 2,
  intermediateSize: 704,
  maxPositions: 512,
  bosTokenId: 0,
  eosTokenId: 0,
})
const baseSpec = specFromConfig(baseConfig, 'the benchmark')
const base: Task = { name: 'base', build: nextToken(baseSpec), batch: 8, length: 256, vocabSize: 4096 }

async function torchSide(python: string, threads: number, task: Task): Promise<Side | undefined> {
  const { ids, targets } = randomBatch(task, SEED)
  const rows = Array.from({ length: task.batch }, (_, i) => [
    ids[i * task.length],
    ...targets.subarray(i * task.length, (i + 1) * task.length),
  ])
  const script = new URL('./train/torch_side.py', import.meta.url).pathname
  const args = [String(threads), JSON.stringify(baseConfig), JSON.stringify(rows)]
  try {
    const { description, ask, dispose } = await pythonPeer<object, { ms: number; loss: number }>(
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

async function main(): Promise<void> {
  const { python, rounds, steps, threads } = options()
  const { dependencies } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))
  const peer = await torchSide(python, threads, base)
  const sides = [await ourSide(base, initialWeights(baseSpec, SEED), threads), ...(peer ? [peer] : [])]
  const peak = await peakGflops(threads, 12)
  const times = await measure(sides, rounds, steps)
  const tokens = base.batch * base.length
  const flops = stepFlops(base)
  const rows = sides.map(({ name }, i) => {
    const ms = median(times[i])
    const gflops = flops / ms / 1e6
    const ratio = median(times[i].map((time, round) => time / times[0][round]))
    return [
      base.name,
      name,
      ms.toFixed(0),
      ((1e3 * tokens) / ms).toFixed(0),
      gflops.toFixed(0),
      `${((100 * gflops) / peak).toFixed(0)}%`,
      ratio.toFixed(2),
    ]
  })
  for (const side of sides) await side.dispose()
  const header = [
    machine(),
    `Node ${process.version}, onnxruntime-node ${dependencies['onnxruntime-node']}`,
    ...sides.map(({ name, description }) => `${name}: ${description}`),
    `fp32, ${rounds} rounds of ${steps} steps, ${threads} threads, seed ${SEED}; peak ${peak.toFixed(0)} GFLOP/s (product of two 2048 x 2048 matrices)`,
    `Command: npx tsx bench/train.ts ${process.argv.slice(2).join(' ')}`,
  ]
  const head = ['step', 'side', 'ms', 'tok/s', 'GFLOP/s', 'of peak', 'time over llm']
  console.log(`${header.join('  \n')}\n\n${table(head, rows)}`)
}

await main()
