/** The process of one side: does the job in its argument, sends what it measured to its parent and ends. */
import { readBandwidth } from '../../src/bench/bandwidth.js'
import type { Loader } from './engine.js'
import { type EngineName, type Job, type Measurement, measure } from './measure.js'

const LOADERS: Readonly<Record<EngineName, () => Promise<{ load: Loader }>>> = {
  ours: () => import('./engine-ours.js'),
  'llama.cpp': () => import('./engine-llama-cpp.js'),
  'transformers.js': () => import('./engine-transformers-js.js'),
}

async function run(job: Job): Promise<Measurement | number> {
  if (job.kind === 'bandwidth') return (await readBandwidth(job.threads)) / 1e9
  const { load } = await LOADERS[job.engine]()
  return measure(await load(job.setup), job.task)
}

const result = await run(JSON.parse(process.argv[2]))
process.send!(result, () => process.exit())
