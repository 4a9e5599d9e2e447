import type { DecoderSpec } from '../models/spec.js'
import type { Graph, Value } from '../onnx/graph.js'
import type { Shape } from '../onnx/shapes.js'
import type { Values } from '../runtime/array-session.js'
import { BatchDecoder, type BatchShape } from './graphs/batch-decoder.js'
import type { Lora } from './graphs/lora.js'
import { crossEntropy } from './graphs/losses.js'
import { type MicroBatch, targetsAhead, totalWeight } from './micro-batch.js'

/** What a loss is a mean over: Σ loss / Σ weight, over the micro-batches of a step or of an evaluation. */
export interface Mean {
  /** What one of them is called: `token`, `pair`. */
  readonly over: string
  /**
   * What micro-batches count for. The last rows of an evaluation are filled up with some whose tokens have no weight, and that
   * count for nothing. For a constant divisor (Liu et al. 2025, "Dr. GRPO") it is that of a row, times the rows.
   */
  weight(batches: readonly MicroBatch[]): number
}

/** A mean over tokens, by their weights. */
export const OVER_TOKENS: Mean = { over: 'token', weight: totalWeight }

/** A mean over tokens: two float32 scalars, whose sums over the micro-batches are divided. */
export interface Metric {
  readonly sum: Value
  readonly weight: Value
}

/**
 * What is learnt: the graph of a loss over one micro-batch. All weights are inputs; which of them are trained is for
 * the trainer to say.
 */
export interface Objective {
  readonly graph: Graph
  /** float32 scalar, a sum over what it is a mean over. */
  readonly loss: Value
  readonly mean: Mean
  /** Which figure is the cross-entropy of the text in nats a token, `loss` or a metric: bits per byte follow from it, if there is one. */
  readonly textLoss?: string
  /** What held-out evaluation reports beside the loss, by name. */
  readonly metrics: Readonly<Record<string, Metric>>
  /** The weights, by HF's names. */
  readonly parameters: ReadonlyMap<string, Shape>
  /** The graph's other inputs for a micro-batch, whose loss is to be multiplied by `scale`, and its gradients thereby. */
  inputs(batch: MicroBatch, scale: number): ReadonlyMap<string, Values>
}

export type BuildObjective = (shape: BatchShape) => Objective

/**
 * The next token of each: the loss of a language model.
 * @param lora updates of its projections, if any
 */
export function nextToken(spec: DecoderSpec, lora?: Lora): BuildObjective {
  return (shape) => {
    const decoder = new BatchDecoder(spec, shape, { lora })
    const { graph } = decoder
    const { targets, weights } = tokenInputs(graph, shape, 0)
    const projection = decoder.vocabularyProjection(decoder.hidden())
    const { loss } = crossEntropy(graph, projection, targets, weights)
    return {
      graph,
      loss,
      mean: OVER_TOKENS,
      textLoss: 'loss',
      metrics: {},
      parameters: decoder.parameters,
      inputs: (batch, scale) => new Map([...sequences(batch), ...tokenArrays(batch, 0, scale)]),
    }
  }
}

/** The inputs for a head that predicts `distance` tokens beyond the next: `targets.d` and `weights.d`, [N, 1]. */
export function tokenInputs(graph: Graph, { batch, length }: BatchShape, distance: number) {
  const shape = [batch * length, 1]
  return {
    targets: graph.input(`targets.${distance}`, 'int32', shape),
    weights: graph.input(`weights.${distance}`, 'float32', shape),
  }
}

/** Of all elements, a scalar. */
export function sumOf(graph: Graph, value: Value): Value {
  return graph.node('ReduceSum', [value], { keepdims: 0 })
}

export function tokenArrays(batch: MicroBatch, distance: number, scale: number): [string, Values][] {
  const { targets, weights } = targetsAhead(batch, distance)
  return [
    [`targets.${distance}`, targets],
    [`weights.${distance}`, weights.map((weight) => weight * scale)],
  ]
}

export function sequences({
  ids,
  segments,
  states,
}: Pick<MicroBatch, 'ids' | 'segments' | 'states'>): [string, Values][] {
  return [['ids', ids], ['segments', segments], ...(states ? [['states', states] as [string, Values]] : [])]
}
