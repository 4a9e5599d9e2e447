import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { readHeads } from '../heads/files.js'
import { fingerprintOf } from '../heads/fingerprint.js'
import type { DraftVocabulary } from '../models/heads/draft-vocabulary.js'
import type { DecoderSpec } from '../models/spec.js'
import type { Weights } from '../weights/index.js'
import type { BuildObjective } from './objective.js'
import type { TrainableHeads } from './objectives/heads.js'
import { MEDUSA_TRAINING } from './objectives/medusa.js'
import { MTP_TRAINING } from './objectives/mtp.js'

/** What proposes tokens for a target, as an objective whose metrics say how well. */
export interface DrafterObjective {
  /** For messages: `Medusa heads`. */
  readonly name: string
  readonly build: BuildObjective
  /** The target's and its own. */
  readonly weights: Weights
}

interface DraftedModel {
  readonly path: string
  readonly spec: DecoderSpec
  readonly weights: Weights
}

/**
 * Reads the Medusa heads or MTP modules in a directory, to be measured on their target.
 * @returns undefined where the directory holds neither
 * @throws UserError as `readHeads`
 */
export async function readHeadsToMeasure(
  directory: string,
  target: DraftedModel,
): Promise<DrafterObjective | undefined> {
  return (await readAs(MEDUSA_TRAINING, directory, target)) ?? readAs(MTP_TRAINING, directory, target)
}

async function readAs<Spec extends DraftVocabulary>(
  kind: TrainableHeads<Spec>,
  directory: string,
  { path, spec, weights }: DraftedModel,
): Promise<DrafterObjective | undefined> {
  if (!(await exists(join(directory, kind.file)))) return undefined
  const heads = await readHeads(directory, kind, { path, spec, fingerprint: fingerprintOf(spec, weights) })
  return {
    name: kind.name,
    build: kind.objective(spec, heads.spec),
    weights: new Map([...weights, ...heads.weights]),
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
