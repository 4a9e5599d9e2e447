import type { Granted } from '../families/family.js'
import { type DecoderSpec, spansOf } from '../spec.js'

/** How far numbers are apart, relatively, that a file holds as float32. */
const ROUNDED = 1e-5

/** Fields of config.json by those of a specification that are called otherwise. */
const NAMES: Readonly<Record<string, string>> = {
  activation: 'activation (hidden_act)',
  attentionScale:
    'scale of attention scores (query_pre_attn_scalar, attention_multiplier, scale_attn_weights)',
  attentionSoftcap: 'attn_logit_softcapping',
  bias: 'biases',
  embeddingScale: 'embedding_multiplier',
  experts: 'experts',
  'experts.layers': 'layers with experts (decoder_sparse_step, mlp_only_layers)',
  'experts.normalised': 'norm_topk_prob',
  headDim: 'head_dim',
  kvHeads: 'num_key_value_heads',
  layers: 'kinds of layers (layer_types, sliding_window, no_rope_layers)',
  logitDivisor: 'logit_scale',
  logitSoftcap: 'final_logit_softcapping',
  maxPositions: 'max_position_embeddings',
  queryScale: 'llama_4_scaling_beta',
  residualMultiplier: 'residual_multiplier',
  rope: 'rotary embedding (rope_parameters)',
  ropeFactor: 'rotary embedding (rope_parameters)',
  slidingWindow: 'sliding_window',
  tiedHead: 'tie_word_embeddings',
}

/**
 * The field of config.json by which two specifications differ; undefined where they compute the same.
 * @param slides whether windows count that are as long as the context
 */
export function specDifference(a: DecoderSpec, b: DecoderSpec, slides: boolean): string | undefined {
  return nameOf(differentPath(comparable(a, slides), comparable(b, slides)))
}

function nameOf(path: string | undefined): string | undefined {
  if (path === undefined || NAMES[path] !== undefined) return path && NAMES[path]
  const end = path.lastIndexOf('.')
  return end < 0 ? path : nameOf(path.slice(0, end))
}

/** The same by the parts of one that there are. */
export function partialSpecDifference(part: Granted, spec: DecoderSpec): string | undefined {
  const { bias, ...others } = part
  return nameOf(differentPath({ ...spec, ...others, bias: { ...spec.bias, ...bias } }, spec))
}

/** What computes something: neither the family's name nor embeddings that no layer has. */
/** Fields that others follow from come first. */
function comparable({ family: _, layers, rope, ropeFactor, ...spec }: DecoderSpec, slides: boolean) {
  const { rotated } = spansOf({ layers })
  const used = <T>(each: Readonly<Record<'full' | 'sliding', T>> | undefined) =>
    each && Object.fromEntries(Object.entries(each).filter(([span]) => rotated.has(span as 'full')))
  const own = { layers, rope: used(rope), ropeFactor: used(ropeFactor), ...spec }
  const isWhole = !slides && (spec.slidingWindow ?? 0) >= spec.maxPositions
  if (!isWhole) return own
  const full = layers.map((kind) => kind.replace('sliding', 'full'))
  return { ...own, layers: full, slidingWindow: undefined, rope: { full: rope.sliding } }
}

function differentPath(a: unknown, b: unknown): string | undefined {
  if (typeof a === 'number' && typeof b === 'number') {
    return Math.abs(a - b) <= ROUNDED * Math.abs(a) ? undefined : ''
  }
  if (typeof a !== 'object' || typeof b !== 'object' || !a || !b) return a === b ? undefined : ''
  const [one, other] = [a, b] as Readonly<Record<string, unknown>>[]
  for (const key of new Set([...Object.keys(one), ...Object.keys(other)])) {
    const inner = differentPath(one[key], other[key])
    if (inner !== undefined) return inner === '' ? key : `${key}.${inner}`
  }
  return undefined
}
