import { Graph, type Value } from '../onnx/graph.js'
import { orthogonalised } from './muon.js'

export const SCHEDULES = ['cosine', 'linear', 'constant', 'warmup_stable_decay'] as const

/** How the learning rate runs, in steps of the optimiser. */
export interface Schedule {
  readonly type: (typeof SCHEDULES)[number]
  /** At the end of the warm-up. */
  readonly learningRate: number
  /** Over which the rate rises from 0, linearly. */
  readonly warmupSteps: number
  readonly steps: number
  /** The rate at the last step, as a share of `learningRate`. */
  readonly minimum: number
  /** The last steps, in which `warmup_stable_decay` falls linearly. */
  readonly decaySteps: number
}

/** AdamW's settings, by the names and with the defaults of torch.optim.AdamW where it has them. */
export interface AdamWSettings {
  readonly schedule: Schedule
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  readonly weightDecay: number
  /** Gradients together are scaled down to this norm; 0 leaves them alone. */
  readonly maxGradientNorm: number
  /** The momentum of Muon, which then updates the parameters that are `hidden`; the others stay AdamW's. */
  readonly muonMomentum?: number
}

export interface OptimisedParameter {
  readonly name: string
  readonly shape: readonly number[]
  /** Vectors (norms, biases) are not decayed. */
  readonly decayed: boolean
  /** A factor of the learning rate: Medusa-2 trains heads faster than the backbone. */
  readonly rate: number
  /** Whether it is a matrix that maps hidden states to hidden states: neither an embedding nor a vocabulary. */
  readonly hidden: boolean
}

/** The names of a parameter's values in the optimiser's graph; outputs are called `next.*`. */
export const stateNames = (name: string) => ({
  gradient: `gradient.${name}`,
  mean: `mean.${name}`,
  variance: `variance.${name}`,
})

/**
 * One step of AdamW (Loshchilov and Hutter 2019, algorithm 2, as torch.optim.AdamW computes it) with the gradients
 * clipped by their global norm (torch.nn.utils.clip_grad_norm_).
 *
 * Inputs: `step` float32 [1], from 1; per parameter its value, gradient and both moments. Outputs: `next.*` of value and
 * moments, which may be written where the old ones lie; `gradient_norm` (before clipping) and `learning_rate`, float32 [1].
 */
export function adamW(parameters: readonly OptimisedParameter[], settings: AdamWSettings): Graph {
  return new AdamWGraph(settings).build(parameters)
}

/** Values that all parameters share, float32 [1]. */
interface Factors {
  readonly rate: Value
  readonly clip: Value | undefined
  /** 1 - beta1^step. */
  readonly mean: Value
  /** sqrt(1 - beta2^step). */
  readonly deviation: Value
}

class AdamWGraph {
  private readonly graph = new Graph()

  constructor(private readonly settings: AdamWSettings) {}

  build(parameters: readonly OptimisedParameter[]): Graph {
    const { graph, settings } = this
    const step = graph.input('step', 'float32', [1])
    for (const { name, shape } of parameters) {
      for (const value of [name, ...Object.values(stateNames(name))])
        graph.input(value, 'float32', [...shape])
    }
    const norm = this.globalNorm(parameters.map(({ name }) => stateNames(name).gradient))
    const rate = this.learningRate(step, settings.schedule)
    this.result(norm, 'gradient_norm', [1])
    this.result(rate, 'learning_rate', [1])
    const unbiased = (beta: number) => this.op('Sub', this.scalar(1), this.op('Pow', this.scalar(beta), step))
    const factors = {
      rate,
      clip: this.clip(norm),
      mean: unbiased(settings.beta1),
      deviation: this.op('Sqrt', unbiased(settings.beta2)),
    }
    for (const parameter of parameters) this.update(parameter, factors)
    return graph
  }

  private update(parameter: OptimisedParameter, factors: Factors): void {
    const { name, shape, decayed, rate: share } = parameter
    const { weightDecay, muonMomentum } = this.settings
    const names = stateNames(name)
    const rate = share === 1 ? factors.rate : this.op('Mul', factors.rate, this.scalar(share))
    const gradient = factors.clip ? this.op('Mul', names.gradient, factors.clip) : names.gradient
    const isMuon = muonMomentum !== undefined && parameter.hidden
    const direction = isMuon
      ? this.muon(parameter, gradient, muonMomentum)
      : this.adam(parameter, gradient, factors)
    const kept =
      decayed && weightDecay > 0
        ? this.op('Mul', name, this.op('Sub', this.scalar(1), this.op('Mul', rate, this.scalar(weightDecay))))
        : name
    this.result(this.op('Sub', kept, this.op('Mul', direction, rate)), `next.${name}`, shape)
  }

  /** m̂ / (sqrt(v̂) + ε). */
  private adam({ name, shape }: OptimisedParameter, gradient: Value, factors: Factors): Value {
    const { beta1, beta2, epsilon } = this.settings
    const names = stateNames(name)
    const mean = this.average(names.mean, gradient, beta1)
    const variance = this.average(names.variance, this.op('Mul', gradient, gradient), beta2)
    this.result(mean, `next.${names.mean}`, shape)
    this.result(variance, `next.${names.variance}`, shape)
    const deviation = this.op('Div', this.op('Sqrt', variance), factors.deviation)
    return this.op('Div', this.op('Div', mean, factors.mean), this.op('Add', deviation, this.scalar(epsilon)))
  }

  /**
   * Nesterov's momentum, orthogonalised, and scaled to the size of AdamW's steps so that both share a learning rate
   * (Liu et al. 2025, "Muon is scalable for LLM training", eq. 4). The momentum is kept where AdamW keeps its mean.
   */
  private muon({ name, shape }: OptimisedParameter, gradient: Value, momentum: number): Value {
    const { mean, variance } = stateNames(name)
    const velocity = this.op('Add', this.op('Mul', mean, this.scalar(momentum)), gradient)
    this.result(velocity, `next.${mean}`, shape)
    this.result(variance, `next.${variance}`, shape)
    const ahead = this.op('Add', gradient, this.op('Mul', velocity, this.scalar(momentum)))
    const scale = this.scalar(0.2 * Math.sqrt(Math.max(...shape)))
    return this.op('Mul', orthogonalised(this.graph, ahead, shape), scale)
  }

  /** beta · old + (1 - beta) · new. */
  private average(old: Value, value: Value, beta: number): Value {
    return this.op(
      'Add',
      this.op('Mul', old, this.scalar(beta)),
      this.op('Mul', value, this.scalar(1 - beta)),
    )
  }

  private globalNorm(gradients: readonly Value[]): Value {
    const squares = gradients.map((gradient) =>
      this.graph.node('ReduceSumSquare', [gradient], { keepdims: 0 }),
    )
    const one = this.graph.constant('int64', [1])
    const all = this.graph.node(
      'Concat',
      squares.map((square) => this.graph.node('Reshape', [square, one])),
      { axis: 0 },
    )
    return this.op('Sqrt', this.graph.node('ReduceSum', [all], { keepdims: 1 }))
  }

  private clip(norm: Value): Value | undefined {
    const { maxGradientNorm } = this.settings
    if (maxGradientNorm === 0) return undefined
    const ratio = this.op('Div', this.scalar(maxGradientNorm), this.op('Add', norm, this.scalar(1e-6)))
    return this.op('Min', ratio, this.scalar(1))
  }

  private learningRate(step: Value, schedule: Schedule): Value {
    const { learningRate, warmupSteps } = schedule
    const peak = this.scalar(learningRate)
    const later = this.op('Mul', peak, this.decay(step, schedule))
    if (warmupSteps === 0) return later
    const rising = this.op('Mul', peak, this.op('Div', step, this.scalar(warmupSteps)))
    return this.op('Where', this.op('Less', step, this.scalar(warmupSteps)), rising, later)
  }

  /** The share of the rate that is left after the warm-up. */
  private decay(step: Value, { type, warmupSteps, steps, minimum, decaySteps }: Schedule): Value {
    if (type === 'constant') return this.scalar(1)
    const length = type === 'warmup_stable_decay' ? decaySteps : steps - warmupSteps
    const done = this.op('Sub', step, this.scalar(steps - length))
    const progress = this.clamp(this.op('Div', done, this.scalar(Math.max(length, 1))))
    const share = type === 'cosine' ? this.cosine(progress) : this.op('Sub', this.scalar(1), progress)
    return this.op('Add', this.op('Mul', share, this.scalar(1 - minimum)), this.scalar(minimum))
  }

  private cosine(progress: Value): Value {
    const cosine = this.op('Cos', this.op('Mul', progress, this.scalar(Math.PI)))
    return this.op('Mul', this.op('Add', cosine, this.scalar(1)), this.scalar(0.5))
  }

  private clamp(value: Value): Value {
    return this.op('Min', this.op('Max', value, this.scalar(0)), this.scalar(1))
  }

  private op(op: string, ...inputs: Value[]): Value {
    return this.graph.node(op, inputs)
  }

  private scalar(value: number): Value {
    return this.graph.constant('float32', [value])
  }

  private result(value: Value, name: string, shape: readonly number[]): void {
    this.graph.output(this.graph.node('Identity', [value], {}, name), 'float32', [...shape])
  }
}
