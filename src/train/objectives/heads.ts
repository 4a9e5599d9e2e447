import type { HeadKind } from '../../heads/files.js'
import { type DraftVocabulary, draftPlaces } from '../../models/heads/draft-vocabulary.js'
import type { DecoderSpec } from '../../models/spec.js'
import { ELEMENT_TYPES, type Graph, type Value } from '../../onnx/graph.js'
import type { Values } from '../../runtime/array-session.js'
import type { Weights } from '../../weights/index.js'
import type { BatchDecoder, BatchShape } from '../graphs/batch-decoder.js'
import { type DistillationSettings, distillation } from '../graphs/distillation.js'
import type { HeadDecoder } from '../graphs/head-decoder.js'
import { crossEntropy, logitsOf, negativeSum, type Projection, topAccuracy } from '../graphs/losses.js'
import type { MicroBatch } from '../micro-batch.js'
import {
  type BuildObjective,
  type Metric,
  OVER_TOKENS,
  sequences,
  sumOf,
  tokenArrays,
  tokenInputs,
} from '../objective.js'

/** How heads are trained. */
export interface HeadLossOptions {
  /** The factor of the heads' loss beside that of their model, which is trained as well; undefined where it stays as it is. */
  readonly joint?: number
  /** Whether the model's states come with the batches. */
  readonly statesGiven?: boolean
  /** How much heads learn from the model's own distributions; by default they learn from the text alone. */
  readonly distillation?: DistillationSettings
}

/** A kind of heads, and how it is trained. */
export interface TrainableHeads<Spec> extends HeadKind<Spec> {
  /**
   * New heads, by their names with the kind's prefix.
   * @param weights the target's
   * @param seed an integer in [0, 2^53)
   */
  initial(spec: Spec, target: DecoderSpec, weights: Weights, seed: number): Weights
  objective(target: DecoderSpec, spec: Spec, options?: HeadLossOptions): BuildObjective
}

/** Whether a parameter is the heads', and not their model's. */
export function isOfHeads<Spec>(
  { parameters, prefix }: HeadKind<Spec>,
  spec: Spec,
  target: DecoderSpec,
): (name: string) => boolean {
  const names = new Set(parameters(spec, target).map(({ name }) => prefix + name))
  return (name) => names.has(name)
}

/** What makes the objective of a kind of heads. */
interface HeadLoss<Spec> {
  readonly Decoder: new (...parameters: ConstructorParameters<typeof BatchDecoder>) => HeadDecoder<Spec>
  /** Heads, each of which predicts one place further. */
  readonly count: number
  /** The tokens ahead that they are given. */
  readonly tokensGiven: number
  /** Of each head's loss. */
  readonly factors: readonly number[]
  /** The factor of their sum beside the model's loss; 1 by default. */
  readonly share?: number
}

/** Σ factor · loss of each head, and where `joint` trains their model as well, the loss of the language model and `share` times that. */
export function headObjective<Spec extends DraftVocabulary>(
  target: DecoderSpec,
  heads: Spec,
  { joint, statesGiven, distillation }: HeadLossOptions,
  { Decoder, count, tokensGiven, factors, share = 1 }: HeadLoss<Spec>,
): BuildObjective {
  const arrays = headArrays(count, target.vocabSize, heads)
  const given = tokensAhead(tokensGiven)
  const isJoint = joint !== undefined
  return (shape) => {
    const decoder = new Decoder(target, shape, { statesGiven })
    const { graph, parameters } = decoder
    const { hidden, beyond } = decoder.predictions(heads, given.inputs(graph, shape))
    const teacher = teacherOf(decoder, hidden, heads, distillation)
    const ofHeads = headLosses(graph, shape, beyond, heads, teacher)
    const metrics = { ...ofHeads.metrics }
    let loss = weightedLosses(graph, ofHeads.losses, factors)
    if (isJoint) {
      const { targets, weights } = tokenInputs(graph, shape, 0)
      const next = crossEntropy(graph, decoder.vocabularyProjection(hidden), targets, weights)
      metrics.cross_entropy = { sum: next.loss, weight: sumOf(graph, weights) }
      loss = weightedLosses(graph, [next.loss, loss], [1, share])
    }
    return {
      graph,
      loss,
      mean: OVER_TOKENS,
      textLoss: isJoint ? 'cross_entropy' : 'loss',
      metrics,
      parameters,
      inputs: (batch, scale) =>
        new Map([
          ...sequences(batch),
          ...(isJoint ? tokenArrays(batch, 0, scale) : []),
          ...arrays(batch, scale),
          ...given.arrays(batch),
        ]),
    }
  }
}

/** The model that heads are for, as their teacher. */
interface HeadTeacher {
  /** What it says of the next token, among those that heads guess: logits, float32 [N, vocab]. */
  readonly logits: Value
  readonly settings: DistillationSettings
}

interface HeadLosses {
  /** Σ w · cross-entropy of each head, scalars. */
  readonly losses: readonly Value[]
  readonly metrics: Readonly<Record<string, Metric>>
}

/**
 * The losses of heads that predict tokens beyond the next one: the first of `projections` at distance 1, and so on.
 * Metrics by position, means over the tokens that have a target there: `loss_k`, and the accuracies `top1_k` and
 * `top5_k`; position 1 is the first token beyond the next. A target that heads cannot guess has no part in the loss, and
 * counts as guessed wrong.
 * @param teacher is learnt from as well: for the head at distance k, what it says k tokens on, where it has seen what the head has to
 *   guess before; `loss_k` is the text's all the same
 */
function headLosses(
  graph: Graph,
  shape: BatchShape,
  projections: readonly Projection[],
  { draftTokens }: DraftVocabulary,
  teacher?: HeadTeacher,
): HeadLosses {
  const losses: Value[] = []
  const metrics: Record<string, Metric> = {}
  for (const [i, projection] of projections.entries()) {
    const position = i + 1
    const inputs = tokenInputs(graph, shape, position)
    const { targets, weights } = draftTokens ? guessable(graph, inputs) : inputs
    const { loss, logProbabilities } = teacher
      ? distillation(
          graph,
          projection,
          ahead(graph, shape, teacher.logits, position),
          { targets, weights },
          teacher.settings,
        )
      : crossEntropy(graph, projection, targets, weights)
    losses.push(loss)
    const ofText = teacher
      ? negativeSum(graph, graph.node('GatherElements', [logProbabilities, targets], { axis: 1 }), weights)
      : loss
    metrics[`loss_${position}`] = { sum: ofText, weight: sumOf(graph, weights) }
    for (const k of [1, 5]) {
      const sum = topAccuracy(graph, logProbabilities, targets, weights, k)
      metrics[`top${k}_${position}`] = { sum, weight: sumOf(graph, inputs.weights) }
    }
  }
  return { losses, metrics }
}

/** @param hidden the final hidden states of the model, [N, hidden] */
function teacherOf(
  decoder: BatchDecoder,
  hidden: Value,
  draft: DraftVocabulary,
  settings: DistillationSettings | undefined,
): HeadTeacher | undefined {
  if (!settings) return undefined
  return { logits: logitsOf(decoder.graph, decoder.vocabularyProjection(hidden, draft)), settings }
}

/** The rows of tokens so many places on; what is taken from beyond the end of a row of tokens has no weight. */
export function ahead(graph: Graph, { batch, length }: BatchShape, rows: Value, distance: number): Value {
  const last = batch * length - 1
  const later = Array.from({ length: last + 1 }, (_, token) => Math.min(token + distance, last))
  return graph.node('Gather', [rows, graph.constant('int64', later)], { axis: 0 })
}

/** Targets that are places among the draft's tokens, -1 where there is none: then any place, of weight 0. */
function guessable(graph: Graph, { targets, weights }: { targets: Value; weights: Value }) {
  const first = graph.constant('int32', [0])
  const known = graph.node('Cast', [graph.node('GreaterOrEqual', [targets, first])], {
    to: ELEMENT_TYPES.float32,
  })
  return {
    targets: graph.node('Max', [targets, first]),
    weights: graph.node('Mul', [weights, known]),
  }
}

/** The inputs of `headLosses` for a micro-batch: targets and weights of so many heads. */
function headArrays(
  heads: number,
  vocabSize: number,
  draft: DraftVocabulary,
): (batch: MicroBatch, scale: number) => [string, Values][] {
  const places = draft.draftTokens && draftPlaces(vocabSize, draft)
  const distances = Array.from({ length: heads }, (_, head) => head + 1)
  return (batch, scale) =>
    distances.flatMap((distance) => {
      const [[name, targets], weights] = tokenArrays(batch, distance, scale)
      return [[name, places ? (targets as Int32Array).map((token) => places[token]) : targets], weights]
    })
}

/** The inputs of heads that are given tokens: those 1, 2, … `count` places on, int32 [1, N] each. */
function tokensAhead(count: number) {
  const distances = Array.from({ length: count }, (_, i) => i + 1)
  return {
    inputs: (graph: Graph, { batch, length }: BatchShape): Value[] =>
      distances.map((distance) => graph.input(`ahead.${distance}`, 'int32', [1, batch * length])),
    // The token at a distance is what is predicted at the distance before.
    arrays: (batch: MicroBatch): [string, Values][] =>
      distances.map((distance) => [`ahead.${distance}`, tokenArrays(batch, distance - 1, 1)[0][1]]),
  }
}

/** Σ factor · loss. */
function weightedLosses(graph: Graph, losses: readonly Value[], factors: readonly number[]): Value {
  const terms = losses.map((loss, i) =>
    factors[i] === 1 ? loss : graph.node('Mul', [loss, graph.constant('float32', [factors[i]], [])]),
  )
  return terms.reduce((sum, term) => graph.node('Add', [sum, term]))
}
