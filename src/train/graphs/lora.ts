import { usageError } from '../../errors.js'
import { HEAD, isOfExpert, type Parameter, parametersOf } from '../../models/parameters.js'
import type { DecoderSpec } from '../../models/spec.js'

/** PEFT's `r`, `lora_alpha` and `target_modules`. */
export interface LoraSettings {
  /** At least 1. */
  readonly rank: number
  readonly alpha: number
  /** Names or ends of names of modules; `all-linear` is every projection but that to the vocabulary. */
  readonly targetModules: 'all-linear' | readonly string[]
}

/** A projection that is adapted, by the names of its weights. */
export interface AdaptedLayer {
  /** [out, in]. */
  readonly weight: Parameter
  /** [rank, in]. */
  readonly a: Parameter
  /** [out, rank]. */
  readonly b: Parameter
}

/** Low-rank updates of projections: x (W + α/r · B A)ᵀ (Hu et al. 2022, section 4.1), with PEFT's names. */
export class Lora {
  /** By the name of the weight. */
  readonly layers: ReadonlyMap<string, AdaptedLayer>
  /** α / r. */
  readonly scale: number

  /** @throws UserError, exit code 2, for a target module that the model does not have */
  constructor(
    readonly spec: DecoderSpec,
    readonly settings: LoraSettings,
  ) {
    const { rank, alpha } = settings
    this.scale = alpha / rank
    const adapted = targets(spec, settings).map((weight) => adapt(weight, rank))
    this.layers = new Map(adapted.map((layer) => [layer.weight.name, layer]))
  }

  /** The parameters that are added to the model's. */
  parameters(): Parameter[] {
    return [...this.layers.values()].flatMap(({ a, b }) => [a, b])
  }
}

/** The module that a weight belongs to. */
export function moduleOf(weight: string): string {
  return weight.replace(/\.weight$/, '')
}

function adapt(weight: Parameter, rank: number): AdaptedLayer {
  const [rows, columns] = weight.shape
  const module = moduleOf(weight.name)
  const linear = (name: string, shape: number[]): Parameter => ({ name, kind: 'linear', shape })
  return {
    weight,
    a: linear(`${module}.lora_A.weight`, [rank, columns]),
    b: linear(`${module}.lora_B.weight`, [rows, rank]),
  }
}

function targets(spec: DecoderSpec, { targetModules }: LoraSettings): Parameter[] {
  // As PEFT, for which experts are no linear layers: transformers holds them in one tensor.
  const isTarget = ({ name, kind }: Parameter) => kind === 'linear' && name !== HEAD && !isOfExpert(name)
  const linear = parametersOf(spec).filter(isTarget)
  if (targetModules === 'all-linear') return linear
  const isOf = (name: string, target: string) => `.${moduleOf(name)}`.endsWith(`.${target}`)
  for (const target of targetModules) {
    if (linear.some(({ name }) => isOf(name, target))) continue
    const known = new Set(linear.map(({ name }) => moduleOf(name).split('.').at(-1)))
    throw usageError(
      `The model has no module ${JSON.stringify(target)} to adapt: choose from ${[...known].join(', ')}, or all-linear.`,
    )
  }
  return linear.filter(({ name }) => targetModules.some((target) => isOf(name, target)))
}
