import { rename, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { UserError, usageError } from '../errors.js'
import { isMissing, isTemporary, makeDirectory, namesInIfThere, temporaryName, unwritable } from '../files.js'
import { isJsonObject, parseJsonObject } from '../json.js'
import { openWeights, type Weights } from '../weights/index.js'
import { type WrittenTensor, writeSafetensors } from '../weights/safetensors-writer.js'
import type { OptimiserState } from './trainer.js'

/** What a run was started with, by the names that its user knows; a run is resumed with the same ones only. */
export type RunSettings = Readonly<Record<string, unknown>>

/** A run at a step, as it goes on from there. */
export interface Checkpoint {
  /** The trained weights. */
  readonly weights: Weights
  readonly state: OptimiserState
  readonly settings: RunSettings
}

const STATE_FILE = 'training_state.safetensors'
const NAME = /^checkpoint-(\d+)$/

/**
 * Writes `checkpoint-STEP` in a directory, under another name until it is whole, and removes all but the newest `keep`:
 * at each moment there is a whole one of that name, once there was one. One of this step, which a run that was resumed and
 * took no step has, stays as it is: it was whole, and is the same.
 * @param writeModel writes what can be loaded as a model into the directory it is given
 * @throws UserError where it cannot be written (a full disk), and for weights that are no numbers; older checkpoints then stay
 */
export async function saveCheckpoint(
  output: string,
  checkpoint: Checkpoint,
  keep: number,
  writeModel: (directory: string) => Promise<void>,
): Promise<string> {
  const path = join(output, `checkpoint-${checkpoint.state.step}`)
  if (await isThere(path)) return path
  const broken = nonFinite(checkpoint)
  if (broken !== undefined) throw notFinite(`The values of ${broken} are no numbers`, checkpoint.state.step)
  const temporary = temporaryName(path)
  try {
    await makeDirectory(temporary)
    await writeModel(temporary)
    await writeState(join(temporary, STATE_FILE), checkpoint)
    await rename(temporary, path)
  } catch (error) {
    // The first error is the one to report.
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined)
    throw error instanceof UserError ? error : unwritable(path, error)
  }
  const older = (await checkpointsOf(output)).slice(keep)
  await Promise.all(older.map(remove))
  return path
}

/** Takes a checkpoint's name away before its files go one by one: what has the name is whole, whenever the process is killed. */
async function remove(path: string): Promise<void> {
  const removed = temporaryName(path)
  try {
    await rename(path, removed)
  } catch (error) {
    if (isMissing(error)) return
    throw error
  }
  await rm(removed, { recursive: true, force: true })
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

/** Removes what killed runs had begun to write or to remove; only for who holds the directory's lock, so that no other run writes there. */
export async function tidyUp(output: string): Promise<void> {
  const left = (await namesInIfThere(output)).filter((name) => isTemporary(name))
  await Promise.all(left.map((name) => rm(join(output, name), { recursive: true, force: true })))
}

async function writeState(path: string, { weights, state, settings }: Checkpoint): Promise<void> {
  const tensors = new Map<string, WrittenTensor>()
  const parts = { weight: weights, mean: state.means, variance: state.variances }
  for (const [kind, values] of Object.entries(parts)) {
    for (const [name, array] of values) tensors.set(`${kind}.${name}`, tensor(array))
  }
  await writeSafetensors(path, tensors, { step: String(state.step), settings: JSON.stringify(settings) })
}

function tensor(values: Float32Array): WrittenTensor {
  return { dtype: 'F32', shape: [values.length], values }
}

/** The checkpoints in a directory, newest first. @throws UserError for a directory that cannot be read */
export async function checkpointsOf(output: string): Promise<string[]> {
  const names = await namesInIfThere(output)
  const found = names.filter((name) => NAME.test(name))
  return found.sort((a, b) => stepOf(b) - stepOf(a)).map((name) => join(output, name))
}

function stepOf(name: string): number {
  return Number(NAME.exec(name)?.[1])
}

/** @throws UserError for one that is missing, damaged, or of another step than its name says */
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
    const step = Number(store.metadata.get('step'))
    const named = stepOf(basename(path))
    if (step !== named) throw damaged(path, `its step is ${JSON.stringify(store.metadata.get('step'))}`)
    const settings = settingsOf(store.metadata.get('settings'), path)
    const state = { step, means: parts.mean, variances: parts.variance }
    const checkpoint = { weights: parts.weight, state, settings }
    const broken = nonFinite(checkpoint)
    if (broken !== undefined) throw damaged(path, `values of ${broken} are no numbers`)
    return checkpoint
  } finally {
    await store.close()
  }
}

function settingsOf(text: unknown, path: string): RunSettings {
  if (typeof text !== 'string') throw damaged(path, 'it has no settings')
  return parseJsonObject(text, `The settings of ${path}`)
}

/** The parameter of which weights or moments are no numbers: from there no step leads back. */
function nonFinite({ weights, state }: Checkpoint): string | undefined {
  const all = [weights, state.means, state.variances].flatMap((values) => [...values])
  return all.find(([, array]) => !array.every(Number.isFinite))?.[0]
}

/** What ends a run that has gone astray. */
export function notFinite(what: string, step: number): UserError {
  return new UserError(
    `${what} at step ${step}: the last checkpoint is kept; start a new run from its weights, or from the beginning, with a lower --learning-rate or a longer --warmup-steps.`,
  )
}

/** @throws UserError for a checkpoint of other parameters, or of parameters of other sizes, than are trained */
export function requireParameters(
  { weights, state }: Checkpoint,
  trained: Readonly<{ means: Weights }>,
  path: string,
): void {
  for (const values of [weights, state.means, state.variances]) {
    const other = [...values.keys()].find((name) => !trained.means.has(name))
    if (other !== undefined) throw damaged(path, `${other} is not trained`)
    for (const [name, { length }] of trained.means) {
      const found = values.get(name)?.length ?? 0
      if (found !== length) throw damaged(path, `${name} has ${found} values, and not ${length}`)
    }
  }
}

function damaged(path: string, what: string): UserError {
  return new UserError(
    `${path} is damaged: ${what}. Remove it to go on from an older checkpoint, or start a new run.`,
  )
}

/** @throws UserError, exit code 2, that names the settings in which the runs differ */
export function refuseOtherSettings(saved: RunSettings, asked: RunSettings, path: string): void {
  const [before, now] = [flat(saved), flat(asked)]
  const text = (value: unknown) => JSON.stringify(value) ?? 'nothing'
  const differences = [...new Set([...before.keys(), ...now.keys()])]
    .filter((name) => text(before.get(name)) !== text(now.get(name)))
    .map((name) => `${name} was ${text(before.get(name))}, is ${text(now.get(name))}`)
  if (differences.length === 0) return
  throw usageError(
    `${path} cannot be resumed with other settings: ${differences.join('; ')}. Give the same ones, or start a new run from its weights.`,
  )
}

/** Settings of settings by names such as `lora.rank`. */
function flat(settings: RunSettings, prefix = ''): Map<string, unknown> {
  return new Map(
    Object.entries(settings).flatMap(([name, value]): [string, unknown][] =>
      isJsonObject(value) ? [...flat(value, `${prefix}${name}.`)] : [[prefix + name, value]],
    ),
  )
}
