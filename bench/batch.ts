/**
 * Greedy decoding of many prompts, as `llm batch` does it: several at a time, and with what they begin with in common.
 *
 *     npx tsx bench/batch.ts --model DIR [--dtype fp32] [--transformers-js DIR] [--batches 1,4,16,64]
 *         [--rows 128] [--prefix 256] [--prefix-rows 200] [--rounds 3] [--threads N] [--seed 0]
 *
 * DIR of --model has the model in HF layout, or it is a GGUF file; that of --transformers-js its export to ONNX in float32, without
 * which that peer is left out. Every round starts a new process for each measurement, one at a time. Random tokens are the prompts, and all sides
 * generate as many tokens as are asked for; transformers.js pads a batch and runs it until its longest text has ended.
 */
import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { RunType } from '../src/runtime/storage.js'
import type { EngineName, Job, Measurement } from './batch/side.js'
import type { Workload } from './batch/workload.js'
import { header, median, positive, table } from './common.js'

const SIDE = fileURLToPath(new URL('./batch/side.ts', import.meta.url))
/** Prompts at a time where the prefix is what is measured. */
const PREFIX_BATCH = 16

function options() {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    options: {
      model: text,
      dtype: { ...text, default: 'fp32' },
      'transformers-js': text,
      batches: { ...text, default: '1,4,16,64' },
      rows: { ...text, default: '128' },
      prefix: { ...text, default: '256' },
      'prefix-rows': { ...text, default: '200' },
      rounds: { ...text, default: '3' },
      threads: { ...text, default: String(availableParallelism()) },
      seed: { ...text, default: '0' },
    },
  })
  if (!values.model) throw new Error('Give a model: --model DIR.')
  const count = (name: 'rows' | 'prefix' | 'prefix-rows' | 'rounds' | 'threads') =>
    positive(name, values[name])
  return {
    model: values.model,
    dtype: values.dtype as RunType,
    peer: values['transformers-js'],
    batches: values.batches.split(',').map((part) => positive('batches', part)),
    rows: count('rows'),
    prefix: count('prefix'),
    prefixRows: count('prefix-rows'),
    rounds: count('rounds'),
    threads: count('threads'),
    seed: Number(values.seed),
  }
}

type Options = ReturnType<typeof options>

/** What is measured in each round. */
interface Side {
  readonly engine: EngineName
  readonly workload: Workload
  readonly batch: number
}

function sidesOf({ peer, batches, rows, prefix, prefixRows }: Options): Side[] {
  const engines: EngineName[] = peer === undefined ? ['ours'] : ['ours', 'transformers.js']
  const mixed = engines.flatMap((engine) =>
    batches.map((batch): Side => ({ engine, workload: { kind: 'mixed', rows }, batch })),
  )
  const prefixed = (['shared', 'distinct'] as const).map(
    (kind): Side => ({ engine: 'ours', workload: { kind, rows: prefixRows, prefix }, batch: PREFIX_BATCH }),
  )
  return [...mixed, ...prefixed]
}

function measure({ engine, workload, batch }: Side, chosen: Options, seed: number): Promise<Measurement> {
  const directory = engine === 'ours' ? chosen.model : chosen.peer!
  const { threads, dtype } = chosen
  const job: Job = { engine, setup: { directory, threads, dtype, batch }, workload, seed }
  return new Promise((resolve, reject) => {
    const child = fork(SIDE, [JSON.stringify(job)])
    child.once('message', (message) => resolve(message as Measurement))
    child.once('exit', (code) => reject(new Error(`${JSON.stringify(job)} ended with exit code ${code}.`)))
  })
}

/** Measurements by side and round. */
async function rounds(sides: readonly Side[], chosen: Options): Promise<Measurement[][]> {
  const results: Measurement[][] = sides.map(() => [])
  for (let round = 0; round < chosen.rounds; round++) {
    // Every other round backwards, so that no side is always the first.
    const order = round % 2 === 0 ? [...sides.keys()] : [...sides.keys()].reverse()
    for (const i of order) {
      const measured = await measure(sides[i], chosen, chosen.seed + round)
      results[i].push(measured)
      // A run takes long: what was measured is told at once.
      const { engine, workload, batch } = sides[i]
      console.error(
        `round ${round + 1}: ${engine}, ${workload.kind}, batch ${batch}: ${speed(measured).toFixed(1)} tok/s`,
      )
    }
  }
  return results
}

const speed = ({ tokens, seconds }: Measurement) => tokens / seconds

function report(sides: readonly Side[], results: readonly Measurement[][]): string {
  const indices = [...sides.keys()]
  const rows = indices.map((i) => {
    const { engine, workload, batch } = sides[i]
    const { kind } = workload
    const prefix = kind === 'mixed' ? 'none' : `${workload.prefix} tokens, ${kind}`
    const first = indices.find((j) => sides[j].engine === engine && sides[j].workload.kind === kind)!
    const ratio = median(results[i].map((own, round) => speed(own) / speed(results[first][round])))
    return [engine, prefix, String(batch), median(results[i].map(speed)).toFixed(1), `${ratio.toFixed(2)}×`]
  })
  const index = (kind: Workload['kind']) => sides.findIndex(({ workload }) => workload.kind === kind)
  const [shared, distinct] = [index('shared'), index('distinct')]
  const gain = median(results[distinct].map((own, round) => own.seconds / results[shared][round].seconds))
  return [
    table(['engine', 'prefix', 'batch', 'generated tok/s', 'over the first of its kind'], rows),
    `A shared prefix is served ${gain.toFixed(2)} times as fast as distinct ones.`,
  ].join('\n\n')
}

async function main(): Promise<void> {
  const chosen = options()
  const sides = sidesOf(chosen)
  if (chosen.peer === undefined) console.log('Left out: transformers.js, as no --transformers-js is given.')
  const results = await rounds(sides, chosen)
  const head = header('batch.ts', `Seed ${chosen.seed}, ${chosen.rounds} rounds, ${chosen.threads} threads`)
  console.log(`${head.join('  \n')}\n\n${report(sides, results)}`)
}

await main()
