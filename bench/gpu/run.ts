import { fileURLToPath } from 'node:url'
import { loadDrafters, measureRuns, type Runs } from '../../src/bench/drafters.js'
import { interpolated } from '../../src/drafting/step-costs.js'
import { UserError } from '../../src/errors.js'
import { type LanguageModel, loadModel, openModel } from '../../src/language-model/load.js'
import type { DecoderSpec } from '../../src/models/spec.js'
import { type LoadedOnnxModel, loadOnnxModel, type RuntimeOptions } from '../../src/runtime/load.js'
import { bytesReadPerToken } from '../../src/runtime/storage.js'
import { median } from '../common.js'
import { type ScriptPeer, scriptPeer } from '../script-peer.js'
import { type DecodeTask, type DecodeTimes, measureDecode, measurePasses } from './measure.js'

const SCRIPT = fileURLToPath(new URL('./transformers_side.py', import.meta.url))

export interface Settings {
  readonly contexts: readonly number[]
  readonly batches: readonly number[]
  readonly tokens: readonly number[]
  readonly steps: number
  readonly rounds: number
  readonly seed: number
  readonly mostColumns: number
  /** Bytes per second. */
  readonly bandwidth: number
  /** That drafters are measured for, about. */
  readonly drafterSeconds: number
  readonly python?: string
  readonly runtime: RuntimeOptions
}

/** What is measured of a model, and where it is. */
export interface Subject {
  readonly name: string
  readonly directory: string
  /** Drafters need a tokenizer and texts. */
  readonly hasDrafters: boolean
}

export interface Results {
  readonly name: string
  readonly dtype: string
  readonly device: string
  readonly peer: string | undefined
  readonly decode: readonly DecodeResult[]
  /** Seconds by tokens. */
  readonly passes: readonly { readonly tokens: number; readonly seconds: number }[]
  readonly drafters: readonly {
    readonly name: string
    readonly speedup: number
    readonly same_text: boolean
  }[]
}

/** Medians of rounds; a ratio is of the sides of a round. */
export interface DecodeResult {
  readonly context: number
  readonly batch: number
  readonly ours: Speeds | { readonly failure: string }
  readonly theirs?: Speeds | { readonly failure: string }
  /** Ours by theirs. */
  readonly ratio?: number
  /** Of the memory's bandwidth, at batch 1: what a step has to read is then the weights and the cache. */
  readonly share?: number
}

/** Tokens per second. */
export interface Speeds {
  readonly prefill: number
  readonly decode: number
}

type Outcome = DecodeTimes | { readonly failure: string }
type Peer = ScriptPeer<DecodeTask, Outcome>

/** Measures everything of one model. */
export async function measureModel(subject: Subject, settings: Settings): Promise<Results> {
  const { spec, loaded, dispose } = await load(subject, settings.runtime)
  const { dtype, device } = loaded
  const peer = settings.python && (await startPeer(settings.python, subject, { dtype, device }))
  try {
    const decode = await measureAll(spec, loaded, peer || undefined, settings)
    const passes = await measurePassTimes(loaded, settings)
    const drafters = subject.hasDrafters
      ? await measureDrafters(loaded as LanguageModel, passes, settings)
      : []
    return {
      name: subject.name,
      dtype,
      device,
      peer: peer ? peer.description : undefined,
      decode,
      passes,
      drafters,
    }
  } finally {
    if (peer) await peer.dispose()
    await dispose()
  }
}

async function load({ directory, hasDrafters }: Subject, runtime: RuntimeOptions) {
  if (hasDrafters) {
    const model = await loadModel(directory, runtime)
    return { spec: model.spec!, loaded: model, dispose: () => model.dispose() }
  }
  const { spec, store, path } = await openModel(directory)
  try {
    const loaded = await loadOnnxModel(spec, store, path, runtime)
    return { spec, loaded, dispose: () => loaded.model.dispose() }
  } finally {
    await store.close()
  }
}

function startPeer(
  python: string,
  { directory }: Subject,
  { dtype, device }: { dtype: string; device: string },
) {
  return scriptPeer<DecodeTask, Outcome>(python, SCRIPT, [directory, device, dtype])
}

async function measureAll(
  spec: DecoderSpec,
  { model, dtype }: Pick<LoadedOnnxModel, 'dtype'> & Pick<LanguageModel, 'model'>,
  peer: Peer | undefined,
  settings: Settings,
): Promise<DecodeResult[]> {
  const { contexts, batches, steps, rounds, seed, mostColumns, bandwidth } = settings
  const tasks = contexts.flatMap((context) =>
    batches
      .filter((batch) => batch * (context + steps) <= mostColumns && context + steps < spec.maxPositions)
      .map((batch) => ({ context, batch, steps })),
  )
  const sides = [
    (task: DecodeTask): Promise<Outcome> => measureDecode(model, task).catch(failure),
    ...(peer ? [(task: DecodeTask) => peer.ask(task)] : []),
  ]
  const outcomes = tasks.map(() => sides.map(() => [] as Outcome[]))
  // The first round compiles and warms up.
  for (let round = -1; round < rounds; round++) {
    for (const [i, task] of tasks.entries()) {
      const order = [...sides.keys()]
      // Every other round backwards, so that no side is always the first.
      for (const side of round % 2 === 0 ? order : order.reverse()) {
        const outcome = await sides[side]({ ...task, seed: seed + round + 1 })
        if (round >= 0) outcomes[i][side].push(outcome)
      }
    }
    if (round >= 0) console.error(`round ${round + 1} of ${rounds}`)
  }
  return tasks.map((task, i) => {
    const [own, other] = outcomes[i].map((rounds) => speedsOf(task, rounds))
    const [ours, theirs] = [own, other].map((side) => side && summary(side))
    const bytes = bytesReadPerToken(spec, dtype, task.context + steps / 2)
    return {
      context: task.context,
      batch: task.batch,
      ours,
      ...(theirs && { theirs }),
      ...(isMeasured(own) &&
        isMeasured(other) && { ratio: median(own.map((s, k) => s.decode / other[k].decode)) }),
      ...(task.batch === 1 && 'decode' in ours && { share: (ours.decode * bytes) / bandwidth }),
    }
  })
}

/** What a device has no room for is part of the results. */
function failure(error: unknown): { failure: string } {
  if (error instanceof UserError) return { failure: error.message }
  throw error
}

type Side = readonly Speeds[] | { readonly failure: string }

function speedsOf({ context, batch }: Omit<DecodeTask, 'seed'>, outcomes: readonly Outcome[]): Side {
  const failed = outcomes.find((outcome) => 'failure' in outcome)
  if (failed) return failed as { failure: string }
  return (outcomes as readonly DecodeTimes[]).map(({ prefill, steps }) => ({
    prefill: (batch * context) / prefill,
    decode: batch / median(steps),
  }))
}

function isMeasured(side: Side | undefined): side is readonly Speeds[] {
  return Array.isArray(side)
}

function summary(side: Side): Speeds | { readonly failure: string } {
  if (!isMeasured(side)) return side as { failure: string }
  return {
    prefill: median(side.map(({ prefill }) => prefill)),
    decode: median(side.map(({ decode }) => decode)),
  }
}

async function measurePassTimes({ model }: Pick<LanguageModel, 'model'>, settings: Settings) {
  const { contexts, tokens, rounds, seed } = settings
  const times: number[][] = []
  for (let round = -1; round < rounds; round++) {
    const own = await measurePasses(model, contexts[0], tokens, seed + round + 1)
    if (round >= 0) times.push(own)
  }
  return tokens.map((count, i) => ({ tokens: count, seconds: median(times.map((round) => round[i])) }))
}

async function measureDrafters(
  model: LanguageModel,
  passes: Results['passes'],
  { runtime, drafterSeconds }: Settings,
): Promise<Results['drafters']> {
  const { threads } = runtime
  const cost = interpolated(passes.map(({ tokens, seconds }) => [tokens, seconds]))
  const drafters = await loadDrafters(model, cost, { threads })
  try {
    const runs: Runs = await measureRuns(model, drafters, { seconds: drafterSeconds })
    return drafters.map(({ name }, i) => {
      const { speedup, same_text } = runs.drafters[i]
      return { name, speedup, same_text }
    })
  } finally {
    await Promise.all(drafters.map((drafter) => drafter.dispose()))
  }
}
