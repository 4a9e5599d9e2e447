import type { Value } from '../onnx/graph.js'
import { ArraySession, type Values, weightsOf } from '../runtime/array-session.js'
import type { SessionOptions } from '../runtime/session.js'
import type { Weights } from '../weights/index.js'
import type { BatchShape } from './graphs/batch-decoder.js'
import type { MicroBatch } from './micro-batch.js'
import type { BuildObjective, Objective } from './objective.js'

export interface EvaluatorOptions extends SessionOptions {
  /** A micro-batch. */
  readonly shape: BatchShape
  /** Of all the objective's parameters, as they are at the time of an evaluation. */
  readonly weights: Weights
}

/** Measures an objective on batches that are not learnt from. */
export class Evaluator {
  private constructor(
    private readonly objective: Objective,
    private readonly session: ArraySession,
    private readonly arrays: Map<string, Values>,
  ) {}

  static async create(build: BuildObjective, options: EvaluatorOptions): Promise<Evaluator> {
    const objective = build(options.shape)
    const { graph, loss, metrics, parameters } = objective
    const arrays = new Map<string, Values>()
    for (const [name, shape] of parameters) arrays.set(name, weightsOf(name, shape, options.weights))
    const result = (name: string, value: Value) => {
      arrays.set(name, new Float32Array(1))
      graph.output(graph.node('Reshape', [value, graph.constant('int64', [1])], {}, name), 'float32', [1])
    }
    result('loss', loss)
    for (const [name, { sum, weight }] of Object.entries(metrics)) {
      result(name, sum)
      result(`${name}.weight`, weight)
    }
    return new Evaluator(objective, await ArraySession.create(graph, options), arrays)
  }

  /** Loss (nats) and metrics: means over all batches, by name. */
  async evaluate(batches: AsyncIterable<MicroBatch>): Promise<Record<string, number>> {
    const { objective, session, arrays } = this
    const names = Object.keys(objective.metrics)
    const sums = new Map<string, number>()
    const add = (name: string, value: number) => sums.set(name, (sums.get(name) ?? 0) + value)
    const result = (name: string) => (arrays.get(name) as Float32Array)[0]
    for await (const batch of batches) {
      await session.run(new Map([...arrays, ...objective.inputs(batch, 1)]))
      add('loss', result('loss'))
      add('loss.weight', objective.mean.weight([batch]))
      for (const name of names.flatMap((each) => [each, `${each}.weight`])) add(name, result(name))
    }
    return Object.fromEntries(
      ['loss', ...names].map((name) => [name, sums.get(name)! / sums.get(`${name}.weight`)!]),
    )
  }

  async dispose(): Promise<void> {
    await this.session.dispose()
  }
}
