import type { DecoderSpec } from './spec.js'

/** How a parameter is used, which decides how it may be stored. */
export type ParameterKind = 'embedding' | 'linear' | 'vector'

export interface Parameter {
  /** HF's name. */
  readonly name: string
  readonly kind: ParameterKind
  /** [out, in] of a linear layer, [vocab, hidden] of the embedding, [size] of a norm or bias. */
  readonly shape: readonly number[]
}

export const EMBEDDING = 'model.embed_tokens.weight'
export const HEAD = 'lm_head.weight'

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

/** The vocabulary projection's parameter. */
export function headName(spec: DecoderSpec): string {
  return spec.tiedHead ? EMBEDDING : HEAD
}

/** The parameters that a model of this kind has, in the order in which a forward pass meets them. */
export function parametersOf(spec: DecoderSpec): Parameter[] {
  const { vocabSize, hiddenSize } = spec
  return [
    { name: EMBEDDING, kind: 'embedding', shape: [vocabSize, hiddenSize] },
    ...spec.layers.flatMap((_, layer) => blockParameters(spec, `model.layers.${layer}`)),
    { name: 'model.norm.weight', kind: 'vector', shape: [hiddenSize] },
    ...(spec.tiedHead ? [] : [linear(HEAD, vocabSize, hiddenSize)]),
  ]
}

/** Of a block by the common name of its parameters. */
export function blockParameters(spec: DecoderSpec, layer: string): Parameter[] {
  const { hiddenSize, intermediateSize, headDim, bias } = spec
  const query = spec.heads * headDim
  const keyValue = spec.kvHeads * headDim
  const norms = spec.gemmaNorms
    ? ['input', 'post_attention', 'pre_feedforward', 'post_feedforward']
    : ['input', 'post_attention']
  return [
    ...norms.map((norm) => vector(`${layer}.${norm}_layernorm.weight`, hiddenSize)),
    ...withBias(`${layer}.self_attn.q_proj`, query, hiddenSize, bias.qkv),
    ...withBias(`${layer}.self_attn.k_proj`, keyValue, hiddenSize, bias.qkv),
    ...withBias(`${layer}.self_attn.v_proj`, keyValue, hiddenSize, bias.qkv),
    ...(spec.qkNorm
      ? ['q', 'k'].map((which) => vector(`${layer}.self_attn.${which}_norm.weight`, headDim))
      : []),
    ...withBias(`${layer}.self_attn.o_proj`, hiddenSize, query, bias.output),
    ...withBias(`${layer}.mlp.gate_proj`, intermediateSize, hiddenSize, bias.mlp),
    ...withBias(`${layer}.mlp.up_proj`, intermediateSize, hiddenSize, bias.mlp),
    ...withBias(`${layer}.mlp.down_proj`, hiddenSize, intermediateSize, bias.mlp),
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

/** All weights of a model, each counted once. */
export function parameterCount(spec: DecoderSpec): number {
  const sizes = parametersOf(spec).map(({ shape }) => shape.reduce((product, size) => product * size, 1))
  return sizes.reduce((sum, size) => sum + size, 0)
}
