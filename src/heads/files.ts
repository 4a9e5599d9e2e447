import { join } from 'node:path'
import { UserError } from '../errors.js'
import { MOST_SETTINGS, makeDirectory, readJsonObjectIfThere, unwritable, writeJson } from '../files.js'
import type { DraftVocabulary } from '../models/heads/draft-vocabulary.js'
import type { Parameter } from '../models/parameters.js'
import type { DecoderSpec } from '../models/spec.js'
import { openWeights, type Weights } from '../weights/index.js'
import { type WrittenTensor, writeSafetensors } from '../weights/safetensors-writer.js'
import { type Fingerprint, requireSameTarget } from './fingerprint.js'

/** A kind of heads, as its files are laid out. */
export interface HeadKind<Spec> {
  /** For messages: `Medusa heads`. */
  readonly name: string
  readonly file: string
  /** What a checkpoint may put before each name; it is left out where files are written. */
  readonly prefix: string
  parameters(spec: Spec, target: DecoderSpec): Parameter[]
  /** As fields of config.json. */
  toConfig(spec: Spec): Readonly<Record<string, unknown>>
  /** @returns undefined where the fields are missing or make no sense */
  fromConfig(config: Readonly<Record<string, unknown>>): Spec | undefined
}

export interface HeadTarget {
  readonly path: string
  readonly spec: DecoderSpec
  readonly fingerprint: Fingerprint
}

/**
 * Writes heads as a directory: their weights by the names of published checkpoints, and config.json, which also tells the
 * target's shape and fingerprint.
 * @throws UserError where they cannot be written
 */
export async function writeHeads<Spec>(
  directory: string,
  kind: HeadKind<Spec>,
  spec: Spec,
  weights: Weights,
  target: HeadTarget,
  dtype: WrittenTensor['dtype'],
): Promise<void> {
  const tensors = kind.parameters(spec, target.spec).map(({ name, shape }): [string, WrittenTensor] => {
    return [name, { dtype, shape: [...shape], values: weights.get(kind.prefix + name)! }]
  })
  await writeSafetensors(join(directory, kind.file), new Map(tensors), { format: 'pt' })
  const { vocabSize, hiddenSize } = target.spec
  await writeJson(join(directory, 'config.json'), {
    ...kind.toConfig(spec),
    base_model_name_or_path: target.path,
    hidden_size: hiddenSize,
    vocab_size: vocabSize,
    base_model_fingerprint: target.fingerprint,
  })
}

/**
 * Reads heads for a target.
 * @returns the weights by their names with the kind's prefix
 * @throws UserError for files that are missing or of another kind, and heads for another model: by shape, or by its
 *   fingerprint, which published heads do not have
 */
export async function readHeads<Spec extends DraftVocabulary>(
  directory: string,
  kind: HeadKind<Spec>,
  target: HeadTarget,
): Promise<{ spec: Spec; weights: Weights }> {
  const config = await readConfig(directory, kind)
  const spec = kind.fromConfig(config)
  if (!spec)
    throw new UserError(`${directory}/config.json describes no ${kind.name}: give a directory of them.`)
  const { vocabSize } = target.spec
  const last = spec.draftTokens?.at(-1) ?? 0
  if (last >= vocabSize) {
    throw new UserError(
      `The ${kind.name} in ${directory} are not for ${target.path}: they guess token ${last}, and it has ${vocabSize} tokens.`,
    )
  }
  const store = await openWeights(join(directory, kind.file))
  try {
    const weights: Weights = new Map()
    for (const { name, shape } of kind.parameters(spec, target.spec)) {
      const stored = [name, kind.prefix + name].find((each) => store.tensors.has(each))
      const found = stored === undefined ? undefined : store.tensors.get(stored)!.shape
      if (String(found) !== String(shape)) {
        throw new UserError(
          `The ${kind.name} in ${directory} are not for ${target.path}: ${name} has the shape [${found ?? 'nothing'}], and [${shape}] is needed.`,
        )
      }
      weights.set(kind.prefix + name, await store.read(stored!))
    }
    const { base_model_fingerprint: trainedFor } = config
    if (trainedFor !== undefined && trainedFor !== null) {
      const names = { heads: directory, model: target.path }
      requireSameTarget(trainedFor, target.fingerprint, names)
    }
    return { spec, weights }
  } finally {
    await store.close()
  }
}

/** A directory for heads beside their model. */
export async function subdirectory(directory: string, name: string): Promise<string> {
  const path = join(directory, name)
  await makeDirectory(path).catch((error) => {
    throw unwritable(path, error)
  })
  return path
}

async function readConfig(
  directory: string,
  { name }: { name: string },
): Promise<Readonly<Record<string, unknown>>> {
  const path = join(directory, 'config.json')
  const config = await readJsonObjectIfThere(path, MOST_SETTINGS)
  if (!config) throw new UserError(`${directory} has no config.json of ${name}: check the path.`)
  return config
}
