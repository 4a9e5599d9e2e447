/** The process of one side: does the job in its argument, sends what it measured to its parent and ends. */
import type { BatchEngine, Setup } from './engine.js'
import { type Workload, workItems } from './workload.js'

export type EngineName = 'ours' | 'transformers.js'

export interface Job {
  readonly engine: EngineName
  readonly setup: Setup
  readonly workload: Workload
  readonly seed: number
}

export interface Measurement {
  readonly seconds: number
  /** Generated ones. */
  readonly tokens: number
}

const LOADERS: Readonly<Record<EngineName, () => Promise<{ load(setup: Setup): Promise<BatchEngine> }>>> = {
  ours: () => import('./engine-ours.js'),
  'transformers.js': () => import('./engine-transformers-js.js'),
}

async function run({ engine, setup, workload, seed }: Job): Promise<Measurement> {
  const { load } = await LOADERS[engine]()
  const loaded = await load(setup)
  await loaded.generate(workItems({ kind: 'mixed', rows: 2 * setup.batch }, loaded.vocabSize, seed + 1))
  const items = workItems(workload, loaded.vocabSize, seed)
  const begun = performance.now()
  const tokens = await loaded.generate(items)
  return { seconds: (performance.now() - begun) / 1000, tokens }
}

const measurement = await run(JSON.parse(process.argv[2]))
process.send!(measurement, () => process.exit())
