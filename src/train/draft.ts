import { specFromConfig } from '../models/families/index.js'
import type { DecoderSpec } from '../models/spec.js'
import type { Weights } from '../weights/index.js'
import { type DraftSizes, draftConfig } from './draft-config.js'
import { initialWeights } from './initialise.js'
import { TEACHER } from './objectives/distillation.js'

type Config = Readonly<Record<string, unknown>>

/**
 * A draft model before it is trained.
 * @throws UserError as `draftConfig`, and for sizes that make no model
 */
export function newDraft(
  target: { spec: DecoderSpec; config: Config },
  sizes: DraftSizes,
  seed: number,
): { spec: DecoderSpec; config: Config; weights: Weights } {
  const config = draftConfig(target.spec, target.config, sizes)
  const spec = specFromConfig(config, 'the sizes that were given')
  return { spec, config, weights: initialWeights(spec, seed) }
}

/** The weights of student and teacher, by the names that the objective `distilled` gives them. */
export function distilledWeights(student: Weights, teacher: Weights): Weights {
  return new Map([...student, ...[...teacher].map(([name, values]) => [TEACHER + name, values] as const)])
}

/** Whether a parameter of the objective `distilled` is the student's. */
export function isStudent(name: string): boolean {
  return !name.startsWith(TEACHER)
}
