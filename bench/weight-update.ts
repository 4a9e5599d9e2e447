/**
 * What it takes to decode with weights that a training step has just changed, as reinforcement learning does at each step, and how
 * fast the model then decodes: over the trainer's own arrays (`liveModel`), and with a session that is made anew, from memory or
 * from the files of a saved model.
 *
 *     npx tsx bench/weight-update.ts [--rounds 5] [--steps 3] [--tokens 24] [--threads N] [--tiny]
 *
 * In each round a side takes its turn: the steps are trained, the weights are handed over after each, and then a prompt of 256 tokens is
 * run and tokens are decoded for 1, 8 and 32 sequences. Weights and tokens are drawn from seed 1. --tiny, for trying this program, has
 * short rows of the small model.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Model, NativeBatchModel } from '../src/model/model.js'
import { decoderGraph } from '../src/models/decoder/decoder.js'
import type { DecoderSpec } from '../src/models/spec.js'
import { serialize } from '../src/onnx/serialize.js'
import { liveModel } from '../src/runtime/live-model.js'
import { loadOnnxModel } from '../src/runtime/load.js'
import type { OnnxModel } from '../src/runtime/onnx-model.js'
import type { PagedModel } from '../src/runtime/paged-model.js'
import { createSession } from '../src/runtime/session.js'
import { initialWeights } from '../src/train/initialise.js'
import { writeModelFiles } from '../src/train/model-files.js'
import { nextToken } from '../src/train/objective.js'
import { openWeights, type Weights } from '../src/weights/index.js'
import { header, median, positive, table } from './common.js'
import { baseConfig, baseSpec, smolLm2Config, smolLm2Spec } from './train/models.js'
import { ourSide, randomBatch } from './train/side.js'

const SEED = 1
const BATCHES = [1, 8, 32]

const text = { type: 'string' } as const
const { values } = parseArgs({
  options: {
    rounds: { ...text, default: '5' },
    steps: { ...text, default: '3' },
    tokens: { ...text, default: '24' },
    threads: { ...text, default: String(availableParallelism()) },
    tiny: { type: 'boolean', default: false },
  },
})
const [rounds, steps, tokens, threads] = (['rounds', 'steps', 'tokens', 'threads'] as const).map((name) =>
  positive(name, values[name]),
)
/** Tokens of a row that is trained on, and of the prompt. */
const LENGTH = values.tiny ? 16 : 256

interface Size {
  readonly name: string
  readonly spec: DecoderSpec
  readonly config: Readonly<Record<string, unknown>>
  /** Rows of a training step. */
  readonly rows: number
}

/** Models for one sequence and for many. */
interface Models {
  readonly alone: OnnxModel
  readonly batch: PagedModel
}

interface Side {
  readonly name: string
  /** Makes the weights be decoded with. */
  update(): Promise<void>
  /** What decodes; of sides that decode alike, one has it. */
  models?(): Promise<Models>
  dispose(): Promise<void>
}

async function live({ spec }: Size, weights: Weights): Promise<Side> {
  const alone = await liveModel(spec, weights, { threads })
  const batch = await liveModel(spec, weights, { threads, manySequences: true })
  return {
    name: 'live',
    update: async () => {},
    models: async () => ({ alone, batch }),
    dispose: async () => {
      await Promise.all([alone.dispose(), batch.dispose()])
    },
  }
}

function fromMemory({ spec }: Size, weights: Weights): Side {
  const data = (name: string) => ({ bytes: new Uint8Array(weights.get(name)!.buffer) })
  return {
    name: 'session from memory',
    async update() {
      const graph = decoderGraph(spec, { type: 'float32', data, quantised: () => undefined }, 'in-place')
      const session = await createSession(serialize(graph), '', { device: 'cpu', threads })
      await session.release()
    },
    dispose: async () => {},
  }
}

function fromFiles({ spec, config }: Size, weights: Weights): Side {
  const directory = mkdtempSync(join(tmpdir(), 'weight-update-'))
  const tokenizer = join(directory, 'none')
  mkdirSync(tokenizer)
  const open = async (manySequences: boolean) => {
    const store = await openWeights(directory)
    const options = { dtype: 'fp32', device: 'cpu', threads, manySequences } as const
    const { model } = await loadOnnxModel(spec, store, directory, options)
    await store.close()
    return model
  }
  const save = () => writeModelFiles(directory, { spec, config, weights, tokenizer, dtype: 'F32' })
  let models: Models | undefined
  return {
    name: 'session from files',
    async update() {
      await save()
      await (await open(false)).dispose()
    },
    async models() {
      models ??= { alone: (await open(false)) as OnnxModel, batch: (await open(true)) as PagedModel }
      return models
    },
    async dispose() {
      await Promise.all([models?.alone.dispose(), models?.batch.dispose()])
      rmSync(directory, { recursive: true })
    },
  }
}

const chain = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i - 1)

/** tok/s of a prompt. */
async function prefill(model: Model, prompt: readonly number[]): Promise<number> {
  const cache = model.newCache()
  const start = performance.now()
  await model.forward(cache, prompt, chain(0, prompt.length), [prompt.length - 1])
  const elapsed = performance.now() - start
  cache.dispose()
  return (1e3 * prompt.length) / elapsed
}

/** tok/s of so many sequences together, each after a prompt of its own. */
async function decode({ alone, batch }: Models, count: number, prompt: readonly number[]): Promise<number> {
  const model: Model & Partial<Pick<NativeBatchModel, 'forwardAll'>> = count === 1 ? alone : batch
  const caches = Array.from({ length: count }, () => model.newCache())
  for (const [i, cache] of caches.entries()) {
    const own = prompt.slice(0, 8 + (i % 4))
    await model.forward(cache, own, chain(0, own.length), [])
  }
  const times: number[] = []
  for (let i = 0; i < tokens; i++) {
    const start = performance.now()
    const passes = caches.map((cache) => {
      return { cache, tokens: [prompt[i % prompt.length]], parents: [cache.length - 1], nodes: [0] }
    })
    if (model.forwardAll) await model.forwardAll(passes)
    else await model.forward(caches[0], passes[0].tokens, passes[0].parents)
    times.push(performance.now() - start)
  }
  for (const cache of caches) cache.dispose()
  return (1e3 * count) / median(times)
}

/** By side and figure, round by round: step and update in ms, then prefill and decoding in tok/s. */
async function measure(size: Size): Promise<Map<string, Record<string, number[]>>> {
  const { spec, rows } = size
  const weights = initialWeights(spec, SEED)
  const task = {
    name: size.name,
    build: nextToken(spec),
    batch: rows,
    length: LENGTH,
    vocabSize: spec.vocabSize,
  }
  const trainer = await ourSide(task, weights, threads)
  const prompt = [...randomBatch({ ...task, batch: 1 }, SEED).ids]
  await trainer.step()
  const sides = [await live(size, weights), fromMemory(size, weights), fromFiles(size, weights)]
  const figures = new Map(sides.map(({ name }) => [name, {} as Record<string, number[]>]))
  for (let round = 0; round < rounds; round++) {
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
      const note = (figure: string, value: number) => {
        const own = figures.get(side.name)!
        own[figure] ??= []
        own[figure].push(value)
      }
      for (let step = 0; step < steps; step++) {
        note('step', (await trainer.step()).ms)
        const start = performance.now()
        await side.update()
        note('update', performance.now() - start)
      }
      const models = await side.models?.()
      if (!models) continue
      note('prefill', await prefill(models.alone, prompt))
      for (const count of BATCHES) note(`decode ${count}`, await decode(models, count, prompt))
    }
  }
  for (const side of sides) await side.dispose()
  await trainer.dispose()
  return figures
}

async function main(): Promise<void> {
  const base: Size = { name: '5M', spec: baseSpec, config: baseConfig, rows: values.tiny ? 1 : 8 }
  const large: Size = { name: '135M', spec: smolLm2Spec, config: smolLm2Config, rows: 2 }
  const speeds = ['prefill', ...BATCHES.map((count) => `decode ${count}`)]
  const rowsOfTable: string[][] = []
  for (const size of values.tiny ? [base] : [base, large]) {
    const figures = await measure(size)
    const step = median([...figures.values()].flatMap((own) => own.step))
    const ordinary = figures.get('session from files')!
    for (const [name, own] of figures) {
      const update = median(own.update)
      const speed = (figure: string) => {
        if (!own[figure]) return ''
        const ratio = median(own[figure].map((value, round) => value / ordinary[figure][round]))
        return `${median(own[figure]).toFixed(0)} (${ratio.toFixed(2)})`
      }
      const share = `${((100 * update) / step).toFixed(1)}%`
      rowsOfTable.push([size.name, name, step.toFixed(0), update.toFixed(1), share, ...speeds.map(speed)])
    }
  }
  const head = header(
    'weight-update.ts',
    `fp32, ${rounds} rounds of ${steps} steps of 8 and 2 rows of ${LENGTH} tokens, ${threads} threads, seed ${SEED}`,
    'Speeds in tok/s, medians over the rounds; in brackets over the session from files, medians of the rounds',
  )
  const columns = ['size', 'side', 'step ms', 'update ms', 'of a step', ...speeds]
  console.log(`${head.join('  \n')}\n\n${table(columns, rowsOfTable)}`)
}

await main()
