import { differentiate } from '../onnx/autodiff/differentiate.js'
import type { Value } from '../onnx/graph.js'
import { elements, type Shape } from '../onnx/shapes.js'
import { ArraySession, type Values, weightsOf } from '../runtime/array-session.js'
import type { Weights } from '../weights/index.js'
import { Evaluator, type EvaluatorOptions } from './evaluator.js'
import type { BatchShape } from './graphs/batch-decoder.js'
import type { MicroBatch } from './micro-batch.js'
import type { BuildObjective, Objective } from './objective.js'
import { type AdamWSettings, adamW, type OptimisedParameter, stateNames } from './optimiser.js'

/** `weights` that are trained are changed in place. */
export interface TrainerOptions extends EvaluatorOptions {
  readonly optimiser: AdamWSettings
  /** The factor of the learning rate for a parameter; undefined where it stays as it is. */
  readonly rateOf?: (name: string) => number | undefined
}

export interface StepResult {
  /** Mean over what the objective says, in nats. */
  readonly loss: number
  /** Of all gradients together, before they are clipped. */
  readonly gradientNorm: number
  readonly learningRate: number
}

/** The moments of AdamW by parameter, and how many steps were made. */
export interface OptimiserState {
  readonly step: number
  readonly means: Weights
  readonly variances: Weights
}

/**
 * Takes steps on an objective: one graph gives loss and gradients of a micro-batch, added to those before; another one
 * is the optimiser's. Both work in the arrays of weights, gradients and moments themselves.
 */
export class Trainer {
  private readonly arrays = new Map<string, Values>()
  private evaluator: Evaluator | undefined
  private taken = 0

  private constructor(
    private readonly build: BuildObjective,
    readonly objective: Objective,
    private readonly trained: readonly OptimisedParameter[],
    private readonly gradients: ArraySession,
    private readonly optimiser: ArraySession,
    private readonly options: TrainerOptions,
  ) {
    for (const [name, shape] of objective.parameters)
      this.arrays.set(name, weightsOf(name, shape, options.weights))
    for (const name of ['loss', 'gradient_norm', 'learning_rate', 'step']) {
      this.arrays.set(name, new Float32Array(1))
    }
    for (const { name, shape } of trained) {
      const { gradient, mean, variance } = stateNames(name)
      const sum = new Float32Array(elements(shape))
      this.arrays.set(gradient, sum)
      this.arrays.set(`sum.${name}`, sum)
      this.arrays.set(mean, new Float32Array(sum.length))
      this.arrays.set(variance, new Float32Array(sum.length))
      for (const value of [name, mean, variance]) this.arrays.set(`next.${value}`, this.arrays.get(value)!)
    }
  }

  static async create(build: BuildObjective, options: TrainerOptions): Promise<Trainer> {
    const { objective, trained } = trainingGraph(build, options.shape, options.rateOf)
    const gradients = await ArraySession.create(objective.graph, options)
    const optimiser = await ArraySession.create(adamW(trained, options.optimiser), options)
    return new Trainer(build, objective, trained, gradients, optimiser, options)
  }

  /** One step of the optimiser on these micro-batches together. */
  async step(batches: readonly MicroBatch[]): Promise<StepResult> {
    for (const { name } of this.trained) this.array(stateNames(name).gradient).fill(0)
    const loss = await this.loss(batches)
    if (!Number.isFinite(loss)) return { loss, gradientNorm: Number.NaN, learningRate: Number.NaN }
    this.taken++
    this.array('step')[0] = this.taken
    await this.optimiser.run(this.arrays)
    return {
      loss,
      gradientNorm: this.array('gradient_norm')[0],
      learningRate: this.array('learning_rate')[0],
    }
  }

  private async loss(batches: readonly MicroBatch[]): Promise<number> {
    const scale = 1 / this.objective.mean.weight(batches)
    let loss = 0
    for (const batch of batches) {
      await this.gradients.run(this.with(this.objective.inputs(batch, scale)))
      loss += this.array('loss')[0]
    }
    return loss
  }

  /** Loss (nats) and metrics on batches that are not learnt from: means, by name. */
  async evaluate(batches: AsyncIterable<MicroBatch>): Promise<Record<string, number>> {
    this.evaluator ??= await Evaluator.create(this.build, this.options)
    return this.evaluator.evaluate(batches)
  }

  state(): OptimiserState {
    const of = (kind: 'mean' | 'variance') =>
      new Map(this.trained.map(({ name }) => [name, this.array(stateNames(name)[kind])]))
    return { step: this.taken, means: of('mean'), variances: of('variance') }
  }

  /** Goes on from a state of a trainer of the same parameters; the weights are the caller's to restore. */
  restore({ step, means, variances }: OptimiserState): void {
    this.taken = step
    for (const { name } of this.trained) {
      const { mean, variance } = stateNames(name)
      this.array(mean).set(means.get(name)!)
      this.array(variance).set(variances.get(name)!)
    }
  }

  async dispose(): Promise<void> {
    await Promise.all([this.gradients, this.optimiser, this.evaluator].map((each) => each?.dispose()))
  }

  private with(inputs: ReadonlyMap<string, Values>): ReadonlyMap<string, Values> {
    for (const [name, values] of inputs) this.arrays.set(name, values)
    return this.arrays
  }

  private array(name: string): Float32Array {
    return this.arrays.get(name) as Float32Array
  }
}

/** The objective's graph with the gradients of what is trained. */
export function trainingGraph(
  build: BuildObjective,
  shape: BatchShape,
  rateOf: (name: string) => number | undefined = () => 1,
): { objective: Objective; trained: OptimisedParameter[] } {
  const objective = build(shape)
  const trained = trainedParameters(objective, rateOf)
  addGradients(objective, trained)
  return { objective, trained }
}

function trainedParameters(
  { parameters }: Objective,
  rateOf: (name: string) => number | undefined,
): OptimisedParameter[] {
  return [...parameters].flatMap(([name, shape]) => {
    const rate = rateOf(name)
    return rate === undefined
      ? []
      : [{ name, shape, rate, decayed: shape.length > 1, hidden: isHidden(name, shape) }]
  })
}

function isHidden(name: string, shape: Shape): boolean {
  return shape.length === 2 && !/(embed_tokens|lm_head|conv\.conv)\.weight$/.test(name)
}

/** Makes the gradients outputs of the graph, added to the sums that come in as `sum.*`. */
function addGradients({ graph, loss }: Objective, trained: readonly OptimisedParameter[]): void {
  const gradients = differentiate(
    graph,
    loss,
    trained.map(({ name }) => name),
  )
  const result = (op: string, inputs: Value[], name: string, shape: Shape) =>
    graph.output(graph.node(op, inputs, {}, name), 'float32', [...shape])
  result('Reshape', [loss, graph.constant('int64', [1])], 'loss', [1])
  for (const [i, { name, shape }] of trained.entries()) {
    const sum = graph.input(`sum.${name}`, 'float32', [...shape])
    result('Add', [sum, gradients[i]], stateNames(name).gradient, shape)
  }
}
