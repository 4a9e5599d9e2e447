import { elements } from '../onnx/shapes.js'
import { type DecoderSpec, type Experts, expertsOf, type LayerKind } from './spec.js'

/**
 * How a parameter is used, which decides how it may be stored; a router is a linear layer that is never quantised, and neither are
 * kernels of a convolution.
 */
export type ParameterKind = 'embedding' | 'linear' | 'router' | 'kernels' | 'vector'

export interface Parameter {
  /** HF's name. */
  readonly name: string
  readonly kind: ParameterKind
  /**
   * [out, in] of a linear layer or router, [vocab, hidden] of the embedding, [positions, hidden] of learned positions, [channels,
   * kernel] of a convolution, [size] of a norm or bias.
   */
  readonly shape: readonly number[]
}

export const EMBEDDING = 'model.embed_tokens.weight'
export const POSITIONS = 'model.embed_positions.weight'
export const HEAD = 'lm_head.weight'

/** A block's norms, before and after attention, and before and after the MLP; empty where there is none. */
export function normNames({ norms, parallel }: Pick<DecoderSpec, 'norms' | 'parallel'>): readonly string[] {
  return parallel === 'one norm' ? ['input_layernorm', '', '', ''] : NORMS[norms]
}

const NORMS = {
  post: ['', 'post_attention_layernorm', '', 'post_feedforward_layernorm'],
  pre: ['input_layernorm', '', 'post_attention_layernorm', ''],
  both: ['input', 'post_attention', 'pre_feedforward', 'post_feedforward'].map((name) => `${name}_layernorm`),
} as const satisfies Record<DecoderSpec['norms'], readonly string[]>

/** Projections of the same input that are stored as one matrix, their rows one below the other. */
export interface FusedProjection {
  readonly name: string
  readonly parts: readonly string[]
}

/** What is fused where weights are converted anyway: one product instead of two or three. */
export const FUSED = {
  qkv_proj: { name: 'qkv_proj', parts: ['q_proj', 'k_proj', 'v_proj'] },
  gate_up_proj: { name: 'gate_up_proj', parts: ['gate_proj', 'up_proj'] },
} as const satisfies Record<string, FusedProjection>

/**
 * Matrices that hold the projections of all experts of a layer, one expert after the other, as modules of its MLP: `gateUp` has the rows of
 * an expert's gate and up projections in turns (gate_0, up_0, gate_1, …).
 */
export const STACKED = { gateUp: 'experts.gate_up_proj', down: 'experts.down_proj' } as const

/** The vocabulary projection's parameter. */
export function headName(spec: DecoderSpec): string {
  return spec.tiedHead ? EMBEDDING : HEAD
}

/** The parameters that a model of this kind has, in the order in which a forward pass meets them. */
export function parametersOf(spec: DecoderSpec): Parameter[] {
  const { vocabSize, hiddenSize } = spec
  return [
    { name: EMBEDDING, kind: 'embedding', shape: [vocabSize, hiddenSize] },
    ...positionParameters(spec),
    ...spec.layers.flatMap((kind, layer) =>
      blockParameters(spec, `model.layers.${layer}`, kind, expertsOf(spec, layer)),
    ),
    ...normParameters(spec, 'model.norm'),
    ...(spec.tiedHead ? [] : [linear(HEAD, vocabSize, hiddenSize)]),
  ]
}

/** All weights, each counted once. */
export function parameterCount(spec: DecoderSpec): number {
  return parametersOf(spec).reduce((sum, { shape }) => sum + elements(shape), 0)
}

function positionParameters({ learnedPositions, maxPositions, hiddenSize }: DecoderSpec): Parameter[] {
  return learnedPositions ? [{ name: POSITIONS, kind: 'embedding', shape: [maxPositions, hiddenSize] }] : []
}

/** Of a norm over the hidden size. */
export function normParameters(
  { hiddenSize, layerNorm }: Pick<DecoderSpec, 'hiddenSize' | 'layerNorm'>,
  module: string,
): Parameter[] {
  const weight = vector(`${module}.weight`, hiddenSize)
  return layerNorm?.bias ? [weight, vector(`${module}.bias`, hiddenSize)] : [weight]
}

/** Of a block by the common name of its parameters, with experts or a plain MLP. */
export function blockParameters(
  spec: DecoderSpec,
  layer: string,
  kind: LayerKind,
  experts?: Experts,
): Parameter[] {
  return [
    ...normNames(spec)
      .filter(Boolean)
      .flatMap((norm) => normParameters(spec, `${layer}.${norm}`)),
    ...(kind === 'conv'
      ? convolutionParameters(spec, `${layer}.conv`)
      : attentionParameters(spec, `${layer}.self_attn`)),
    ...(experts
      ? expertParameters(spec, `${layer}.mlp`, experts)
      : mlpParameters(spec, `${layer}.mlp`, spec.intermediateSize)),
  ]
}

function attentionParameters(spec: DecoderSpec, module: string): Parameter[] {
  const { hiddenSize, headDim, bias } = spec
  const query = spec.heads * headDim
  const keyValue = spec.kvHeads * headDim
  return [
    ...withBias(`${module}.q_proj`, query, hiddenSize, bias.qkv),
    ...withBias(`${module}.k_proj`, keyValue, hiddenSize, bias.qkv),
    ...withBias(`${module}.v_proj`, keyValue, hiddenSize, bias.qkv),
    ...queryKeyNorms(spec).map(([which, size]) => vector(`${module}.${which}.weight`, size)),
    ...withBias(`${module}.o_proj`, hiddenSize, query, bias.output),
  ]
}

function convolutionParameters({ hiddenSize, convolution }: DecoderSpec, module: string): Parameter[] {
  const { kernel, bias } = convolution!
  return [
    ...withBias(`${module}.in_proj`, 3 * hiddenSize, hiddenSize, bias),
    { name: `${module}.conv.weight`, kind: 'kernels', shape: [hiddenSize, kernel] },
    ...(bias ? [vector(`${module}.conv.bias`, hiddenSize)] : []),
    ...withBias(`${module}.out_proj`, hiddenSize, hiddenSize, bias),
  ]
}

function mlpParameters({ hiddenSize, mlp, bias }: DecoderSpec, module: string, inner: number): Parameter[] {
  return [
    ...(mlp === 'plain' ? [] : withBias(`${module}.gate_proj`, inner, hiddenSize, bias.mlp)),
    ...withBias(`${module}.up_proj`, inner, hiddenSize, bias.mlp),
    ...withBias(`${module}.down_proj`, hiddenSize, inner, bias.mlp),
  ]
}

/** The name of an expert, of which checkpoints have one each, as a module of a block's MLP. */
export function expertName(expert: number): string {
  return `experts.${expert}`
}

/** Of a parameter of an expert that only some tokens take, or of all of them together. */
export function isOfExpert(parameter: string): boolean {
  return parameter.includes('.experts.')
}

function expertParameters(spec: DecoderSpec, module: string, experts: Experts): Parameter[] {
  const { count, intermediateSize, shared } = experts
  const router = (name: string, rows: number): Parameter => ({
    name: `${module}.${name}.weight`,
    kind: 'router',
    shape: [rows, spec.hiddenSize],
  })
  return [
    router('gate', count),
    ...Array.from({ length: count }, (_, expert) =>
      mlpParameters(spec, `${module}.${expertName(expert)}`, intermediateSize),
    ).flat(),
    ...(shared
      ? [
          router('shared_expert_gate', 1),
          ...mlpParameters(spec, `${module}.shared_expert`, shared.intermediateSize),
        ]
      : []),
  ]
}

/** Their names, and their sizes: a head's width, or that of all heads. */
function queryKeyNorms({ qkNorm, heads, kvHeads, headDim }: DecoderSpec): [name: string, size: number][] {
  if (!qkNorm) return []
  const [query, key] = qkNorm === 'all heads' ? [heads, kvHeads] : [1, 1]
  return [
    ['q_norm', query * headDim],
    ['k_norm', key * headDim],
  ]
}

function withBias(name: string, rows: number, columns: number, bias: boolean): Parameter[] {
  const weight = linear(`${name}.weight`, rows, columns)
  return bias ? [weight, vector(`${name}.bias`, rows)] : [weight]
}

function linear(name: string, rows: number, columns: number): Parameter {
  return { name, kind: 'linear', shape: [rows, columns] }
}

function vector(name: string, size: number): Parameter {
  return { name, kind: 'vector', shape: [size] }
}
