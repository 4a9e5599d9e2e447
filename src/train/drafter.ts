import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { type HeadKind, readHeads } from '../heads/files.js'
import { fingerprintOf } from '../heads/fingerprint.js'
import { MEDUSA, MTP } from '../heads/kinds.js'
import type { DraftVocabulary } from '../models/heads/draft-vocabulary.js'
import type { DecoderSpec } from '../models/spec.js'
import type { BuildObjective } from './objective.js'
import { medusa } from './objectives/medusa.js'
import { multiToken } from './objectives/mtp.js'
import type { Weights } from './trainer.js'

/** What proposes tokens for a target, as an objective whose metrics say how well. */
export interface EvaluatedDrafter {
  /** For messages: `Medusa heads`. */
  readonly name: string
  readonly build: BuildObjective
  /** The target's and its own. */
  readonly weights: Weights
}

export interface DraftedModel {
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
): Promise<EvaluatedDrafter | undefined> {
  const { path, spec, weights } = target
  const read = async <Spec extends DraftVocabulary>(
    kind: HeadKind<Spec>,
    build: (heads: Spec) => BuildObjective,
  ) => {
    const heads = await readHeads(directory, kind, { path, spec, fingerprint: fingerprintOf(spec, weights) })
    return {
      name: kind.name,
      build: build(heads.spec),
      weights: new Map([...weights, ...heads.weights]),
    }
  }
  if (await exists(join(directory, MEDUSA.file))) return read(MEDUSA, (heads) => medusa(spec, heads))
  if (await exists(join(directory, MTP.file))) return read(MTP, (modules) => multiToken(spec, modules))
  return undefined
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
