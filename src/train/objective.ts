import type { DecoderSpec } from '../models/spec.js'
import type { Graph, Value } from '../onnx/graph.js'
import type { Shape } from '../onnx/shapes.js'
import type { Values } from '../runtime/array-session.js'
import { BatchDecoder, type BatchShape } from './graphs/batch-decoder.js'
import type { Lora } from './graphs/lora.js'
import { crossEntropy } from './graphs/losses.js'
import { type MicroBatch, targetsAhead } from './micro-batch.js'

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
  /** float32 scalar, Σ weight · loss over the tokens. */
  readonly loss: Value
  /** What held-out evaluation reports beside the loss, by name. */
  readonly metrics: Readonly<Record<string, Metric>>
  /** The weights, by HF's names. */
  readonly parameters: ReadonlyMap<string, Shape>
  /** The graph's other inputs for a micro-batch, its token weights multiplied by `scale`. */
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
    const projection = { hidden: decoder.hidden(), weight: decoder.head() }
    const { loss } = crossEntropy(graph, projection, targets, weights)
    return {
      graph,
      loss,
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
