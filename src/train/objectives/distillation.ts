import type { DecoderSpec } from '../../models/spec.js'
import { ELEMENT_TYPES, type Graph, type Value } from '../../onnx/graph.js'
import { BatchDecoder, type BatchShape } from '../graphs/batch-decoder.js'
import { type DistillationSettings, distillation } from '../graphs/distillation.js'
import { logitsOf } from '../graphs/losses.js'
import {
  type BuildObjective,
  type Metric,
  OVER_TOKENS,
  sequences,
  sumOf,
  tokenArrays,
  tokenInputs,
} from '../objective.js'
import { ahead } from './heads.js'

/** Up to so many tokens in a row the agreement is counted. */
const POSITIONS = 4

/** What the names of the teacher's weights begin with, which are not trained. */
export const TEACHER = 'teacher.'

/**
 * A student that learns from the distributions of a frozen teacher and from the text itself; both have one vocabulary.
 *
 * Metrics, means over the tokens: `cross_entropy` of the student with the text; `agreement`, how often the choice of both
 * is the same, which is the rate at which greedy speculative decoding accepts the student's tokens; `agreement_k`, how
 * often it is for k tokens in a row; `acceptance`, Σ min(p, q), that of speculative sampling (Leviathan et al. 2023,
 * corollary 3.6), both at temperature 1.
 */
export function distilled(
  student: DecoderSpec,
  teacher: DecoderSpec,
  settings: DistillationSettings,
): BuildObjective {
  return (shape) => {
    const learner = new BatchDecoder(student, shape)
    const frozen = new BatchDecoder(teacher, shape, { prefix: TEACHER, beside: learner })
    const { graph } = learner
    const tokens = tokenInputs(graph, shape, 0)
    const projection = learner.vocabularyProjection(learner.hidden())
    const logits = logitsOf(graph, frozen.vocabularyProjection(frozen.hidden()))
    const { loss, logProbabilities } = distillation(graph, projection, logits, tokens, settings)
    return {
      graph,
      loss,
      mean: OVER_TOKENS,
      textLoss: 'cross_entropy',
      metrics: metrics(graph, shape, logProbabilities, logits, tokens),
      parameters: new Map([...learner.parameters, ...frozen.parameters]),
      inputs: (batch, scale) =>
        new Map([
          ...sequences(batch),
          ...range(POSITIONS).flatMap((distance) => tokenArrays(batch, distance, scale)),
        ]),
    }
  }
}

/** @param logProbabilities of the student, and the teacher's logits, both [N, vocab] */
function metrics(
  graph: Graph,
  shape: BatchShape,
  logProbabilities: Value,
  logits: Value,
  { targets, weights }: { targets: Value; weights: Value },
): Record<string, Metric> {
  const weighted = (ofTokens: Value, by = weights): Metric => ({
    sum: sumOf(graph, graph.node('Mul', [ofTokens, by])),
    weight: sumOf(graph, by),
  })
  const ofTargets = graph.node('GatherElements', [logProbabilities, targets], { axis: 1 })
  const choices = [logProbabilities, logits].map((scores) => graph.node('ArgMax', [scores], { axis: 1 }))
  const agrees = graph.node('Cast', [graph.node('Equal', choices)], { to: ELEMENT_TYPES.float32 })
  const p = graph.node('Softmax', [logits], { axis: -1 })
  const q = graph.node('Exp', [logProbabilities])
  const overlap = graph.node('ReduceSum', [graph.node('Min', [p, q]), graph.constant('int64', [1])])
  return {
    cross_entropy: weighted(graph.node('Neg', [ofTargets])),
    agreement: weighted(agrees),
    ...agreementInARow(graph, shape, agrees, weighted),
    acceptance: weighted(overlap),
  }
}

/** `agreement_2` and on, over the tokens that are followed by so many. */
function agreementInARow(
  graph: Graph,
  shape: BatchShape,
  agrees: Value,
  weighted: (ofTokens: Value, by: Value) => Metric,
): Record<string, Metric> {
  let all = agrees
  return Object.fromEntries(
    range(POSITIONS - 1).map((i) => {
      const distance = i + 1
      all = graph.node('Mul', [all, ahead(graph, shape, agrees, distance)])
      return [`agreement_${distance + 1}`, weighted(all, tokenInputs(graph, shape, distance).weights)]
    }),
  )
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}
