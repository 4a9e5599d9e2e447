/**
 * Greedy decoding at batch 1 against @huggingface/transformers and node-llama-cpp, with the same weights.
 *
 *     npx tsx bench/decode.ts --models DIR [--peers DIR] [--contexts 128,1024] [--rounds 7] [--steps 64] [--prefill 512]
 *         [--warm-up 3000] [--threads N] [--seed 0] [--json FILE]
 *
 * DIR of --models is what bench/prepare.py made; DIR of --peers has node-llama-cpp in its node_modules. A peer that is
 * not there is left out. Every round starts a new process for each side, one at a time, so that no side's threads run
 * while another is measured; ratios are of sides in the same round.
 */
import { fork } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { DecoderSpec } from '../src/models/spec.js'
import { bytesReadPerToken, type RunType, weightBytes } from '../src/runtime/storage.js'
import { header, positive } from './common.js'
import { llamaCppVersion } from './decode/engine-llama-cpp.js'
import { loadOurs, readSpec } from './decode/engine-ours.js'
import type { Job, Measurement, Side, Task } from './decode/measure.js'
import { markdown, type Results } from './decode/report.js'

/** What our side computes in: half precision needs a GPU. */
const OURS: readonly RunType[] = ['fp32', 'int8', 'int4']

const SIDE = fileURLToPath(new URL('./decode/side.ts', import.meta.url))

interface Options {
  readonly models: string
  readonly peers: string
  readonly contexts: readonly number[]
  readonly rounds: number
  readonly steps: number
  readonly prefill: number
  readonly threads: number
  /** Milliseconds for which every engine generates before it is timed. */
  readonly warmUp: number
  readonly seed: number
  readonly json: string | undefined
}

function options(): Options {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    options: {
      models: text,
      peers: { ...text, default: '.' },
      contexts: { ...text, default: '128,1024' },
      rounds: { ...text, default: '7' },
      steps: { ...text, default: '64' },
      prefill: { ...text, default: '512' },
      threads: { ...text, default: String(availableParallelism()) },
      'warm-up': { ...text, default: '3000' },
      seed: { ...text, default: '0' },
      json: text,
    },
  })
  if (!values.models) throw new Error('Give the folder that bench/prepare.py made: --models DIR.')
  const { models, peers, json } = values
  const count = (name: 'rounds' | 'steps' | 'prefill' | 'threads') => positive(name, values[name])
  return {
    models,
    peers,
    json,
    contexts: values.contexts.split(',').map((part) => positive('contexts', part)),
    rounds: count('rounds'),
    steps: count('steps'),
    prefill: count('prefill'),
    threads: count('threads'),
    warmUp: positive('warm-up', values['warm-up']),
    seed: Number(values.seed),
  }
}

/** The sides that can run here: of equal weights side by side, so that they follow each other. */
async function availableSides({ models, peers }: Options): Promise<Side[]> {
  const llamaCpp = (await llamaCppVersion(peers)) !== undefined
  if (!llamaCpp) console.log(`Left out: node-llama-cpp is not in ${join(peers, 'node_modules')}.`)
  const transformersJs = existsSync(join(models, 'transformers-js'))
  if (!transformersJs) console.log(`Left out: transformers.js, as ${models} has no transformers-js.`)
  const ours = (variant: string): Side => ({ engine: 'ours', variant })
  const theirs = (...variants: string[]): Side[] =>
    llamaCpp ? variants.map((variant) => ({ engine: 'llama.cpp', variant })) : []
  return [
    ...(transformersJs ? [{ engine: 'transformers.js', variant: 'fp32' } as const] : []),
    ours('fp32'),
    ...theirs('f32'),
    ours('int8'),
    ...theirs('q8_0'),
    ours('int4'),
    ...theirs('q4_0', 'q4_0-pure'),
  ]
}

/** Contexts and prefill are cut to what the model can hold. */
function taskFor(spec: DecoderSpec, { contexts, steps, prefill, warmUp, seed }: Options): Task {
  const longest = spec.maxPositions - steps - 1
  const cut = [...new Set(contexts.map((context) => Math.min(context, longest)))]
  return {
    contexts: cut,
    steps,
    prefill: Math.min(prefill, longest),
    warmUp,
    vocabSize: spec.vocabSize,
    seed,
  }
}

/** Runs one process to its end. */
function inProcess<T>(job: Job): Promise<T> {
  const llamaCpp = job.kind === 'engine' && job.engine === 'llama.cpp'
  const env = llamaCpp ? { ...process.env, UV_THREADPOOL_SIZE: '1' } : process.env
  return new Promise((resolve, reject) => {
    let result: T | undefined
    const child = fork(SIDE, [JSON.stringify(job)], { env, serialization: 'advanced' })
    child.once('message', (message) => {
      result = message as T
    })
    child.once('exit', (code) => {
      if (result === undefined) reject(new Error(`${JSON.stringify(job)} ended with exit code ${code}.`))
      else resolve(result)
    })
  })
}

async function measure(options: Options, spec: DecoderSpec, sides: readonly Side[]): Promise<Results> {
  const { models, peers, threads, rounds } = options
  const task = taskFor(spec, options)
  const length = Math.max(...task.contexts, task.prefill) + task.steps + 1
  // So that no measured process quantises weights.
  for (const dtype of OURS) await (await loadOurs(models, dtype, threads)).model.dispose()
  const measurements = sides.map((side) => ({ ...side, rounds: [] as Measurement[] }))
  const bandwidth: number[] = []
  for (let round = 0; round < rounds; round++) {
    bandwidth.push(await inProcess<number>({ kind: 'bandwidth', threads }))
    // Every other round backwards, so that no side is always the first of its pair.
    for (const side of round % 2 === 0 ? measurements : measurements.toReversed()) {
      const setup = { models, peers, variant: side.variant, threads, length }
      const seed = task.seed + round
      side.rounds.push(
        await inProcess({ kind: 'engine', engine: side.engine, setup, task: { ...task, seed } }),
      )
    }
    console.error(`round ${round + 1} of ${rounds}`)
  }
  const types = OURS.map((type) => [type, weightBytes(spec, type)])
  return {
    task,
    sides: measurements,
    bandwidth,
    bytesPerToken: task.contexts.map((context) => bytesReadPerToken(spec, 'fp32', context + task.steps / 2)),
    weightBytes: Object.fromEntries(types),
  }
}

/** Of the peers. */
async function versions(peers: string): Promise<string> {
  const { devDependencies } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))
  const transformersJs = `@huggingface/transformers ${devDependencies['@huggingface/transformers']}`
  const llamaCpp = await llamaCppVersion(peers)
  return [transformersJs, ...(llamaCpp ? [`node-llama-cpp ${llamaCpp}`] : [])].join(', ')
}

async function main(): Promise<void> {
  const chosen = options()
  const spec = await readSpec(chosen.models)
  const sides = await availableSides(chosen)
  const head = header(
    'decode.ts',
    await versions(chosen.peers),
    `Seed ${chosen.seed}, ${chosen.rounds} rounds of ${chosen.steps} tokens, ${chosen.threads} threads`,
  )
  const results = await measure(chosen, spec, sides)
  console.log(`${head.join('  \n')}\n\n${markdown(results)}`)
  if (chosen.json)
    await writeFile(chosen.json, `${JSON.stringify({ header: head, ...results }, undefined, 1)}\n`)
}

await main()
