import { readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError, usageError } from '../errors.js'
import { isMissing, makeDirectory } from '../files.js'
import { openWeights } from '../weights/index.js'
import { type TensorData, writeSafetensors } from '../weights/safetensors-writer.js'
import type { OptimiserState, Weights } from './trainer.js'

/** What a run was started with, by the names that its user knows; a run is resumed with the same ones only. */
export type Settings = Readonly<Record<string, unknown>>

/** A run at a step, as it goes on from there. */
export interface Checkpoint {
  /** The trained weights. */
  readonly weights: Weights
  readonly state: OptimiserState
  readonly settings: Settings
}

const STATE_FILE = 'training_state.safetensors'
const NAME = /^checkpoint-(\d+)$/

/**
 * Writes `checkpoint-STEP` in a directory, under another name until it is whole, and removes all but the newest `keep`.
 * @param writeModel writes what can be loaded as a model into the directory it is given
 * @throws UserError where it cannot be written (a full disk); older checkpoints then stay
 */
export async function saveCheckpoint(
  output: string,
  checkpoint: Checkpoint,
  keep: number,
  writeModel: (directory: string) => Promise<void>,
): Promise<string> {
  const path = join(output, `checkpoint-${checkpoint.state.step}`)
  const temporary = `${path}.${process.pid}.tmp`
  try {
    await makeDirectory(temporary)
    await writeModel(temporary)
    await writeState(join(temporary, STATE_FILE), checkpoint)
    await remove(path)
    await rename(temporary, path)
  } catch (error) {
    // The first error is the one to report.
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined)
    if (error instanceof UserError) throw error
    throw new UserError(`Cannot write ${path}: ${(error as Error).message}.`, 1, { cause: error })
  }
  const older = (await checkpointsOf(output)).slice(keep)
  await Promise.all(older.map(remove))
  return path
}

/** Takes a checkpoint's name away before its files go one by one: what has the name is whole, whenever the process is killed. */
async function remove(path: string): Promise<void> {
  const removed = `${path}.${process.pid}.removed.tmp`
  try {
    await rename(path, removed)
  } catch (error) {
    if (isMissing(error)) return
    throw error
  }
  await rm(removed, { recursive: true, force: true })
}

async function writeState(path: string, { weights, state, settings }: Checkpoint): Promise<void> {
  const tensors = new Map<string, TensorData>()
  const parts = { weight: weights, mean: state.means, variance: state.variances }
  for (const [kind, values] of Object.entries(parts)) {
    for (const [name, array] of values) tensors.set(`${kind}.${name}`, flat(array))
  }
  await writeSafetensors(path, tensors, { step: String(state.step), settings: JSON.stringify(settings) })
}

function flat(values: Float32Array): TensorData {
  return { dtype: 'F32', shape: [values.length], values }
}

/** The checkpoints in a directory, newest first. */
export async function checkpointsOf(output: string): Promise<string[]> {
  const names = await readdir(output).catch(() => [])
  const step = (name: string) => Number(NAME.exec(name)![1])
  const found = names.filter((name) => NAME.test(name))
  return found.sort((a, b) => step(b) - step(a)).map((name) => join(output, name))
}

/** @throws UserError for a file that is missing or damaged */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const store = await openWeights(join(path, STATE_FILE))
  try {
    const parts = { weight: new Map(), mean: new Map(), variance: new Map() } satisfies Record<
      string,
      Weights
    >
    for (const name of store.tensors.keys()) {
      const [, kind, parameter] = /^(weight|mean|variance)\.(.*)$/.exec(name) ?? []
      if (kind) parts[kind as keyof typeof parts].set(parameter, await store.read(name))
    }
    return {
      weights: parts.weight,
      state: { step: Number(store.metadata.get('step')), means: parts.mean, variances: parts.variance },
      settings: JSON.parse(String(store.metadata.get('settings'))),
    }
  } finally {
    await store.close()
  }
}

/** @throws UserError, exit code 2, that names the settings in which the runs differ */
export function refuseOtherSettings(saved: Settings, asked: Settings, path: string): void {
  const names = [...new Set([...Object.keys(saved), ...Object.keys(asked)])]
  const text = (value: unknown) => JSON.stringify(value) ?? 'nothing'
  const differences = names
    .filter((name) => text(saved[name]) !== text(asked[name]))
    .map((name) => `${name} was ${text(saved[name])} and is ${text(asked[name])}`)
  if (differences.length === 0) return
  throw usageError(
    `${path} cannot be resumed with other settings: ${differences.join('; ')}. Give the same ones, or start a new run from its weights.`,
  )
}
