import { readHeads, subdirectory, writeHeads } from '../heads/files.js'
import { fingerprintOf } from '../heads/fingerprint.js'
import type { DraftVocabulary } from '../models/heads/draft-vocabulary.js'
import type { Weights } from '../weights/index.js'
import { frequentTokens } from './data/frequent-tokens.js'
import type { TrainingData } from './data/training-data.js'
import type { DistillationSettings } from './graphs/distillation.js'
import { writeModelFiles } from './model-files.js'
import { isOfHeads, type TrainableHeads } from './objectives/heads.js'
import type { Pretrained } from './pretrained.js'
import type { PartOf } from './train.js'

interface Heads<Spec> {
  readonly spec: Spec
  readonly weights: Weights
}

/** What differs between kinds of heads. */
export interface HeadTraining<Spec> {
  readonly kind: TrainableHeads<Spec>
  /** What new heads are to be. */
  asked(draft: DraftVocabulary): Spec
  /** Heads to begin with, of those that are gone on from; by default the same. */
  further?(given: Heads<Spec>): Heads<Spec>
  /** What decides the result, by the names of the flags, for a resumed run. */
  settings(heads: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>>
  /** Beside their model in the output directory, where that is trained, too. */
  readonly directory: string
  /** The factor of the model's learning rate, where it is trained, too; 1 by default. */
  readonly backboneRate?: number
}

export interface HeadTrainingOptions {
  /** A directory of heads to go on from. */
  readonly init?: string
  /** The factor of the heads' loss beside that of their model, which is trained as well; undefined where it stays as it is. */
  readonly joint?: number
  readonly distillation?: DistillationSettings
  /** New heads guess so many of the tokens that are most frequent in the data; all by default. */
  readonly draftVocabSize?: number
  readonly seed: number
}

/**
 * Training of heads for a model.
 * @returns what is trained on some data, from which the tokens of new heads follow
 * @throws UserError as `readHeads`
 */
export async function trainHeads<Spec extends DraftVocabulary>(
  model: Pretrained,
  { init, joint, distillation, draftVocabSize = Number.POSITIVE_INFINITY, seed }: HeadTrainingOptions,
  training: HeadTraining<Spec>,
): Promise<PartOf> {
  const { kind, further = (given) => given, backboneRate = 1 } = training
  const { path, spec, weights } = model
  const isFrozen = joint === undefined
  const target = { path, spec, fingerprint: fingerprintOf(spec, weights) }
  const given = init && (await readHeads(init, kind, target))
  const newHeads = async (data: TrainingData): Promise<Heads<Spec>> => {
    const isPart = draftVocabSize < spec.vocabSize
    const draftTokens = isPart ? await frequentTokens(data, spec.vocabSize, draftVocabSize) : undefined
    const asked = training.asked({ draftTokens })
    return { spec: asked, weights: kind.initial(asked, spec, weights, seed) }
  }
  return async (data) => {
    const heads = given ? further(given) : await newHeads(data)
    for (const [name, values] of heads.weights) weights.set(name, values)
    const isNew = isOfHeads(kind, heads.spec, spec)
    return {
      settings: {
        target: model.fingerprint,
        ...training.settings(withoutTokens(heads.spec)),
        init,
        joint,
        distillation,
      },
      build: kind.objective(spec, heads.spec, { joint, statesGiven: isFrozen, distillation }),
      weights,
      frozen: isFrozen ? spec : undefined,
      rateOf: (name) => {
        if (isNew(name)) return 1
        return isFrozen ? undefined : backboneRate
      },
      writeModel: async (output, dtype) => {
        if (isFrozen) return writeHeads(output, kind, heads.spec, weights, target, dtype)
        await writeModelFiles(output, { ...model, tokenizer: model.directory, dtype })
        const trained = { ...target, path: '..', fingerprint: fingerprintOf(spec, weights) }
        const beside = await subdirectory(output, training.directory)
        await writeHeads(beside, kind, heads.spec, weights, trained, dtype)
      },
    }
  }
}

/** Tokens follow from the data. */
function withoutTokens<Spec extends DraftVocabulary>({ draftTokens, ...spec }: Spec) {
  return { ...spec, draftVocabSize: draftTokens?.length }
}
